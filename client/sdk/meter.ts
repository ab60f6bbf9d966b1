/** Median and 95th percentile, in milliseconds. */
export interface Spread {
  p50: number;
  p95: number;
}

/** Events, or what each brings, a second over the last two seconds. */
export class Rate {
  static readonly WINDOW_MS = 2000;
  #marks: { time: number; amount: number }[] = [];

  mark(now: number, amount = 1): void {
    this.#marks.push({ time: now, amount });
    this.#forget(now);
  }

  perSecond(now: number): number {
    this.#forget(now);
    const [first, ...rest] = this.#marks;
    if (rest.length === 0) return 0;
    const sum = rest.reduce((sum, { amount }) => sum + amount, 0);
    return sum * 1000 / Math.max(now - first.time, 1);
  }

  #forget(now: number): void {
    const from = this.#marks.findIndex(({ time }) => now - time <= Rate.WINDOW_MS);
    if (from !== 0) this.#marks.splice(0, from < 0 ? this.#marks.length : from);
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
