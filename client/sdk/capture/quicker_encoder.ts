import type { Encoder, EncodeReply, EncodeRequest } from "./encoding.ts";

/** So many frames are measured before they are judged, by their median. */
const FRAMES = 7;
/** A worker that is faster than this needs no other. */
const SLOW_MS = 40;
/** The page's own thread has other work: it has to be so much faster. */
const MUCH_FASTER = 2;
/** After so many judgements, what was slower is tried again. */
const TRIED_AGAIN = 60;

/**
 * Encodes in a worker, or on the page's thread where that is much faster: some browsers take seconds
 * to hand a picture to a worker. What is faster is measured on the frames themselves, and again from
 * time to time.
 */
export class QuickerEncoder implements Encoder {
  readonly isTrue = true;
  readonly #worker: Encoder;
  readonly #openLocal: () => Encoder;
  readonly #now: () => number;
  #local: Encoder | undefined;
  #inUse: Encoder;
  #times: number[] = [];
  /** Of the worker, when it was measured last. */
  #workerMs = 0;
  /** Judgements until the other one may be tried. */
  #rests = 0;

  /**
   * @param worker closed with this one
   * @param openLocal called once, where the worker is slow
   * @param now milliseconds
   */
  constructor(worker: Encoder, openLocal: () => Encoder, now = () => performance.now()) {
    this.#worker = this.#inUse = worker;
    this.#openLocal = openLocal;
    this.#now = now;
  }

  get thread(): Encoder["thread"] {
    return this.#inUse.thread;
  }

  async encode(request: EncodeRequest): Promise<EncodeReply> {
    const begun = this.#now();
    const reply = await this.#inUse.encode(request);
    this.#times.push(this.#now() - begun);
    if (this.#times.length === FRAMES) this.#judge();
    return reply;
  }

  [Symbol.dispose](): void {
    this.#worker[Symbol.dispose]();
    this.#local?.[Symbol.dispose]();
  }

  #judge(): void {
    const median = this.#times.sort((a, b) => a - b)[FRAMES >> 1];
    this.#times = [];
    this.#rests--;
    if (this.#inUse === this.#worker) {
      this.#workerMs = median;
      if (median > SLOW_MS && this.#rests <= 0) this.#useLocal();
    } else if (median * MUCH_FASTER > this.#workerMs || this.#rests <= 0) {
      // slower after all, or chosen long ago
      this.#rests = median * MUCH_FASTER > this.#workerMs ? TRIED_AGAIN : 0;
      this.#inUse = this.#worker;
    }
  }

  #useLocal(): void {
    this.#local ??= this.#openLocal();
    this.#rests = TRIED_AGAIN;
    if (this.#local.isTrue) this.#inUse = this.#local; // else it gives noise
  }
}
