import type { Tracks } from "../../../protocol/mod.ts";
import { type FrameTimes, frameTimes, type Spent, Ways } from "./frame_times.ts";
import { Latest, Rate, type Spread } from "../meter.ts";

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
  /** Bytes a second of the messages with frames and with tracks, over the last two seconds. */
  bytesSentPerSecond: number;
  bytesReceivedPerSecond: number;
  /** From `send` to its tracks, over the last 120 frames; null before the first. */
  roundTrip: Spread | null;
}

interface UnderWay {
  seq: number;
  sentAt: number;
  bytes: number;
  spent: Spent | undefined;
}

/** The frames under way, and how fast they are answered. */
export class Flight {
  #frames: UnderWay[] = [];
  readonly #counts = { sent: 0, answered: 0, dropped: 0, failed: 0 };
  readonly #sentRate = new Rate();
  readonly #answeredRate = new Rate();
  readonly #sentBytes = new Rate();
  readonly #receivedBytes = new Rate();
  readonly #roundTrip = new Latest();
  readonly #ways = new Ways();

  get unanswered(): number {
    return this.#frames.length;
  }

  /** @param bytes size of the frame's message */
  sent(seq: number, now: number, bytes: number, spent?: Spent): void {
    this.sentAgain(seq, now, bytes, spent);
    this.#counts.sent++;
    this.#sentRate.mark(now);
    this.#sentBytes.mark(now, bytes);
  }

  /** A frame that another stream was sent before: it is under way, and was counted then. */
  sentAgain(seq: number, now: number, bytes: number, spent?: Spent): void {
    this.#frames.push({ seq, sentAt: now, bytes, spent });
  }

  /** A frame was answered a second time, which does not count. */
  answeredAgain(seq: number): void {
    this.#settle(seq);
  }

  /**
   * Answers come in order, so the frames before this one were dropped. Undefined
   * where the frame is none of these.
   *
   * @param bytes size of the tracks' message
   */
  answered(tracks: Tracks, now: number, bytes: number): FrameTimes | undefined {
    this.#counts.answered++;
    this.#counts.dropped += tracks.dropped;
    this.#answeredRate.mark(now);
    this.#receivedBytes.mark(now, bytes);
    const at = this.#frames.findIndex(({ seq }) => seq === tracks.seq);
    if (at < 0) return undefined;
    const { sentAt, bytes: bytesUp, spent } = this.#frames[at];
    this.#frames.splice(0, at + 1);
    const roundTrip = now - sentAt;
    this.#roundTrip.add(roundTrip);
    return frameTimes(tracks, { roundTrip, bytesUp, bytesDown: bytes, spent }, this.#ways);
  }

  /** Errors too come in order: the frames before this one were dropped. */
  failed(seq: number): void {
    this.#counts.failed++;
    this.#settle(seq);
  }

  #settle(seq: number): void {
    this.#frames.splice(0, this.#frames.findIndex((frame) => frame.seq === seq) + 1);
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
      bytesSentPerSecond: this.#sentBytes.perSecond(now),
      bytesReceivedPerSecond: this.#receivedBytes.perSecond(now),
      roundTrip: this.#roundTrip.spread(),
    };
  }
}
