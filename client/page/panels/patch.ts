/** Grey levels of a part of a frame, row by row; (left, top) is its first pixel in the frame. */
export interface Patch {
  frame: { width: number; height: number };
  left: number;
  top: number;
  width: number;
  height: number;
  grey: Uint8Array;
}

export type Size = readonly [width: number, height: number];

/** Pixels around the window: bilinear mixing takes one more, its gradients one more on each side. */
const MARGIN = 1;
/** OpenCV's scale of the gradient matrix: its Scharr gradients are 32 times the slope. */
const SCALE = 2 ** -20;

/** The part of a frame that the window of a point at (x, y) needs, without what lies outside. */
export function partFor(
  x: number,
  y: number,
  [w, h]: Size,
  frame: Patch["frame"],
): Omit<Patch, "grey"> {
  const left = Math.max(0, Math.floor(x - (w - 1) / 2) - MARGIN);
  const top = Math.max(0, Math.floor(y - (h - 1) / 2) - MARGIN);
  const right = Math.min(frame.width, Math.floor(x + (w - 1) / 2) + MARGIN + 2);
  const bottom = Math.min(frame.height, Math.floor(y + (h - 1) / 2) + MARGIN + 2);
  return { frame, left, top, width: Math.max(1, right - left), height: Math.max(1, bottom - top) };
}

/** The window of a point at (x, y): grey levels between the pixels, row by row. */
export function windowAt(patch: Patch, x: number, y: number, size: Size): Float32Array {
  return mixed(x, y, size, (column, row) => pixel(patch, column, row));
}

/** OpenCV's `err`: the mean absolute difference of two windows, in grey levels. */
export function meanDifference(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i] - b[i]);
  return sum / a.length;
}

/**
 * The smaller eigenvalue of the window's gradient matrix a pixel, which OpenCV
 * compares with `minEigThreshold`:
 * (A22 + A11 − √((A11 − A22)² + 4 A12²)) / (2 w h), A = 2⁻²⁰ Σ ∇I ∇Iᵀ.
 */
export function minEigenvalue(patch: Patch, x: number, y: number, size: Size): number {
  const gradients = (along: Gradient) =>
    mixed(
      x,
      y,
      size,
      (column, row) => isInside(patch, column, row) ? along(patch, column, row) : 0,
    );
  const gx = gradients(scharrX), gy = gradients(scharrY);
  let a11 = 0, a12 = 0, a22 = 0;
  for (let i = 0; i < gx.length; i++) {
    a11 += gx[i] * gx[i] * SCALE;
    a12 += gx[i] * gy[i] * SCALE;
    a22 += gy[i] * gy[i] * SCALE;
  }
  return (a22 + a11 - Math.hypot(a11 - a22, 2 * a12)) / (2 * gx.length);
}

type Gradient = (patch: Patch, x: number, y: number) => number;

const scharrX: Gradient = (patch, x, y) => across(patch, x, y, 1, 0);
const scharrY: Gradient = (patch, x, y) => across(patch, x, y, 0, 1);

/** Scharr's 3 10 3 difference in the direction (dx, dy), one of the axes. */
function across(patch: Patch, x: number, y: number, dx: number, dy: number): number {
  const side = (s: number) =>
    3 * pixel(patch, x + s * dx - dy, y + s * dy - dx) + 10 * pixel(patch, x + s * dx, y + s * dy) +
    3 * pixel(patch, x + s * dx + dy, y + s * dy + dx);
  return side(1) - side(-1);
}

/** Bilinear mixes of `value` over the window centred at (x, y). */
function mixed(
  x: number,
  y: number,
  [w, h]: Size,
  value: (column: number, row: number) => number,
): Float32Array {
  const fromX = x - (w - 1) / 2, fromY = y - (h - 1) / 2;
  const left = Math.floor(fromX), top = Math.floor(fromY);
  const a = fromX - left, b = fromY - top;
  const whole = new Float32Array((w + 1) * (h + 1));
  for (let i = 0; i < whole.length; i++) {
    whole[i] = value(left + i % (w + 1), top + Math.floor(i / (w + 1)));
  }
  const result = new Float32Array(w * h);
  for (let row = 0; row < h; row++) {
    for (let column = 0; column < w; column++) {
      const at = row * (w + 1) + column, below = at + w + 1;
      result[row * w + column] = (1 - b) * ((1 - a) * whole[at] + a * whole[at + 1]) +
        b * ((1 - a) * whole[below] + a * whole[below + 1]);
    }
  }
  return result;
}

function isInside({ frame }: Patch, x: number, y: number): boolean {
  return x >= 0 && y >= 0 && x < frame.width && y < frame.height;
}

/** Outside, the frame goes on mirrored about its edge pixels, as in OpenCV. */
function pixel({ frame, left, top, width, height, grey }: Patch, x: number, y: number): number {
  const column = clamp(mirrored(x, frame.width) - left, width);
  const row = clamp(mirrored(y, frame.height) - top, height);
  return grey[row * width + column];
}

function mirrored(i: number, length: number): number {
  if (i < 0) return -i;
  return i < length ? i : 2 * length - 2 - i;
}

function clamp(i: number, length: number): number {
  return Math.min(length - 1, Math.max(0, i));
}
