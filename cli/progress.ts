import type { Io } from "./io.ts";

const WIDTH = 30;
const EVERY_MS = 100;

/** A line on standard error that tells how far the work is; silent where that is not a terminal. */
export class Progress implements Disposable {
  readonly #stderr: Io["stderr"];
  readonly #startedAt = performance.now();
  #drawnAt = -Infinity;

  /** @param total frames to come; null where nobody knows */
  constructor(readonly total: number | null, { stderr }: Pick<Io, "stderr">) {
    this.#stderr = stderr;
  }

  /** @param done frames so far */
  update(done: number): void {
    const now = performance.now();
    if (!this.#stderr.isTerminal || now - this.#drawnAt < EVERY_MS) return;
    this.#drawnAt = now;
    this.#stderr.write(`\r\x1b[K${progressLine(done, this.total, now - this.#startedAt)}`);
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
  const filled = Math.round(WIDTH * done / Math.max(total, 1));
  return `[${"#".repeat(filled).padEnd(WIDTH, ".")}] ${done} of ${total} frames, ${rate}`;
}
