import { Gate } from "../tracking/gate.ts";

/** So many go on beside those in turn: each holds a thread, and so would those of all who come back. */
const MOST = 2;
/** One that goes on for so many deadlines may never end; its turn must not be lost for good. */
const PATIENCE = 10;

/** An engine's calls that go on after their deadline. */
export class LateCalls {
  #count = 0;
  /** One at a time runs out of patience, or all at once would take every thread. */
  readonly #patience = new Gate(1);

  /** @param retired settled when the engine is no longer used: its calls are not waited for then */
  constructor(readonly deadlineMs: number, readonly retired: Promise<void>) {}

  /** Lets a call go on without its turn, or waits for its end where enough do. */
  async letGo(called: Promise<unknown>): Promise<void> {
    const settled = called.then(() => {}, () => {});
    const ended = Promise.race([settled, this.retired]);
    if (this.#count >= MOST) {
      await Promise.race([ended, this.#patience.pass(() => this.#outwait(ended))]);
    }
    this.#count++;
    void settled.then(() => this.#count--);
  }

  /** Waits for the end, though not for ever. */
  async #outwait(ended: Promise<void>): Promise<void> {
    const enough = Promise.withResolvers<void>();
    const timer = setTimeout(enough.resolve, PATIENCE * this.deadlineMs);
    await Promise.race([ended, enough.promise]);
    clearTimeout(timer);
  }
}
