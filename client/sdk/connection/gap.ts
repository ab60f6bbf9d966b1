import type { SentFrame } from "./memory.ts";

/** What is kept of a gap, at most. Past it, points could not be found again. */
export const GAP_MS = 2000;
export const GAP_BYTES = 8 << 20;
/** Between two frames the picture may move so far, px: points are followed over twice as much. */
const STEP_PX = 12;
/** And so long may pass, for what stood still may begin to move. */
const STEP_MS = 100;

/**
 * The frames that could not be sent while there was no server, thinned: close enough to each other
 * for points to be followed from one to the next, so that ids live on upon the right things.
 */
export class Gap {
  #frames: SentFrame[] = [];
  #bytes = 0;
  #lastAt = -Infinity;
  #stepMs = 0;
  #isBroken = false;

  /** Frames that wait to be sent. */
  get length(): number {
    return this.#frames.length;
  }

  /** True where more was missed than is kept: the stream cannot go on. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /**
   * A gap begins.
   *
   * @param unanswered the frames that the last stream did not answer
   * @param speed how fast the picture moved before it, px a millisecond
   */
  begin(unanswered: readonly SentFrame[], speed: number): void {
    this.clear();
    this.#stepMs = speed > 0 ? Math.min(STEP_MS, STEP_PX / speed) : STEP_MS;
    for (const frame of unanswered) this.#keep(frame);
  }

  /** Whether a frame of now is far enough from the one before it. */
  wants(now: number): boolean {
    return !this.#isBroken && now - this.#lastAt >= this.#stepMs;
  }

  /** Keeps a frame. @returns false where that is more than is kept of a gap */
  put(frame: SentFrame): boolean {
    this.#keep(frame);
    return frame.at - this.#frames[0].at <= GAP_MS && this.#bytes <= GAP_BYTES;
  }

  /** The oldest frame that waits. */
  take(): SentFrame | undefined {
    const frame = this.#frames.shift();
    this.#bytes -= frame?.bytes ?? 0;
    return frame;
  }

  /** All frames that wait, in order. */
  takeAll(): SentFrame[] {
    const frames = this.#frames;
    this.clear();
    return frames;
  }

  /** The stream cannot go on: nothing is kept. */
  break(): void {
    this.clear();
    this.#isBroken = true;
  }

  /** Nothing waits any more. */
  clear(): void {
    this.#frames = [];
    this.#bytes = 0;
    this.#lastAt = -Infinity;
    this.#isBroken = false;
  }

  #keep(frame: SentFrame): void {
    this.#frames.push(frame);
    this.#bytes += frame.bytes;
    this.#lastAt = frame.at;
  }
}
