/**
 * Images whose motion is known exactly: a texture is a formula, and a moved
 * image is the formula drawn at moved places. Nothing is resampled.
 */
import type { Grey } from "../../tracking/engine.ts";
import { random } from "./random.ts";

/**
 * An affine motion: a point (x, y) of one image is at (a x + b y + c, d x + e y + f)
 * in the other, in pixels; (0, 0) is the centre of the top-left pixel.
 */
export type Motion = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

export const STILL: Motion = [1, 0, 0, 0, 1, 0];

export function shift(dx: number, dy: number): Motion {
  return [1, 0, dx, 0, 1, dy];
}

/** About (x, y); a positive angle turns x towards y: clockwise on the screen. */
export function rotation(degrees: number, x: number, y: number): Motion {
  const cos = Math.cos(degrees * Math.PI / 180), sin = Math.sin(degrees * Math.PI / 180);
  return [cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y];
}

/** About (x, y), which stays. */
export function zoom(factor: number, x: number, y: number): Motion {
  return [factor, 0, x - factor * x, 0, factor, y - factor * y];
}

/** Where the motion takes points, x, y pairs. */
export function move([a, b, c, d, e, f]: Motion, points: Float32Array): Float32Array {
  return points.map((_, i) => {
    const x = points[i & ~1], y = points[i | 1];
    return i % 2 === 0 ? a * x + b * y + c : d * x + e * y + f;
  });
}

function inverse([a, b, c, d, e, f]: Motion): Motion {
  const det = a * e - b * d;
  return [e / det, -b / det, (b * f - c * e) / det, -d / det, a / det, (c * d - a * f) / det];
}

interface Wave {
  /** Radians a pixel. */
  kx: number;
  ky: number;
  phase: number;
}

const WAVES = 32;

/**
 * A sum of plane waves of random direction, phase and length, the shortest
 * several pixels long: textured everywhere, and smooth enough that motion by a
 * part of a pixel shows as it should. Mean 128, deviation about 40.
 */
export class Texture {
  readonly #waves: Wave[];

  constructor(seed: number, { shortest = 7, longest = 50 } = {}) {
    const next = random(seed);
    this.#waves = Array.from({ length: WAVES }, () => {
      const k = 2 * Math.PI / (shortest * (longest / shortest) ** next());
      const direction = 2 * Math.PI * next();
      const phase = 2 * Math.PI * next();
      return { kx: k * Math.cos(direction), ky: k * Math.sin(direction), phase };
    });
  }

  /** The texture after `motion`: what was at p is drawn at motion(p). */
  draw(width: number, height: number, motion: Motion = STILL): Grey {
    const [a, b, c, d, e, f] = inverse(motion);
    const sum = new Float64Array(width * height);
    for (const { kx, ky, phase } of this.#waves) {
      const perColumn = kx * a + ky * d, perRow = kx * b + ky * e;
      addWave(sum, width, phase + kx * c + ky * f, perColumn, perRow);
    }
    const gain = 40 / Math.sqrt(WAVES / 2);
    const data = Uint8Array.from(
      sum,
      (v) => Math.min(255, Math.max(0, Math.round(128 + gain * v))),
    );
    return { width, height, data };
  }
}

/** Adds cos(start + x · perColumn + y · perRow), by turning a unit vector along each row. */
function addWave(
  sum: Float64Array,
  width: number,
  start: number,
  perColumn: number,
  perRow: number,
): void {
  const turnCos = Math.cos(perColumn), turnSin = Math.sin(perColumn);
  for (let row = 0; row * width < sum.length; row++) {
    let cos = Math.cos(start + row * perRow), sin = Math.sin(start + row * perRow);
    for (let i = row * width; i < (row + 1) * width; i++) {
      sum[i] += cos;
      [cos, sin] = [cos * turnCos - sin * turnSin, sin * turnCos + cos * turnSin];
    }
  }
}

/** A copy with a rectangle of one grey level in it. */
export function withFlat(
  image: Grey,
  left: number,
  top: number,
  width: number,
  height: number,
  level = 128,
): Grey {
  const data = image.data.slice();
  for (let y = top; y < top + height; y++) {
    data.fill(level, y * image.width + left, y * image.width + left + width);
  }
  return { ...image, data };
}

/** Points of a grid that keeps `margin` pixels from every side, x, y pairs. */
export function gridPoints(
  { width, height }: { width: number; height: number },
  step: number,
  margin: number,
): Float32Array {
  const xy: number[] = [];
  for (let y = margin; y <= height - 1 - margin; y += step) {
    for (let x = margin; x <= width - 1 - margin; x += step) xy.push(x, y);
  }
  return Float32Array.from(xy);
}

/** Red, green, blue bytes, row by row without padding. */
export interface Rgb {
  width: number;
  height: number;
  rgb: Uint8Array;
}

/** Three grey images as the colours of one. */
export function merge(red: Grey, green: Grey, blue: Grey): Rgb {
  const rgb = new Uint8Array(3 * red.data.length);
  for (let i = 0; i < red.data.length; i++) {
    rgb.set([red.data[i], green.data[i], blue.data[i]], 3 * i);
  }
  return { width: red.width, height: red.height, rgb };
}

/** The luma of colours, with libjpeg's weights and rounding. */
export function luma({ width, height, rgb }: Rgb): Grey {
  const data = Uint8Array.from({ length: width * height }, (_, i) => {
    const [r, g, b] = rgb.subarray(3 * i, 3 * i + 3);
    return 19595 * r + 38470 * g + 7471 * b + 32768 >> 16;
  });
  return { width, height, data };
}
