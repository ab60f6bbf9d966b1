/** Median and 95th percentile, in milliseconds. */
export interface Spread {
  p50: number;
  p95: number;
}

/** Events a second over the last two seconds. */
export class Rate {
  static readonly WINDOW_MS = 2000;
  #times: number[] = [];

  mark(now: number): void {
    this.#times.push(now);
    this.#forget(now);
  }

  perSecond(now: number): number {
    this.#forget(now);
    if (this.#times.length < 2) return 0;
    const span = Math.max(now - this.#times[0], 1);
    return (this.#times.length - 1) * 1000 / span;
  }

  #forget(now: number): void {
    const from = this.#times.findIndex((time) => now - time <= Rate.WINDOW_MS);
    if (from !== 0) this.#times.splice(0, from < 0 ? this.#times.length : from);
  }
}

/** Percentiles over the latest values. */
export class Latest {
  readonly #values: number[] = [];
  #next = 0;
  constructor(readonly size = 120) {}

  add(value: number): void {
    this.#values[this.#next] = value;
    this.#next = (this.#next + 1) % this.size;
  }

  /** Null before the first value. */
  spread(): Spread | null {
    if (this.#values.length === 0) return null;
    const sorted = this.#values.toSorted((a, b) => a - b);
    const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1];
    return { p50: at(0.5), p95: at(0.95) };
  }
}
