/** Lets so many calls go on at once. The others wait, and begin in the order in which they came. */
export class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(size: number) {
    this.#free = size;
  }

  /** Begins `call` in its turn, at once where there is room. @returns what it does */
  async pass<T>(call: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((turn) => this.#waiting.push(turn));
    try {
      return await call();
    } finally {
      this.#leave();
    }
  }

  /** Hands the place over, so that nobody who comes now is before those who wait. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
