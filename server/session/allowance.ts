/**
 * So many a second, and so many at once: a token bucket. What costs more than
 * one is paid for afterwards. Times are performance.now().
 */
export class Allowance {
  #left: number;
  #at = 0;

  /** @param atOnce as many as a second's by default */
  constructor(readonly perSecond: number, readonly atOnce: number = perSecond) {
    this.#left = atOnce;
  }

  /** Milliseconds until one more is allowed; 0: it is. */
  waitMs(now: number): number {
    this.#refill(now);
    return this.#left >= 1 ? 0 : (1 - this.#left) * 1000 / this.perSecond;
  }

  /** Takes one, where it is allowed; and what it costs beyond that. */
  take(now: number, cost = 1): boolean {
    this.#refill(now);
    if (this.#left < 1) return false;
    this.#left -= cost;
    return true;
  }

  /** What was taken cost so much more. */
  charge(cost: number): void {
    this.#left -= cost;
  }

  #refill(now: number): void {
    if (this.#at > 0) {
      const more = (now - this.#at) * this.perSecond / 1000;
      this.#left = Math.min(this.atOnce, this.#left + more);
    }
    this.#at = now;
  }
}
