import type { Percentiles } from "../../protocol/mod.ts";

const KEPT = 512;

/** The latest durations of one stage, in milliseconds, and their percentiles. */
export class Latency {
  #samples: number[] = [];
  #next = 0;

  add(ms: number): void {
    this.#samples[this.#next] = ms;
    this.#next = (this.#next + 1) % KEPT;
  }

  /** Percentiles of the latest 512 durations; null before the first. */
  percentiles(): Percentiles | null {
    if (this.#samples.length === 0) return null;
    const sorted = this.#samples.toSorted((a, b) => a - b);
    const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1];
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
  }
}
