import { type Compared, type FlowSequence, keptBytes, type KeptSize, MOST_KEPT } from "./engine.ts";

/** A point is compared once in so many frames, different points on different ones. */
export const COMPARE_EVERY = 10;

const NO_MOTION = [1, 0, 0, 1, 0, 0];

/** The window in which a point was found, and how it fitted when it was compared last. */
interface Kept {
  pixels: Uint8Array;
  x: number;
  y: number;
  warp: ArrayLike<number>;
  /** NaN before the first comparison. */
  residual: number;
}

/** Points on the current frame, in columns; of those named by their place in them. */
export interface Standing {
  id: Uint32Array;
  /** Pixels, x, y pairs. */
  xy: Float32Array;
}

/**
 * How points look beside the windows in which they were found: see `filter.appearance`. It keeps a
 * window a point, of at most 34 × 34 bytes.
 */
export class Appearance {
  readonly #kept = new Map<number, Kept>();
  #size: KeptSize = [0, 0];

  /** Whether a point of this age is compared on this frame. */
  static isDue(id: number, age: number): boolean {
    return (id + age) % COMPARE_EVERY === 0;
  }

  /** 0 (the same) to 1 (nothing in common); NaN for a point that was not compared yet. */
  residual(id: number): number {
    return this.#kept.get(id)?.residual ?? NaN;
  }

  /** One {@linkcode residual} a point. */
  residuals(ids: Uint32Array): Float32Array {
    return Float32Array.from(ids, (id) => this.residual(id));
  }

  forget(id: number): void {
    this.#kept.delete(id);
  }

  clear(): void {
    this.#kept.clear();
  }

  /**
   * Takes the windows of points that have none and whose windows lie inside of the frame. A window
   * has the size of the one that is followed, up to 31 pixels a side; those of another size go.
   *
   * @returns milliseconds
   */
  async keep(
    sequence: FlowSequence,
    { id, xy }: Standing,
    winSize: readonly [number, number],
    frame: { width: number; height: number },
  ): Promise<number> {
    this.#resize([Math.min(winSize[0], MOST_KEPT), Math.min(winSize[1], MOST_KEPT)]);
    const wanted: number[] = [];
    for (let i = 0; i < id.length; i++) {
      if (!this.#kept.has(id[i]) && this.#liesInside(xy[2 * i], xy[2 * i + 1], frame)) {
        wanted.push(i);
      }
    }
    if (wanted.length === 0) return 0;
    const found = pairsAt(xy, wanted), bytes = keptBytes(this.#size);
    const { pixels, takeMs } = await sequence.take(found, this.#size);
    for (const [k, i] of wanted.entries()) {
      this.#kept.set(id[i], {
        pixels: pixels.slice(k * bytes, (k + 1) * bytes),
        x: found[2 * k],
        y: found[2 * k + 1],
        warp: NO_MOTION,
        residual: NaN,
      });
    }
    return takeMs;
  }

  /**
   * Compares some of the points that have a window.
   *
   * @param which their places in the columns
   * @returns milliseconds
   */
  async compare(sequence: FlowSequence, { id, xy }: Standing, which: number[]): Promise<number> {
    const compared = which.filter((i) => this.#kept.has(id[i]));
    if (compared.length === 0) return 0;
    const kept = compared.map((i) => this.#kept.get(id[i])!);
    const bytes = keptBytes(this.#size);
    const windows = {
      size: this.#size,
      found: Float32Array.from(kept.flatMap(({ x, y }) => [x, y])),
      pixels: new Uint8Array(kept.length * bytes),
      warps: new Float32Array(6 * kept.length),
    };
    for (const [k, { pixels, warp }] of kept.entries()) {
      windows.pixels.set(pixels, k * bytes);
      windows.warps.set(warp, 6 * k);
    }
    const result = await sequence.compare(pairsAt(xy, compared), windows);
    for (const [k, point] of kept.entries()) note(point, result, k);
    return result.compareMs;
  }

  #resize(size: KeptSize): void {
    if (size[0] === this.#size[0] && size[1] === this.#size[1]) return;
    this.#size = size;
    this.clear();
  }

  /** The whole pixels that the window is mixed of, and one around them. */
  #liesInside(x: number, y: number, { width, height }: { width: number; height: number }): boolean {
    const [w, h] = this.#size;
    const left = Math.floor(x - (w - 1) / 2) - 1, top = Math.floor(y - (h - 1) / 2) - 1;
    return left >= 0 && top >= 0 && left + w + 3 <= width && top + h + 3 <= height;
  }
}

/** What cannot be compared, at the border say, keeps its last residual, and begins anew the next time. */
function note(point: Kept, { residuals, warps }: Compared, k: number): void {
  const isCompared = !Number.isNaN(residuals[k]);
  if (isCompared) point.residual = residuals[k];
  point.warp = isCompared ? warps.slice(6 * k, 6 * k + 6) : NO_MOTION;
}

function pairsAt(xy: Float32Array, which: readonly number[]): Float32Array {
  return Float32Array.from(which.flatMap((i) => [xy[2 * i], xy[2 * i + 1]]));
}
