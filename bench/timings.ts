/** Durations of one thing, in milliseconds. */
export class Timings {
  readonly #ms: number[] = [];

  add(ms: number): void {
    this.#ms.push(ms);
  }

  /** All of them, the shortest first. */
  sorted(): Float64Array<ArrayBuffer> {
    return Float64Array.from(this.#ms).sort();
  }

  /** The duration that `share` of all do not exceed. */
  at(share: number): number {
    return percentile(this.sorted(), share);
  }

  /** p50, p95 and p99, in columns. */
  row(): string {
    return [0.5, 0.95, 0.99].map((share) => this.at(share).toFixed(2).padStart(9)).join("");
  }
}

/** The value that `share` of all do not exceed; NaN where there are none. */
export function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/** The heading over {@linkcode Timings.row}. */
export const TIMINGS_HEAD = ["p50", "p95", "p99"].map((name) => name.padStart(9)).join("");
