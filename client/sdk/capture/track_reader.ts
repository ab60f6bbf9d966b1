import type { FrameCallback, Frames } from "./frames.ts";
import { SCENE_MS } from "./scene.ts";

/** Safari has it in workers, Chromium everywhere; the platform's types do not know it yet. */
declare const MediaStreamTrackProcessor: {
  new (init: { track: MediaStreamTrack }): { readable: ReadableStream<VideoFrame> };
};

/** The frames of a track as they come, without a video element, and in hidden pages too. */
export class TrackReader implements Frames {
  static readonly isSupported = typeof MediaStreamTrackProcessor === "function";
  readonly #reader: ReadableStreamDefaultReader<VideoFrame>;
  #latest: VideoFrame | null = null;

  constructor(track: MediaStreamTrack, callback: FrameCallback) {
    this.#reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    this.#read(callback);
  }

  async #read(callback: FrameCallback): Promise<void> {
    let latest = -Infinity;
    for (;;) {
      const { value, done } = await this.#reader.read();
      if (done) return;
      this.#latest?.close();
      this.#latest = value;
      const now = performance.now();
      callback(now, now, now - latest <= SCENE_MS); // longer ago, it was held or the camera slept
      latest = now;
    }
  }

  take(): Promise<VideoFrame | null> {
    return Promise.resolve(this.#latest?.clone() ?? null);
  }

  size(): { width: number; height: number } {
    const { displayWidth: width = 0, displayHeight: height = 0 } = this.#latest ?? {};
    return { width, height };
  }

  [Symbol.dispose](): void {
    this.#reader.cancel().catch(() => {}); // the track may have ended
    this.#latest?.close();
    this.#latest = null;
  }
}
