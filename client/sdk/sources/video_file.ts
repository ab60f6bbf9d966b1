import type { Playable } from "./source.ts";
import { type Explanation, named, SourceError } from "./source_error.ts";
import { isPage, noPage } from "./page_only.ts";
import { NO_AUTOPLAY } from "./stream.ts";

/** By the code of a MediaError. */
const EXPLANATIONS: Record<number, Explanation> = {
  2: { message: "The video cannot be read", remedy: "Is the file still there? Choose it again." },
  3: {
    message: "The video is damaged",
    remedy: "Choose another file, or convert this one: ffmpeg -i FILE -pix_fmt yuv420p video.mp4",
  },
  4: {
    message: "This browser does not play this kind of video, or shows no picture of it",
    remedy: "MP4 with H.264 and WebM play everywhere. To convert the file: " +
      "ffmpeg -i FILE -pix_fmt yuv420p video.mp4",
  },
};

/**
 * Opens a video and plays it without end, without its sound. Frames have their
 * place in the video as their time.
 *
 * @throws {SourceError} that says what is wrong and what helps.
 */
export async function openVideo(file: Blob, label = nameOf(file)): Promise<VideoFile> {
  if (!isPage) throw new SourceError("NoPage", noPage("a video"));
  const video = Object.assign(document.createElement("video"), {
    muted: true,
    playsInline: true,
    loop: true,
    src: URL.createObjectURL(file),
  });
  const source = new VideoFile(video, label);
  try {
    await video.play();
    if (video.videoWidth === 0) throw new DOMException("It has no picture", "NotSupportedError");
    return source;
  } catch (cause) {
    const { name } = named(cause);
    const explanation = name === "NotAllowedError"
      ? NO_AUTOPLAY
      : EXPLANATIONS[video.error?.code ?? 0] ?? EXPLANATIONS[4];
    source.close();
    throw new SourceError(name, explanation, cause);
  }
}

/** A video file that plays. */
export class VideoFile implements Playable {
  constructor(readonly picture: HTMLVideoElement, readonly label: string) {}

  get playing(): boolean {
    return !this.picture.paused;
  }

  play(): void {
    this.picture.play().catch(() => {}); // closed meanwhile
  }

  pause(): void {
    this.picture.pause();
  }

  /** Called when it cannot be read any further. */
  onEnded(callback: () => void): void {
    this.picture.addEventListener("error", () => this.picture.src && callback(), { once: true });
  }

  close(): void {
    this.picture.pause();
    URL.revokeObjectURL(this.picture.src);
    this.picture.removeAttribute("src");
    this.picture.load(); // lets go of the file
    this.picture.remove();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function nameOf(file: Blob): string {
  return file instanceof File ? file.name : "Video";
}
