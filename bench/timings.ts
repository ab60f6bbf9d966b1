/** Durations of one thing, in milliseconds. */
export class Timings {
  readonly #ms: number[] = [];

  add(ms: number): void {
    this.#ms.push(ms);
  }

  /** The duration that `share` of all do not exceed. */
  at(share: number): number {
    const sorted = this.#ms.toSorted((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
  }

  /** p50, p95 and p99, in columns. */
  row(): string {
    return [0.5, 0.95, 0.99].map((share) => this.at(share).toFixed(2).padStart(9)).join("");
  }
}

/** The heading over {@linkcode Timings.row}. */
export const TIMINGS_HEAD = ["p50", "p95", "p99"].map((name) => name.padStart(9)).join("");
