/**
 * What OpenCV itself says, by direct calls of opencv.js, and how near to it an
 * engine must be.
 */
import assert from "node:assert/strict";
import type { DetectOptions, FlowOptions, Grey, Mask } from "../../tracking/engine.ts";
import { loadOpenCv } from "../../wasm/opencv.ts";

// deno-lint-ignore no-explicit-any -- on purpose not through the wrapper that is tested
const cv: any = (await loadOpenCv()).cv;

/** Answers of `calcOpticalFlowPyrLK`; `found` is 1 or 0. */
export interface OracleFlow {
  xy: Float32Array;
  found: Uint8Array;
  error: Float32Array;
}

/** OpenCV's `calcOpticalFlowPyrLK` on two images of one size; `options.back` is not looked at. */
export function oracleFlow(
  prev: Grey,
  next: Grey,
  points: Float32Array,
  options: Omit<FlowOptions, "back">,
  guess?: Float32Array,
): OracleFlow {
  const mats = [toMat(prev), toMat(next), pointsMat(points)];
  const nextPts = pointsMat(guess ?? points);
  const status = new cv.Mat(), err = new cv.Mat();
  const [w, h] = options.winSize;
  const criteria = new cv.TermCriteria(3, options.maxCount, options.epsilon);
  const flags = guess ? 4 : 0;
  const size = new cv.Size(w, h);
  cv.calcOpticalFlowPyrLK(
    ...mats,
    nextPts,
    status,
    err,
    size,
    options.maxLevel,
    criteria,
    flags,
    options.minEigThreshold,
  );
  const xy = nextPts.data32F.slice(), found = status.data.slice(), error = err.data32F.slice();
  for (const mat of [...mats, nextPts, status, err]) mat.delete();
  return { xy, found, error };
}

/** OpenCV's `goodFeaturesToTrack`: x, y pairs, strongest first. */
export function oracleCorners(image: Grey, options: DetectOptions, mask?: Mask): Float32Array {
  const src = toMat(image), corners = new cv.Mat();
  const allowed = mask ? toMat({ ...image, data: mask }) : new cv.Mat();
  const { maxCorners, qualityLevel, minDistance, blockSize, gradientSize, k } = options;
  cv.goodFeaturesToTrack1( // the overload with a gradient size
    src,
    corners,
    maxCorners,
    qualityLevel,
    minDistance,
    allowed,
    blockSize,
    gradientSize,
    options.useHarrisDetector,
    k,
  );
  const xy = corners.rows === 0 ? new Float32Array() : corners.data32F.slice();
  for (const mat of [src, corners, allowed]) mat.delete();
  return xy;
}

/** A corner score a pixel: OpenCV's `cornerMinEigenVal` or `cornerHarris`. */
export function oracleScores(image: Grey, options: DetectOptions): Float32Array {
  const src = toMat(image), scores = new cv.Mat();
  const { blockSize, gradientSize, k } = options;
  if (options.useHarrisDetector) cv.cornerHarris(src, scores, blockSize, gradientSize, k);
  else cv.cornerMinEigenVal(src, scores, blockSize, gradientSize);
  const data = scores.data32F.slice();
  src.delete();
  scores.delete();
  return data;
}

function toMat({ width, height, data }: Grey): { delete(): void } {
  const mat = new cv.Mat(height, width, cv.CV_8UC1);
  mat.data.set(data);
  return mat;
}

function pointsMat(xy: Float32Array): { data32F: Float32Array; delete(): void } {
  const mat = new cv.Mat(xy.length / 2, 1, cv.CV_32FC2);
  mat.data32F.set(xy);
  return mat;
}

/**
 * Asserts that an engine follows points as OpenCV does: the same points at
 * least 99.5 %; positions within 0.005 px at the median and 0.05 px at p99;
 * error within 0.05 grey levels at p95.
 */
export function assertFlowAgrees(
  got: { xy: Float32Array; status: Uint8Array; error: Float32Array },
  want: OracleFlow,
): void {
  const n = want.found.length;
  assert.equal(got.status.length, n);
  const distances: number[] = [], errors: number[] = [];
  let same = 0;
  for (let i = 0; i < n; i++) {
    const tracked = got.status[i] === 0;
    if (tracked === (want.found[i] === 1)) same++;
    if (!tracked || !want.found[i]) continue;
    const dx = got.xy[2 * i] - want.xy[2 * i], dy = got.xy[2 * i + 1] - want.xy[2 * i + 1];
    distances.push(Math.hypot(dx, dy));
    errors.push(Math.abs(got.error[i] - want.error[i]));
  }
  assert.ok(same >= 0.995 * n, `${n - same} of ${n} statuses differ from OpenCV's`);
  assertBelow("median distance to OpenCV's place", percentile(distances, 50), 0.005);
  assertBelow("p99 distance to OpenCV's place", percentile(distances, 99), 0.05);
  assertBelow("p95 difference to OpenCV's error", percentile(errors, 95), 0.05);
}

/**
 * Asserts the same corners in the same order as OpenCV's, but for ties: where
 * two differ, their scores must not (by more than 1 in 10⁵).
 */
export function assertCornersAgree(
  got: Float32Array,
  want: Float32Array,
  image: Grey,
  options: DetectOptions,
): void {
  const scores = oracleScores(image, options);
  const scoreAt = (xy: Float32Array, i: number) => scores[xy[2 * i + 1] * image.width + xy[2 * i]];
  assert.equal(got.length, want.length, "number of coordinates");
  for (let i = 0; i < want.length / 2; i++) {
    if (got[2 * i] === want[2 * i] && got[2 * i + 1] === want[2 * i + 1]) continue;
    const a = scoreAt(got, i), b = scoreAt(want, i);
    assert.ok(
      Math.abs(a - b) <= 1e-5 * Math.abs(b),
      `corner ${i} is (${got[2 * i]}, ${got[2 * i + 1]}) with score ${a}, ` +
        `OpenCV's is (${want[2 * i]}, ${want[2 * i + 1]}) with ${b}`,
    );
  }
}

export function assertBelow(what: string, value: number, limit: number): void {
  assert.ok(value <= limit, `${what} is ${value}, allowed are up to ${limit}`);
}

/** 0 for no values. */
export function percentile(values: number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * percent / 100))] ?? 0;
}
