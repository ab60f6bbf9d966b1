import { type StreamState, type Tracks } from "../../../protocol/mod.ts";
import { Gap, GAP_MS } from "./gap.ts";
import { Memory, type SentFrame } from "./memory.ts";

/** How a stream went on after a gap. */
export interface Resumed {
  /** Points that lived on: those that stand on the last frame before the gap that was answered. */
  live: number;
  /** Frames of the gap that were tracked after it. */
  replayed: number;
  /** From the last tracks before the gap to the first ones after it. */
  gapMs: number;
}

/** Where the picture moves farther between two frames, points are found on the wrong things. */
const REACH_PX = 40;

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
  #live = 0;
  #replayed = 0;
  /** The last frame of those that waited; undefined where {@linkcode Resumed} is not to be told. */
  #lastReplayed: number | null | undefined;
  /** When tracks were last heard, and for how long none were before that. */
  #heardAt = 0;
  #gapMs: number | null = null;
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

  /**
   * A frame that cannot be sent now. Too much of a gap cannot be gone on over, nor too much that
   * waits for its turn.
   *
   * @returns whether the stream, which is there already, begins anew for that
   */
  keep(frame: SentFrame): boolean {
    if (this.#gap.put(frame)) return false;
    this.#gap.break();
    const isThere = this.#phase === "standing" || this.#phase === "replaying";
    if (isThere) this.anew();
    return isThere;
  }

  /** Frames are kept from now on, until the next stream is there; this one still answers. */
  leave(): void {
    if (!this.isOn || !this.isLive || !this.#memory.state) return;
    this.#phase = "away";
    this.#gap.begin([], this.#memory.speed);
  }

  /** The stream ended: what it did not answer is part of the gap. */
  ended(now: number): void {
    const { owedSince = now, speed } = this.#memory;
    const unanswered = this.#memory.takeUnanswered();
    if (!this.isOn || !this.#memory.state) return;
    // since the latest one frames were skipped that nobody kept
    const unseenMs = this.isLive ? now - (unanswered.at(-1)?.at ?? now) : 0;
    const isTooFar = unseenMs * speed > REACH_PX || now - owedSince > GAP_MS;
    const isBroken = this.#gap.isBroken || this.#mustReset || isTooFar;
    this.#phase = "away";
    this.#standing = null;
    this.#lastReplayed = undefined;
    this.#gap.begin([...unanswered, ...this.#gap.takeAll()], speed);
    if (isBroken) this.#gap.break();
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

  /** The stream goes on with this, or anew without. @returns the frame that it is given first */
  agreed(state: StreamState | undefined): SentFrame | null {
    if (!state || state === this.#proposals.at(-1) || this.#gap.isBroken) {
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
    this.#mustReset = true;
    this.#lastReplayed = undefined;
  }

  /** @returns the tracks as who listens is to hear them; null for those of a frame that was answered before */
  answered(tracks: Tracks, now: number): Tracks | null {
    if (tracks.seq === this.#standing?.seq) {
      this.#standing = null;
      if (this.#phase === "standing") this.#stand(tracks);
      return null;
    }
    this.#memory.answered(tracks);
    this.#gapMs ??= now - this.#heardAt;
    this.#heardAt = now;
    const ended = this.#ended;
    if (!ended) return tracks;
    this.#ended = null;
    return { ...tracks, lost: together(ended, tracks.lost) };
  }

  #stand(tracks: Tracks): void {
    const lost = together(this.#memory.takeEnded(), tracks.lost);
    this.#memory.stood(tracks);
    this.#ended = lost.id.length > 0 ? lost : null;
    this.#live = tracks.points.id.length;
    this.#replayed = 0;
    this.#lastReplayed = this.#gapMs = null;
    this.#phase = "replaying";
  }

  /** A frame was answered by an error. @returns whether the stream begins anew for that */
  failed(seq: number): boolean {
    if (seq !== this.#standing?.seq) {
      this.#memory.failed(seq);
      return false;
    }
    this.#standing = null;
    if (this.#phase !== "standing") return false;
    this.anew();
    return true;
  }

  /** The next frame of those that wait, where it is their turn. */
  next(): SentFrame | undefined {
    if (this.#phase !== "replaying") return undefined;
    const frame = this.#gap.take();
    if (!frame) return undefined;
    this.#replayed++;
    this.#lastReplayed = frame.seq;
    return frame;
  }

  /**
   * Once nothing waits any more, frames are sent as they come again.
   *
   * @returns how it went, once: when the last frame of those that waited is answered
   */
  caughtUp(now: number): Resumed | null {
    if (this.#phase === "replaying" && this.#gap.length === 0) this.#phase = "live";
    const last = this.#lastReplayed;
    if (!this.isLive || last === undefined) return null;
    if (last !== null && this.#memory.owes(last)) return null;
    this.#lastReplayed = undefined;
    this.#gapMs ??= now - this.#heardAt;
    return { live: this.#live, replayed: this.#replayed, gapMs: this.#gapMs };
  }
}

function together(first: Tracks["lost"], second: Tracks["lost"]): Tracks["lost"] {
  return {
    id: Uint32Array.of(...first.id, ...second.id),
    reason: Uint8Array.of(...first.reason, ...second.reason),
  };
}
