/** So long a network or a camera may be silent, in microseconds. */
const PATIENCE_US = "10000000";

/** Endings of files; behind an http address too, it is a file that ends. */
const FILES = /\.(mp4|m4v|mov|mkv|webm|avi|ts|m2ts|mpg|mpeg|flv|ogv|gif|m3u8|3gp|wmv|y4m)$/i;

const DEVICE = /^\/dev\/video\d+$/;

/** Whether a name is for ffmpeg whatever is in it: an address or a camera of this machine. */
export function isAddress(name: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(name) || DEVICE.test(name);
}

/** Whether it is a camera: it has no end, and may come back. */
export function isLive(name: string): boolean {
  if (DEVICE.test(name)) return true;
  if (/^https?:/i.test(name)) return !FILES.test(new URL(name).pathname);
  return /^(rtsps?|rtmps?|srt|udp|rtp|tcp):/i.test(name);
}

/** A text without the passwords of the addresses in it: it may go to a log. */
export function withoutPasswords(text: string): string {
  return text.replaceAll(/(?<=\/\/)[^/@\s]*:[^/@\s]*(?=@)/g, "…");
}

/** What ffmpeg is to be told of an input, up to `-i`. */
export function inputArguments(name: string): string[] {
  // frames at once, without a heap of them before
  const atOnce = ["-fflags", "nobuffer", "-flags", "low_delay"];
  // such streams have no times of their own
  const byClock = ["-use_wallclock_as_timestamps", "1"];
  if (DEVICE.test(name)) return [...atOnce, ...byClock, "-f", "v4l2", "-i", name];
  if (/^rtsps?:/i.test(name)) {
    // TCP: over UDP a frame that lost a packet comes out torn
    return [...atOnce, "-rtsp_transport", "tcp", "-timeout", PATIENCE_US, "-i", name];
  }
  if (/^https?:/i.test(name)) {
    const live = isLive(name) ? [...atOnce, ...byClock] : [];
    return [...live, "-rw_timeout", PATIENCE_US, "-i", name];
  }
  if (isAddress(name)) return [...isLive(name) ? atOnce : [], "-i", name];
  return ["-i", `file:${name}`]; // whatever the name begins with
}

const INSTALL: [RegExp, string][] = [
  [/\b(debian|ubuntu)\b/, "sudo apt-get install ffmpeg"],
  [/\b(fedora|rhel)\b/, "sudo dnf install ffmpeg-free"],
  [/\barch\b/, "sudo pacman -S ffmpeg"],
  [/\balpine\b/, "sudo apk add ffmpeg"],
  [/\bsuse\b/, "sudo zypper install ffmpeg"],
];

/**
 * The command that installs ffmpeg, as a sentence.
 *
 * @param release of Linux: what /etc/os-release says
 */
export function howToInstall(
  os: typeof Deno.build.os = Deno.build.os,
  release: string = readRelease(),
): string {
  if (os === "darwin") return "To install it: brew install ffmpeg";
  if (os === "windows") return "To install it: winget install ffmpeg";
  const ids = release.match(/^ID(_LIKE)?=.*$/gm)?.join(" ") ?? "";
  const command = INSTALL.find(([system]) => system.test(ids))?.[1];
  return command
    ? `To install it: ${command}`
    : "Your system's packages have it, by the name ffmpeg";
}

function readRelease(): string {
  try {
    return Deno.readTextFileSync("/etc/os-release");
  } catch {
    return "";
  }
}
