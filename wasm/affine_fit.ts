/**
 * How well a window that was kept fits the frame of now, under an affine motion (Shi and Tomasi
 * 1994) and a gain and offset of grey (Jin, Favaro and Soatto 2001), found by the inverse
 * compositional method (Baker and Matthews 2004). The method is told, and written for the other
 * engines, in `native/src/affine_fit.h`; this does the same in the same order, so it gives the
 * same bits.
 */
import { type Grey, KEPT_MARGIN, MOST_KEPT } from "../tracking/engine.ts";

/** Places that are looked at, at most. */
const MOST_FITS = 10;
/** A step that moves no corner of the window farther ends the search, px. */
const SHORT_STEP = 0.01;
/** A gradient's column that those before it explain but for this share is left out. */
const DEPENDENT = 1e-4;
/** Samples are summed up in so many lanes, and then the lanes. */
const LANES = 32;

/** What was at u of the window is at point + (a b; c d) u + (x y). */
export interface Warp {
  a: number;
  b: number;
  c: number;
  d: number;
  x: number;
  y: number;
}

/** A window as it is kept, with what its place had over whole pixels. */
export interface Kept {
  width: number;
  height: number;
  pixels: Uint8Array;
  u: number;
  v: number;
}

function column(): Float64Array {
  return new Float64Array(Math.ceil(MOST_KEPT * MOST_KEPT / LANES) * LANES);
}
// What a comparison sums up. Past the window they are 0, or of a larger one before it.
const one = column(), t = column(), j = column();
const g = Array.from({ length: 6 }, column);
const lanes = new Float64Array(LANES);

/** Σ a b over `count` samples. */
function sumOf(a: Float64Array, b: Float64Array, count: number): number {
  lanes.fill(0);
  for (let i = 0; i < count; i++) lanes[i % LANES] += a[i] * b[i];
  for (let half = LANES / 2; half >= 1; half /= 2) {
    for (let k = 0; k < half; k++) lanes[k] += lanes[k + half];
  }
  return lanes[0];
}

/** Four neighbouring pixels, mixed at (u, v) between them. */
function mixed(pixels: Uint8Array, at: number, stride: number, u: number, v: number): number {
  const p00 = pixels[at], p01 = pixels[at + 1];
  const p10 = pixels[at + stride], p11 = pixels[at + stride + 1];
  const top = p00 + u * (p01 - p00), bottom = p10 + u * (p11 - p10);
  return top + v * (bottom - top);
}

/** Sums over the window, each column of gradients once with all before it. */
class Template {
  readonly count: number;
  readonly t: number;
  readonly variance: number;
  readonly g: number[] = [];
  /** L of L D Lᵀ, and the inverse of D. */
  readonly #low = Array.from({ length: 6 }, () => new Float64Array(6));
  readonly #inverse = new Float64Array(6);
  /** The step that the template by itself asks for. */
  readonly ownStep: Float64Array;

  constructor(kept: Kept) {
    readTemplate(kept);
    const n = this.count = kept.width * kept.height;
    this.t = sumOf(t, one, n);
    this.variance = sumOf(t, t, n) - this.t * this.t / n;
    const gt: number[] = [];
    for (let k = 0; k < 6; k++) {
      this.g[k] = sumOf(g[k], one, n);
      gt[k] = sumOf(g[k], t, n);
    }
    this.#decompose();
    this.ownStep = this.solve(gt.map((sum, k) => sum - this.g[k] * this.t / n));
  }

  #decompose(): void {
    const low = this.#low, pivot = new Float64Array(6);
    for (let k = 0; k < 6; k++) {
      for (let l = 0; l <= k; l++) {
        const whole = sumOf(g[k], g[l], this.count) - this.g[k] * this.g[l] / this.count;
        let left = whole;
        for (let i = 0; i < l; i++) left = left - low[k][i] * low[l][i] * pivot[i];
        if (l < k) {
          low[k][l] = left * this.#inverse[l];
        } else {
          const isSeen = left > DEPENDENT * whole;
          pivot[k] = isSeen ? left : 0;
          this.#inverse[k] = isSeen ? 1 / left : 0;
        }
      }
    }
  }

  solve(of: ArrayLike<number>): Float64Array {
    const low = this.#low, to = new Float64Array(6);
    for (let k = 0; k < 6; k++) {
      let left = of[k];
      for (let i = 0; i < k; i++) left = left - low[k][i] * to[i];
      to[k] = left;
    }
    for (let k = 5; k >= 0; k--) {
      let left = to[k] * this.#inverse[k];
      for (let i = k + 1; i < 6; i++) left = left - low[i][k] * to[i];
      to[k] = left;
    }
    return to;
  }
}

function readTemplate({ width, height, pixels, u, v }: Kept): void {
  const stride = width + KEPT_MARGIN;
  const at = (x: number, y: number) => mixed(pixels, (y + 1) * stride + x + 1, stride, u, v);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const right = x - 0.5 * (width - 1), down = y - 0.5 * (height - 1);
      const gx = 0.5 * (at(x + 1, y) - at(x - 1, y)), gy = 0.5 * (at(x, y + 1) - at(x, y - 1));
      t[i] = at(x, y);
      g[0][i] = gx * right, g[1][i] = gx * down, g[2][i] = gx;
      g[3][i] = gy * right, g[4][i] = gy * down, g[5][i] = gy;
      one[i] = 1;
    }
  }
}

/** What the frame has at a place, against the template. */
class Look {
  readonly #variance: number;
  /** Σ T J, and Σ G_k J, less their means. */
  readonly #tj: number;
  readonly #gj: number[];

  constructor(readonly template: Template) {
    const n = template.count, sum = sumOf(j, one, n);
    this.#variance = sumOf(j, j, n) - sum * sum / n;
    this.#tj = sumOf(t, j, n) - template.t * sum / n;
    this.#gj = template.g.map((of, k) => sumOf(g[k], j, n) - of * sum / n);
  }

  /** 1 where the frame has no contrast, or the opposite one. */
  get residual(): number {
    if (!(this.#tj > 0 && this.#variance > 0)) return 1;
    const over = 1 - this.#tj * this.#tj / (this.#variance * this.template.variance);
    return over > 0 ? Math.sqrt(over) : 0;
  }

  /** A better place; null where there is none, or the step is too short or too long. */
  step(warp: Warp, halfX: number, halfY: number): Warp | null {
    const { ownStep } = this.template, step = this.template.solve(this.#gj);
    let up = this.#tj, down = this.#variance;
    for (let k = 0; k < 6; k++) {
      up = up - this.#gj[k] * ownStep[k];
      down = down - this.#gj[k] * step[k];
    }
    if (!(down > 0 && up > 0)) return null;
    const gain = up / down;
    const q = step.map((part, k) => gain * part - ownStep[k]);
    const farX = Math.abs(q[0]) * halfX + Math.abs(q[1]) * halfY + Math.abs(q[2]);
    const farY = Math.abs(q[3]) * halfX + Math.abs(q[4]) * halfY + Math.abs(q[5]);
    if (!(farX > SHORT_STEP || farY > SHORT_STEP)) return null;
    if (!(farX < halfX + 1 && farY < halfY + 1)) return null;
    return goBack(warp, q);
  }
}

/** `warp` after the inverse of the motion `q`. */
function goBack(warp: Warp, q: Float64Array): Warp | null {
  const m00 = 1 + q[0], m01 = q[1], m10 = q[3], m11 = 1 + q[4];
  const determinant = m00 * m11 - m01 * m10;
  if (!(determinant > 0.1)) return null;
  const a = (warp.a * m11 - warp.b * m10) / determinant;
  const b = (warp.b * m00 - warp.a * m01) / determinant;
  const c = (warp.c * m11 - warp.d * m10) / determinant;
  const d = (warp.d * m00 - warp.c * m01) / determinant;
  if (!(a * d - b * c > 1 / 16)) return null;
  return { a, b, c, d, x: warp.x - (a * q[2] + b * q[5]), y: warp.y - (c * q[2] + d * q[5]) };
}

/**
 * The best fit of a window around (x, y) of the frame, from `start` on. Null where they cannot be
 * compared: see `Compared.residuals`.
 */
export function bestFit(
  frame: Grey,
  x: number,
  y: number,
  kept: Kept,
  start: Warp,
): { residual: number; warp: Warp } | null {
  const template = new Template(kept);
  if (!(template.variance >= template.count)) return null;
  const halfX = 0.5 * (kept.width - 1), halfY = 0.5 * (kept.height - 1);
  let best: { residual: number; warp: Warp } | null = null;
  let warp: Warp | null = start;
  for (let i = 0; warp && i < MOST_FITS; i++) {
    if (!liesInside(frame, x, y, warp, halfX, halfY)) break;
    readFrame(frame, x, y, warp, kept);
    const look = new Look(template), { residual } = look;
    if (best === null || residual < best.residual) best = { residual, warp };
    warp = look.step(warp, halfX, halfY);
  }
  return best;
}

function readFrame(frame: Grey, x: number, y: number, w: Warp, { width, height }: Kept): void {
  for (let row = 0, i = 0; row < height; row++) {
    for (let column = 0; column < width; column++, i++) {
      const u = column - 0.5 * (width - 1), v = row - 0.5 * (height - 1);
      const px = x + ((w.a * u + w.b * v) + w.x), py = y + ((w.c * u + w.d * v) + w.y);
      const ix = Math.trunc(px), iy = Math.trunc(py); // they are 0 or more
      j[i] = mixed(frame.data, iy * frame.width + ix, frame.width, px - ix, py - iy);
    }
  }
}

/** Whether four pixels can be mixed at all places, though rounding should put one a little farther out. */
function liesInside(
  { width, height }: Grey,
  x: number,
  y: number,
  w: Warp,
  halfX: number,
  halfY: number,
): boolean {
  for (let corner = 0; corner < 4; corner++) {
    const u = corner & 1 ? halfX : -halfX, v = corner & 2 ? halfY : -halfY;
    const px = x + ((w.a * u + w.b * v) + w.x), py = y + ((w.c * u + w.d * v) + w.y);
    if (!(px >= 1 && px <= width - 3 && py >= 1 && py <= height - 3)) return false;
  }
  return true;
}
