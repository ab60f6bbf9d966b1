type Numbers = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** Numbers of one kind, one after the other: memory that grows as they come. */
export class Column<T extends Numbers = Numbers> {
  #values: T;
  #length = 0;

  /** @param Values the kind, as Float32Array */
  constructor(readonly Values: new (length: number) => T) {
    this.#values = new Values(1024);
  }

  get length(): number {
    return this.#length;
  }

  add(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = new this.Values(2 * this.#length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length++] = value;
  }

  /** What was added; a view, until more is. */
  get values(): T {
    return this.#values.subarray(0, this.#length) as T;
  }

  /** Begins anew, in the same memory. */
  clear(): void {
    this.#length = 0;
  }
}
