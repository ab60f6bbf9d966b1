import type { DetectOptions, Mask } from "../tracking/engine.ts";
import { guarded, type Mat, MatScope, type OpenCv } from "./opencv.ts";
import { Spacing } from "./spacing.ts";

/**
 * Corners of a grey image, x, y pairs in whole pixels, strongest first: the
 * same as OpenCV's `goodFeaturesToTrack` (Shi–Tomasi 1994, or Harris 1988),
 * which cannot keep away from given points. OpenCV scores the pixels; what is
 * left, the choice among them, is here.
 *
 * @throws {EngineError} where OpenCV failed.
 */
export function findCorners(
  cv: OpenCv,
  image: Mat,
  options: DetectOptions,
  avoid: Float32Array,
  mask?: Mask,
): Float32Array {
  using scope = new MatScope(cv);
  const scores = scope.empty();
  guarded(cv, "find corners", () => scorePixels(cv, image, scores, options));
  const candidates = localMaxima(
    scores.data32F,
    image.cols,
    image.rows,
    options.qualityLevel,
    mask,
  );
  return choose(candidates, image.cols, image.rows, options, avoid);
}

function scorePixels(cv: OpenCv, image: Mat, scores: Mat, options: DetectOptions): void {
  const { blockSize, gradientSize, useHarrisDetector, k } = options;
  if (useHarrisDetector) cv.cornerHarris(image, scores, blockSize, gradientSize, k);
  else cv.cornerMinEigenVal(image, scores, blockSize, gradientSize);
}

/**
 * Indices of the pixels that are allowed, score above `qualityLevel` × the best
 * allowed score, and are not exceeded by any of their 8 neighbours, strongest
 * first. As in OpenCV the outermost pixels are none, and of equal scores the
 * later pixel comes first.
 */
function localMaxima(
  scores: Float32Array,
  width: number,
  height: number,
  qualityLevel: number,
  mask?: Mask,
): Uint32Array {
  const threshold = Math.fround(best(scores, mask) * qualityLevel);
  const found: number[] = [];
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * width + 1; i < (y + 1) * width - 1; i++) {
      if (scores[i] > threshold && !(mask && mask[i] === 0) && isPeak(scores, i, width)) {
        found.push(i);
      }
    }
  }
  return strongestFirst(found, scores);
}

function best(scores: Float32Array, mask?: Mask): number {
  let max = -Infinity;
  for (let i = 0; i < scores.length; i++) {
    if (scores[i] > max && !(mask && mask[i] === 0)) max = scores[i];
  }
  return Math.max(max, 0);
}

function isPeak(scores: Float32Array, i: number, width: number): boolean {
  const score = scores[i];
  return score >= scores[i - 1] && score >= scores[i + 1] &&
    score >= scores[i - width - 1] && score >= scores[i - width] &&
    score >= scores[i - width + 1] && score >= scores[i + width - 1] &&
    score >= scores[i + width] && score >= scores[i + width + 1];
}

/**
 * Sorts by score, then index, both falling. The bits of positive floats are
 * ordered as the floats are, so score and index make one integer to sort by:
 * five times as fast as a comparator.
 */
function strongestFirst(indices: number[], scores: Float32Array): Uint32Array {
  const keys = new BigUint64Array(indices.length);
  const low = new Uint32Array(keys.buffer), high = new Float32Array(keys.buffer);
  indices.forEach((index, i) => {
    low[2 * i] = index;
    high[2 * i + 1] = scores[index];
  });
  keys.sort();
  return Uint32Array.from(indices, (_, i) => low[2 * (indices.length - 1 - i)]);
}

/**
 * Takes candidates greedily, each at least `minDistance` from all before it and from `avoid`. As in
 * OpenCV a distance below 1 is none.
 */
function choose(
  candidates: Uint32Array,
  width: number,
  height: number,
  { maxCorners, minDistance }: DetectOptions,
  avoid: Float32Array,
): Float32Array {
  const spacing = new Spacing(width, height, minDistance < 1 ? 0 : minDistance);
  for (let i = 0; i < avoid.length; i += 2) spacing.add(avoid[i], avoid[i + 1]);
  const xy: number[] = [];
  for (const index of candidates) {
    if (xy.length === 2 * maxCorners) break;
    const x = index % width, y = Math.floor(index / width);
    if (!spacing.isFree(x, y)) continue;
    spacing.add(x, y);
    xy.push(x, y);
  }
  return Float32Array.from(xy);
}
