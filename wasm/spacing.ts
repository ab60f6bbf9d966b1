const NONE = -1;

/**
 * Tells whether a place is nearer than a distance to any point added before.
 * Points are kept in cells as wide as the distance, so that only the 3×3 cells
 * around a place have to be looked at.
 */
export class Spacing {
  readonly #distance: number;
  readonly #cell: number;
  readonly #cols: number;
  readonly #rows: number;
  /** Index of the last point of each cell, and of each point the one before it in its cell. */
  readonly #last: Int32Array;
  readonly #before: number[] = [];
  readonly #xy: number[] = [];

  /** For places within `width` × `height` pixels; a distance of 0 makes every place free. */
  constructor(width: number, height: number, distance: number) {
    this.#distance = distance;
    this.#cell = Math.max(1, Math.ceil(distance));
    // One cell more on each side, for points outside that are near enough to matter.
    this.#cols = Math.ceil(width / this.#cell) + 2;
    this.#rows = Math.ceil(height / this.#cell) + 2;
    this.#last = new Int32Array(this.#cols * this.#rows).fill(NONE);
  }

  /** Adds a point. One too far outside to matter, or not a number, is left out. */
  add(x: number, y: number): void {
    const col = this.#cellOf(x), row = this.#cellOf(y);
    if (!(col >= 0 && col < this.#cols && row >= 0 && row < this.#rows)) return;
    const cell = row * this.#cols + col;
    this.#before.push(this.#last[cell]);
    this.#last[cell] = this.#before.length - 1;
    this.#xy.push(x, y);
  }

  /** True where no point is nearer than the distance. The place must lie within. */
  isFree(x: number, y: number): boolean {
    const col = this.#cellOf(x), row = this.#cellOf(y);
    for (let r = row - 1; r <= row + 1; r++) {
      for (let c = col - 1; c <= col + 1; c++) {
        if (this.#isNear(x, y, r * this.#cols + c)) return false;
      }
    }
    return true;
  }

  #isNear(x: number, y: number, cell: number): boolean {
    for (let i = this.#last[cell]; i !== NONE; i = this.#before[i]) {
      const dx = x - this.#xy[2 * i], dy = y - this.#xy[2 * i + 1];
      if (dx * dx + dy * dy < this.#distance * this.#distance) return true;
    }
    return false;
  }

  #cellOf(coordinate: number): number {
    return Math.floor(coordinate / this.#cell) + 1;
  }
}
