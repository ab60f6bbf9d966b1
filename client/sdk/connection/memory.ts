import {
  type Answer,
  lostCode,
  type StreamPoints,
  type StreamState,
  type Tracks,
} from "../../../protocol/mod.ts";
import type { Spent } from "./frame_times.ts";
import type { RequestMessage } from "./requests.ts";

/** A frame as it was, or is to be, sent. */
export interface SentFrame {
  seq: number;
  /** When it was sent, or would have been: `performance.now()`. */
  at: number;
  /** The whole message, nobody else's to change; a Blob is still being read. */
  message: Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>;
  /** Size of the message. */
  bytes: number;
  spent?: Spent;
  /** Another stream was sent it before. */
  wasSent?: boolean;
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
  /** Points that ended by a request since the last answer, which the server would tell of with the next. */
  #ended: { id: number[]; reason: number[] } = { id: [], reason: [] };
  /** From the frame before to the last answered one. */
  #stepMs = Infinity;

  sent(frame: SentFrame): void {
    this.#underWay.push(frame);
  }

  /** The frames before this one were dropped, and will not be answered. */
  answered({ seq, points, lost, detected }: Tracks): void {
    const at = this.#underWay.findIndex((frame) => frame.seq === seq);
    if (at < 0) return;
    const before = this.#answered?.at ?? -Infinity;
    this.#answered = this.#underWay[at];
    this.#stepMs = this.#answered.at - before;
    this.#underWay.splice(0, at + 1);
    this.#ended = { id: [], reason: [] };
    this.stood({ points });
    for (const lostId of lost.id) this.#seen(lostId); // found and lost on one frame
    this.#sinceDetection = detected ? 0 : Math.min(NEVER, this.#sinceDetection + 1);
  }

  /** The points as they are now on the last answered frame. */
  stood({ points: { id, xy, dxy, age } }: Pick<Tracks, "points">): void {
    this.#points = { id: id.slice(), xy: xy.slice(), dxy: dxy.slice(), age: age.slice() };
    this.#seen(id.at(-1) ?? 0);
  }

  /** A frame was answered by an error: the tracks are as they were. */
  failed(seq: number): void {
    this.#underWay.splice(0, this.#underWay.findIndex((frame) => frame.seq === seq) + 1);
  }

  /** The server did what it was asked for: points of the last answered frame came or went. */
  obeyed(message: RequestMessage, answer?: Answer): void {
    if (message.type === "add" && answer?.type === "added") this.#add(answer.ids, message.points);
    else if (message.type === "remove") this.#end(new Set(message.ids), lostCode("removed"));
    else if (message.type === "clear") this.#end(new Set(this.#points.id), lostCode("reset"));
  }

  /** Their ids are above all before. */
  #add(ids: readonly number[], xy: readonly (readonly [number, number])[]): void {
    const points = this.#points;
    this.#points = {
      id: Uint32Array.of(...points.id, ...ids),
      xy: Float32Array.of(...points.xy, ...xy.flat()),
      dxy: Float32Array.of(...points.dxy, ...ids.flatMap(() => [0, 0])),
      age: Uint32Array.of(...points.age, ...ids.map(() => 0)),
    };
    this.#seen(ids.at(-1) ?? 0);
  }

  #end(gone: ReadonlySet<number>, reason: number): void {
    const { id, xy, dxy, age } = this.#points;
    for (const each of id) {
      if (!gone.has(each)) continue;
      this.#ended.id.push(each);
      this.#ended.reason.push(reason);
    }
    const keeps = (i: number) => !gone.has(id[i]);
    this.#points = {
      id: id.filter((_, i) => keeps(i)),
      xy: xy.filter((_, at) => keeps(at >> 1)),
      dxy: dxy.filter((_, at) => keeps(at >> 1)),
      age: age.filter((_, i) => keeps(i)),
    };
  }

  /** Points whose end the stream before would have told of with its next tracks. */
  takeEnded(): Tracks["lost"] {
    const { id, reason } = this.#ended;
    this.#ended = { id: [], reason: [] };
    return { id: Uint32Array.from(id), reason: Uint8Array.from(reason) };
  }

  /** What the next server is to go on with; null where no frame was answered yet. */
  get state(): StreamState | null {
    if (!this.#answered) return null;
    return { nextId: this.#nextId, sinceDetection: this.#sinceDetection, points: this.#points };
  }

  /** How fast the fastest tenth of the points last moved, at least, px a millisecond. */
  get speed(): number {
    const { dxy } = this.#points;
    const lengths = Float32Array.from(
      { length: dxy.length / 2 },
      (_, i) => Math.hypot(dxy[2 * i], dxy[2 * i + 1]),
    ).sort();
    return (lengths[Math.floor(0.9 * lengths.length)] ?? 0) / this.#stepMs;
  }

  /** When the oldest frame was sent that is not answered; undefined where all are. */
  get owedSince(): number | undefined {
    return this.#underWay[0]?.at;
  }

  /** Whether this frame is under way. */
  owes(seq: number): boolean {
    return this.#underWay.some((frame) => frame.seq === seq);
  }

  /** To begin anew with: no point, and ids that were not given out yet. */
  get ids(): StreamState {
    return { nextId: this.#nextId, sinceDetection: 0, points: none() };
  }

  /** The frame on which the points stand, as the next server is to get it: without a reset. */
  get standing(): SentFrame | null {
    if (!this.#answered) return null;
    const { message } = this.#answered;
    const plain = message instanceof Promise ? message.then(withoutReset) : withoutReset(message);
    return { ...this.#answered, message: plain, wasSent: true };
  }

  /** The stream ended: the frames that it did not answer, in order; they are under way no more. */
  takeUnanswered(): SentFrame[] {
    const unanswered = this.#underWay;
    this.#underWay = [];
    return unanswered.map((frame) => ({ ...frame, wasSent: true }));
  }

  #seen(id: number): void {
    if (id >= this.#nextId) this.#nextId = Math.min(NEVER, id + 1);
  }
}

function withoutReset(message: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const plain = message.slice();
  plain[FLAGS_AT] &= ~RESET;
  return plain;
}

function none(): StreamPoints {
  return {
    id: new Uint32Array(),
    xy: new Float32Array(),
    dxy: new Float32Array(),
    age: new Uint32Array(),
  };
}
