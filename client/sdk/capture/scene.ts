/** What went on unseen for so long shows another scene. */
export const SCENE_MS = 3000;

/**
 * Tells of each frame of a video whether it follows the one before. It does not where the video
 * went back, nor where it was moved on, or played on in a hidden page, by more than a moment. One
 * that was held follows, however long that was; so does one of few frames.
 */
export class VideoScene implements Disposable {
  #latest = Infinity;
  /** It may have: it was moved, or the page hidden, since the latest frame. */
  #leapt = false;

  constructor(readonly video: HTMLVideoElement) {
    video.addEventListener("seeking", this.#leap);
    document.addEventListener("visibilitychange", this.#leap);
  }

  /** @param timestamp the frame's place in the video, or when it was shown if that has none */
  follows(timestamp: number): boolean {
    const passed = timestamp - this.#latest;
    const follows = passed >= 0 && (passed <= SCENE_MS || !this.#leapt);
    this.#latest = timestamp;
    this.#leapt = false;
    return follows;
  }

  [Symbol.dispose](): void {
    this.video.removeEventListener("seeking", this.#leap);
    document.removeEventListener("visibilitychange", this.#leap);
  }

  readonly #leap = (): void => {
    this.#leapt = true;
  };
}
