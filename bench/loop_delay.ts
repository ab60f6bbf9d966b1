import { Timings } from "./timings.ts";

const SAMPLE_MS = 5;

/** How much later than asked for a timer fires: what anything else on the event loop waits too. */
export class LoopDelay {
  readonly timings = new Timings();
  #due = performance.now() + SAMPLE_MS;
  #timer = setInterval(() => {
    const now = performance.now();
    this.timings.add(Math.max(0, now - this.#due));
    this.#due = now + SAMPLE_MS;
  }, SAMPLE_MS);

  stop(): void {
    clearInterval(this.#timer);
  }
}
