import { type StreamState, type Tracks } from "../../../protocol/mod.ts";
import { Gap, GAP_MS } from "./gap.ts";
import { Memory, type SentFrame } from "./memory.ts";

/** How a stream went on after a gap. */
export interface Resumed {
  /** Points that lived on. */
  live: number;
  /** Frames of the gap that were tracked after it. */
  replayed: number;
  /** From the last frame before the gap that was answered to the first one after it. */
  gapMs: number;
}

type Phase =
  /** Frames are sent as they come. */
  | "live"
  /** There is no stream, or it is about to be left: frames are kept. */
  | "away"
  /** The next stream was asked to go on. */
  | "asking"
  /** It was given the frame on which the points stand. */
  | "standing"
  /** It is given the frames of the gap, and those that come meanwhile. */
  | "replaying";

/**
 * Lets a series of streams be one: decides what the next stream is told and given, so that points
 * keep their ids. Sends nothing itself.
 */
export class Resuming {
  readonly #memory = new Memory();
  readonly #gap = new Gap();
  #phase: Phase = "live";
  #standing: SentFrame | null = null;
  /** Points that ended on the frame on which they stood, to be told with the next tracks. */
  #ended: Tracks["lost"] | null = null;
  #awaySince = 0;
  #live = 0;
  #replayed = 0;
  #mustReset = false;
  /** What the stream is asked to go on with, the best first. */
  #proposals: StreamState[] = [];

  /** @param isOn without it every stream begins anew */
  constructor(readonly isOn: boolean) {}

  get isLive(): boolean {
    return this.#phase === "live";
  }

  /** The user's requests change what is remembered. */
  get memory(): Memory {
    return this.#memory;
  }

  /** Whether a frame of now would be kept, while frames cannot be sent as they come. */
  wants(now: number): boolean {
    return this.#gap.wants(now);
  }

  /** Whether the next frame that is sent must begin anew; asked once. */
  takeReset(): boolean {
    const must = this.#mustReset;
    this.#mustReset = false;
    return must;
  }

  /** A frame that cannot be sent now. Too much of a gap cannot be gone on over; too much of what waits for its turn is skipped. */
  keep(frame: SentFrame): void {
    if (this.#gap.put(frame)) return;
    if (this.#phase === "away") return this.#gap.break();
    this.#gap.takeAll();
    this.#gap.put(frame);
  }

  /** Frames are kept from now on, until the next stream is there; this one still answers. */
  leave(now: number): void {
    if (!this.isOn || !this.isLive || !this.#memory.state) return;
    this.#phase = "away";
    this.#awaySince = now;
    this.#gap.begin([], this.#memory.speed);
  }

  /** The stream ended: what it did not answer is part of the gap. */
  ended(now: number): void {
    const { owedSince = now, speed } = this.#memory;
    const unanswered = this.#memory.takeUnanswered();
    if (!this.isOn || !this.#memory.state) return;
    if (this.isLive) this.#awaySince = unanswered[0]?.at ?? now;
    const wasBroken = this.#gap.isBroken;
    this.#phase = "away";
    this.#gap.begin([...unanswered, ...this.#gap.takeAll()], speed);
    // meanwhile frames were skipped that nobody kept
    if (wasBroken || now - owedSince > GAP_MS) this.#gap.break();
  }

  /** What the next stream may be asked to go on with, the best first. Without any, it is a first one. */
  proposals(): StreamState[] {
    const { state, ids } = this.#memory;
    if (!state || this.isLive) return [];
    this.#phase = "asking";
    return this.#proposals = this.#gap.isBroken ? [ids] : [state, ids];
  }

  /** Whether more was missed than is kept. */
  get isBroken(): boolean {
    return this.#gap.isBroken;
  }

  /** The stream goes on with these points, or without any. @returns the frame that it is given first */
  agreed(state: StreamState): SentFrame | null {
    this.#live = state.points.id.length;
    this.#replayed = 0;
    if (state === this.#proposals.at(-1)) {
      this.anew();
      return null;
    }
    this.#phase = "standing";
    return this.#standing = this.#memory.standing;
  }

  /** The stream does not go on. Its ids do, if it agreed to that. */
  anew(): void {
    this.#phase = "live";
    this.#gap.clear();
    this.#standing = null;
    this.#mustReset = true;
  }

  /** @returns the tracks as who listens is to hear them; null for those of a frame that was answered before */
  answered(tracks: Tracks): Tracks | null {
    if (this.#phase === "standing" && tracks.seq === this.#standing?.seq) {
      this.#memory.stood(tracks);
      this.#ended = tracks.lost.id.length > 0 ? tracks.lost : null;
      this.#phase = "replaying";
      return null;
    }
    this.#memory.answered(tracks);
    const ended = this.#ended;
    if (!ended) return tracks;
    this.#ended = null;
    return { ...tracks, lost: together(ended, tracks.lost) };
  }

  /** A frame was answered by an error. */
  failed(seq: number): void {
    if (this.#phase === "standing" && seq === this.#standing?.seq) return this.anew();
    this.#memory.failed(seq);
  }

  /** The next frame of those that wait, where it is their turn. */
  next(): SentFrame | undefined {
    if (this.#phase !== "replaying") return undefined;
    const frame = this.#gap.take();
    if (frame) this.#replayed++;
    return frame;
  }

  /** Once nothing waits any more, frames are sent as they come again. @returns how it went, once */
  caughtUp(now: number): Resumed | null {
    if (this.#phase !== "replaying" || this.#gap.length > 0) return null;
    this.#phase = "live";
    return { live: this.#live, replayed: this.#replayed, gapMs: now - this.#awaySince };
  }
}

function together(first: Tracks["lost"], second: Tracks["lost"]): Tracks["lost"] {
  return {
    id: Uint32Array.of(...first.id, ...second.id),
    reason: Uint8Array.of(...first.reason, ...second.reason),
  };
}
