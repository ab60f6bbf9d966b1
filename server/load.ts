/** A frame's time at 30 a second: who waits so long, or whose event loop is held so long, has no room. */
const FRAME_MS = 1000 / 30;
/** How much of what is told is of the latest look; the rest is of those before. */
const LATEST = 0.5;
/** Busy loops are summed in parts of this. */
const WHOLE = 1000;
const SUM = 0, LOOPS = 1;

/**
 * How busy the event loops of one server are, from 0 to 1: the part of a frame's
 * time that frames wait before they are worked on, or that an event loop is late,
 * whichever is more; the mean of all loops.
 */
export class Load {
  /** How often to {@linkcode look}. */
  static readonly LOOK_MS = 250;
  readonly #shared: Int32Array;
  #queueMs = 0;
  #frames = 0;
  #due = NaN;
  #busy = 0;
  #told = 0;

  /** @param buffer of {@linkcode Load.share}; without it this loop is the only one */
  constructor(buffer: SharedArrayBuffer = Load.share()) {
    this.#shared = new Int32Array(buffer);
    Atomics.add(this.#shared, LOOPS, 1);
  }

  /** For the event loops of one server. */
  static share(): SharedArrayBuffer {
    return new SharedArrayBuffer(8);
  }

  /** A frame of this loop has waited so long. */
  queued(ms: number): void {
    this.#queueMs += ms;
    this.#frames++;
  }

  /** To be called every {@linkcode Load.LOOK_MS}; how late that is, counts. */
  look(now: number): void {
    const lateMs = Math.max(0, now - this.#due) || 0;
    const waitMs = this.#frames > 0 ? this.#queueMs / this.#frames : 0;
    const latest = Math.min(1, Math.max(lateMs, waitMs) / FRAME_MS);
    this.#busy += LATEST * (latest - this.#busy);
    this.#tell(Math.round(WHOLE * this.#busy));
    this.#queueMs = this.#frames = 0;
    this.#due = now + Load.LOOK_MS;
  }

  get busy(): number {
    return Atomics.load(this.#shared, SUM) / WHOLE / Atomics.load(this.#shared, LOOPS);
  }

  #tell(busy: number): void {
    Atomics.add(this.#shared, SUM, busy - this.#told);
    this.#told = busy;
  }
}
