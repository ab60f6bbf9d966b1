import { random } from "../test/lib/random.ts";

/** Chances that are the same ones for the same seed. */
export class Pick {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = random(seed);
  }

  /** A whole number from 0 to `below` − 1. */
  below(below: number): number {
    return Math.floor(this.#next() * below);
  }

  /** True in `share` of all cases. */
  chance(share: number): boolean {
    return this.#next() < share;
  }

  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }

  /** 0 to `most`, small ones more often: half of them are below the eighth part. */
  few(most: number): number {
    return Math.floor((most + 1) * this.#next() ** 3);
  }

  between(from: number, to: number): number {
    return from + (to - from) * this.#next();
  }
}
