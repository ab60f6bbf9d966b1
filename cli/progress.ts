import type { Io } from "./io.ts";

const WIDTH = 30;
const EVERY_MS = 100;

/** A line on standard error that tells how far the work is; silent where that is not a terminal. */
export class Progress implements Disposable {
  readonly #stderr: Io["stderr"];
  readonly #startedAt = performance.now();
  #drawnAt = -Infinity;

  constructor({ stderr }: Pick<Io, "stderr">) {
    this.#stderr = stderr;
  }

  /**
   * @param done frames so far
   * @param total about so many in all; null where nobody knows
   */
  update(done: number, total: number | null): void {
    const now = performance.now();
    if (!this.#stderr.isTerminal || now - this.#drawnAt < EVERY_MS) return;
    this.#drawnAt = now;
    this.#stderr.write(`\r\x1b[K${progressLine(done, total, now - this.#startedAt)}`);
  }

  /** Takes the line away, for something else to be said; the next update brings it back. */
  clear(): void {
    if (this.#stderr.isTerminal) this.#stderr.write("\r\x1b[K");
    this.#drawnAt = -Infinity;
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}

/** The bar where the total is known, the count, and the rate. */
export function progressLine(done: number, total: number | null, ms: number): string {
  const rate = `${(1000 * done / Math.max(ms, 1)).toFixed(0)} frames/s`;
  if (total === null) return `${done} frames, ${rate}`;
  const filled = Math.min(WIDTH, Math.round(WIDTH * done / Math.max(total, 1)));
  return `[${"#".repeat(filled).padEnd(WIDTH, ".")}] ${done} of ${total} frames, ${rate}`;
}
