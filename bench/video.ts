/**
 * Times `deno task track clip.mp4` beside ffmpeg's own decoding of the same clip, in turns:
 *
 *     deno run -A bench/video.ts [--width 1280] [--height 720] [--rounds 5]
 *
 * Needs ffmpeg. Says how often ffmpeg's time the command takes, after checking that it tracks right.
 */
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { howToInstall } from "../cli/sources/ffmpeg_arguments.ts";
import { makeClip } from "./clip.ts";
import { Timings } from "./timings.ts";

const REPEATS = 10;
const { values: flags } = parseArgs({
  options: {
    width: { type: "string", default: "1280" },
    height: { type: "string", default: "720" },
    rounds: { type: "string", default: "5" },
  },
});
const [width, height, rounds] = [flags.width, flags.height, flags.rounds].map(Number);
const clip = makeClip(width, height);
const frames = REPEATS * clip.greys.length;
const folder = await Deno.makeTempDir();
const file = `${folder}/clip.mp4`;

try {
  await encode();
  const decoded = new Timings(), piped = new Timings(), tracked = new Timings();
  for (let round = 0; round < rounds; round++) {
    decoded.add(await timed("ffmpeg", ["-loglevel", "error", "-i", file, "-f", "null", "-"]));
    const grey = ["-pix_fmt", "gray", "-f", "rawvideo", "-"];
    piped.add(await timed("ffmpeg", ["-loglevel", "error", "-i", file, ...grey]));
    tracked.add(await track());
  }
  const [decode, pipe, all] = [decoded, piped, tracked].map((ms) => ms.at(0.5) / frames);
  console.log(
    `${frames} frames of ${width}×${height}, H.264, median of ${rounds} rounds, ms a frame:\n` +
      `ffmpeg decodes                     ${decode.toFixed(2)}\n` +
      `ffmpeg decodes, grey into a pipe   ${pipe.toFixed(2)}\n` +
      `track, 500 points there and back   ${all.toFixed(2)}, ` +
      `${(all / decode).toFixed(2)} times ffmpeg's decoding`,
  );
} finally {
  await Deno.remove(folder, { recursive: true });
}

async function encode(): Promise<void> {
  const input = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", `${width}x${height}`, "-r", "30"];
  const output = ["-c:v", "libx264", "-crf", "18", "-preset", "fast", "-pix_fmt", "yuv420p", file];
  const child = start("ffmpeg", ["-loglevel", "error", "-y", ...input, "-i", "-", ...output]);
  const writer = child.stdin.getWriter();
  for (let i = 0; i < frames; i++) {
    await writer.write(Uint8Array.from(clip.greys[i % clip.greys.length].data));
  }
  await writer.close();
  const { success, stderr } = await child.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

function start(program: string, args: string[]): Deno.ChildProcess {
  try {
    const pipes = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
    return new Deno.Command(program, { args, ...pipes }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.error(`Cannot bench videos: ffmpeg is not installed. ${howToInstall()}`);
    Deno.exit(1);
  }
}

/** Milliseconds from start to end; what it writes is read and thrown away. */
async function timed(program: string, args: string[]): Promise<number> {
  const started = performance.now();
  const child = start(program, args);
  await child.stdin.close();
  const [, , { success }] = await Promise.all([
    child.stdout.pipeTo(new WritableStream()),
    child.stderr.pipeTo(new WritableStream()),
    child.status,
  ]);
  if (!success) throw new Error(`Cannot bench videos: ${program} failed`);
  return performance.now() - started;
}

/** Milliseconds that the command says it took, without the start of Deno. */
async function track(): Promise<number> {
  const out = `${folder}/tracks.ndjson`;
  const script = fileURLToPath(new URL("../cli/track.ts", import.meta.url));
  const args = ["run", "-A", "--no-check", script, file, "-o", out];
  const { stderr } = await new Deno.Command(Deno.execPath(), { args, stdout: "null" }).output();
  const said = new TextDecoder().decode(stderr);
  const lines = (await Deno.readTextFile(out)).trimEnd().split("\n");
  const [dx, dy] = JSON.parse(lines[1]).flow, [x, y] = clip.offset(1);
  if (lines.length !== frames || Math.hypot(dx - x, dy - y) > 0.1) {
    throw new Error(`Cannot bench videos: ${lines.length} frames, flow ${dx}, ${dy}; ${said}`);
  }
  return 1000 * Number(/ in ([\d.]+) s/.exec(said)![1]);
}
