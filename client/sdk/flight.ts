import { Latest, Rate, type Spread } from "./meter.ts";

/** A session works on one frame and keeps one waiting: more would only be dropped. */
export const MAX_UNANSWERED = 2;

/** What the connection has measured so far. */
export interface Measured {
  sent: number;
  answered: number;
  /** Frames that the server dropped for a newer one. */
  dropped: number;
  /** Frames answered by an error. */
  failed: number;
  /** Frames a second over the last two seconds. */
  sentPerSecond: number;
  answeredPerSecond: number;
  /** From `send` to its tracks, over the last 120 frames; null before the first. */
  roundTrip: Spread | null;
}

/** The frames under way, and how fast they are answered. */
export class Flight {
  #frames: { seq: number; sentAt: number }[] = [];
  readonly #counts = { sent: 0, answered: 0, dropped: 0, failed: 0 };
  readonly #sentRate = new Rate();
  readonly #answeredRate = new Rate();
  readonly #roundTrip = new Latest();

  get unanswered(): number {
    return this.#frames.length;
  }

  sent(seq: number, now: number): void {
    this.#frames.push({ seq, sentAt: now });
    this.#counts.sent++;
    this.#sentRate.mark(now);
  }

  /** Answers come in order, so the frames before this one were dropped. */
  answered(seq: number, dropped: number, now: number): void {
    this.#counts.answered++;
    this.#counts.dropped += dropped;
    this.#answeredRate.mark(now);
    const at = this.#frames.findIndex((frame) => frame.seq === seq);
    if (at < 0) return;
    this.#roundTrip.add(now - this.#frames[at].sentAt);
    this.#frames.splice(0, at + 1);
  }

  failed(seq: number): void {
    this.#counts.failed++;
    this.#frames = this.#frames.filter((frame) => frame.seq !== seq);
  }

  /** The stream ended: nothing under way will be answered. */
  clear(): void {
    this.#frames = [];
  }

  measured(now: number): Measured {
    return {
      ...this.#counts,
      sentPerSecond: this.#sentRate.perSecond(now),
      answeredPerSecond: this.#answeredRate.perSecond(now),
      roundTrip: this.#roundTrip.spread(),
    };
  }
}
