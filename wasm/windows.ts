import {
  type Compared,
  type Grey,
  KEPT_MARGIN,
  keptBytes,
  type KeptSize,
  type KeptWindows,
} from "../tracking/engine.ts";
import { bestFit } from "./affine_fit.ts";

/** The windows of a frame around points (x, y pairs); one that does not lie inside is all 0. */
export function takeWindows(frame: Grey, points: Float32Array, size: KeptSize): Uint8Array {
  const bytes = keptBytes(size), taken = new Uint8Array(points.length / 2 * bytes);
  for (let i = 0; i < points.length / 2; i++) {
    takeWindow(frame, points[2 * i], points[2 * i + 1], size, taken.subarray(i * bytes));
  }
  return taken;
}

function takeWindow(
  { width, height, data }: Grey,
  x: number,
  y: number,
  size: KeptSize,
  to: Uint8Array,
): void {
  const columns = size[0] + KEPT_MARGIN, rows = size[1] + KEPT_MARGIN;
  const left = Math.floor(x - 0.5 * (size[0] - 1)) - 1;
  const top = Math.floor(y - 0.5 * (size[1] - 1)) - 1;
  const isInside = left >= 0 && left <= width - columns && top >= 0 && top <= height - rows;
  if (!isInside) return;
  for (let row = 0; row < rows; row++) {
    const from = (top + row) * width + left;
    to.set(data.subarray(from, from + columns), row * columns);
  }
}

/** How windows that were taken before fit a frame around points (x, y pairs). */
export function compareWindows(
  frame: Grey,
  points: Float32Array,
  { size: [width, height], found, pixels, warps }: KeptWindows,
): Pick<Compared, "residuals" | "warps"> {
  const n = points.length / 2, bytes = keptBytes([width, height]);
  const residuals = new Float32Array(n), after = warps.slice();
  for (let i = 0; i < n; i++) {
    const kept = {
      width,
      height,
      pixels: pixels.subarray(i * bytes, (i + 1) * bytes),
      u: overWhole(found[2 * i] - 0.5 * (width - 1)),
      v: overWhole(found[2 * i + 1] - 0.5 * (height - 1)),
    };
    const [a, b, c, d, x, y] = warps.subarray(6 * i, 6 * i + 6);
    const fit = bestFit(frame, points[2 * i], points[2 * i + 1], kept, { a, b, c, d, x, y });
    residuals[i] = fit?.residual ?? NaN;
    if (fit) after.set(Object.values(fit.warp), 6 * i);
  }
  return { residuals, warps: after };
}

function overWhole(value: number): number {
  return value - Math.floor(value);
}
