import { atEveryFrame, atEveryRepaint } from "./every_frame.ts";
import { SCENE_MS, VideoScene } from "./scene.ts";
import { TrackReader } from "./track_reader.ts";
import type { Attachable, FrameCallback, Frames } from "./frames.ts";

/**
 * Calls back when a new frame is shown: a video and a track say when, a canvas may
 * have changed at every repaint. Nothing is called for canvases and videos while
 * the page is hidden.
 *
 * @throws {TypeError} outside of pages and workers, and for a track in a worker of a browser that
 * cannot read it there.
 */
export function watchFrames(source: Attachable, callback: FrameCallback): Frames {
  if (typeof requestAnimationFrame !== "function") {
    throw new TypeError(
      "Cannot take frames here: allowed are pages and workers; elsewhere, connection.send(jpeg) " +
        "sends JPEGs from anywhere",
    );
  }
  if ("getContext" in source) return new CanvasFrames(source, callback);
  if ("videoWidth" in source) return new VideoFrames(source, callback);
  if (TrackReader.isSupported) return new TrackReader(source, callback);
  if (typeof document === "object") return new PlayedTrack(source, callback);
  throw new TypeError(
    "Cannot take frames from a track here: allowed are pages, and workers that have " +
      "MediaStreamTrackProcessor",
  );
}

const framesAreUpright = typeof VideoFrame === "function" && "rotation" in VideoFrame.prototype;

class CanvasFrames implements Frames {
  readonly #stop: () => void;

  constructor(readonly canvas: HTMLCanvasElement | OffscreenCanvas, callback: FrameCallback) {
    let latest: string | undefined;
    let repainted = -Infinity;
    this.#stop = atEveryRepaint((now) => {
      const follows = now - repainted <= SCENE_MS; // a hidden page is not repainted
      repainted = now;
      const frame = "dataset" in canvas ? canvas.dataset.frame : undefined;
      if (frame !== undefined && frame === latest) return;
      latest = frame;
      callback(now, now, follows);
    });
  }

  take() {
    return createImageBitmap(this.canvas);
  }

  size() {
    return { width: this.canvas.width, height: this.canvas.height };
  }

  [Symbol.dispose](): void {
    this.#stop();
  }
}

class VideoFrames implements Frames {
  readonly #scene: VideoScene;
  readonly #stop: () => void;

  constructor(readonly video: HTMLVideoElement, callback: FrameCallback) {
    this.#scene = new VideoScene(video);
    this.#stop = atEveryFrame(video, (now, place) => {
      const timestamp = video.srcObject ? now : 1000 * place;
      callback(now, timestamp, this.#scene.follows(timestamp));
    });
  }

  /** A `VideoFrame` costs this thread no copy, but older browsers' do not know that they are turned. */
  async take() {
    if (!framesAreUpright) return await createImageBitmap(this.video);
    return new VideoFrame(this.video);
  }

  size() {
    return { width: this.video.videoWidth, height: this.video.videoHeight };
  }

  [Symbol.dispose](): void {
    this.#stop();
    this.#scene[Symbol.dispose]();
  }
}

/** A track where only a video element can read it. */
class PlayedTrack extends VideoFrames {
  constructor(track: MediaStreamTrack, callback: FrameCallback) {
    const video = document.createElement("video");
    video.muted = video.playsInline = true; // else no browser plays it by itself
    video.srcObject = new MediaStream([track]);
    video.play().catch(() => {}); // closed meanwhile
    super(video, callback);
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.video.srcObject = null;
  }
}
