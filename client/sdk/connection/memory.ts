import type { StreamPoints, StreamState, Tracks } from "../../../protocol/mod.ts";

/** A frame as it was, or is to be, sent. */
export interface SentFrame {
  seq: number;
  /** When it was sent, or would have been: `performance.now()`. */
  at: number;
  /** The whole message, nobody else's to change. */
  message: Uint8Array<ArrayBuffer>;
}

/** Before the first detection: longer ago than any interval. */
const NEVER = 0xffffffff;
/** Where a frame message has its flags, and which of them asks for a reset. */
const FLAGS_AT = 1, RESET = 1;

/**
 * What a client knows of its stream, so that it can go on at another server: the last answered
 * frame, the points that stand on it, and the frames that are still under way. The points are
 * copies: tracks belong to who listens for them.
 */
export class Memory {
  #answered: SentFrame | null = null;
  #points: StreamPoints = none();
  #nextId = 1;
  #sinceDetection = NEVER;
  #underWay: SentFrame[] = [];

  sent(frame: SentFrame): void {
    this.#underWay.push(frame);
  }

  /** The frames before this one were dropped, and will not be answered. */
  answered({ seq, points, lost, detected }: Tracks): void {
    const at = this.#underWay.findIndex((frame) => frame.seq === seq);
    if (at < 0) return;
    this.#answered = this.#underWay[at];
    this.#underWay.splice(0, at + 1);
    const { id, xy, dxy, age } = points;
    this.#points = { id: id.slice(), xy: xy.slice(), dxy: dxy.slice(), age: age.slice() };
    this.#seen(id.at(-1) ?? 0);
    for (const lostId of lost.id) this.#seen(lostId); // found and lost on one frame
    this.#sinceDetection = detected ? 0 : Math.min(NEVER, this.#sinceDetection + 1);
  }

  /** A frame was answered by an error: the tracks are as they were. */
  failed(seq: number): void {
    this.#underWay.splice(0, this.#underWay.findIndex((frame) => frame.seq === seq) + 1);
  }

  /** Points that were added to the last answered frame; their ids are above all before. */
  added(ids: readonly number[], xy: readonly (readonly [number, number])[]): void {
    const { points } = this;
    this.#points = {
      id: Uint32Array.of(...points.id, ...ids),
      xy: Float32Array.of(...points.xy, ...xy.flat()),
      dxy: Float32Array.of(...points.dxy, ...ids.flatMap(() => [0, 0])),
      age: Uint32Array.of(...points.age, ...ids.map(() => 0)),
    };
    this.#seen(ids.at(-1) ?? 0);
  }

  removed(ids: readonly number[]): void {
    const gone = new Set(ids), { id, xy, dxy, age } = this.#points;
    const keeps = (i: number) => !gone.has(id[i]);
    this.#points = {
      id: id.filter((_, i) => keeps(i)),
      xy: xy.filter((_, at) => keeps(at >> 1)),
      dxy: dxy.filter((_, at) => keeps(at >> 1)),
      age: age.filter((_, i) => keeps(i)),
    };
  }

  cleared(): void {
    this.#points = none();
  }

  /** What the next server is to go on with; null where no frame was answered yet. */
  get state(): StreamState | null {
    if (!this.#answered) return null;
    return { nextId: this.#nextId, sinceDetection: this.#sinceDetection, points: this.#points };
  }

  /** The points that are known to live. */
  get points(): StreamPoints {
    return this.#points;
  }

  /** To begin anew with: no point, and ids that were not given out yet. */
  get ids(): StreamState {
    return { nextId: this.#nextId, sinceDetection: 0, points: none() };
  }

  /** The frame on which the points stand, as the next server is to get it: without a reset. */
  get standing(): SentFrame | null {
    if (!this.#answered) return null;
    const message = this.#answered.message.slice();
    message[FLAGS_AT] &= ~RESET;
    return { ...this.#answered, message };
  }

  /** The stream ended: the frames that it did not answer, in order; they are under way no more. */
  takeUnanswered(): SentFrame[] {
    const unanswered = this.#underWay;
    this.#underWay = [];
    return unanswered;
  }

  #seen(id: number): void {
    if (id >= this.#nextId) this.#nextId = Math.min(NEVER, id + 1);
  }
}

function none(): StreamPoints {
  return {
    id: new Uint32Array(),
    xy: new Float32Array(),
    dxy: new Float32Array(),
    age: new Uint32Array(),
  };
}
