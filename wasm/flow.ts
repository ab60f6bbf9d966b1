import { type Advanced, EngineError, type FlowOptions, Status } from "../tracking/engine.ts";
import { guarded, type Mat, MatScope, type OpenCv } from "./opencv.ts";

/**
 * Points of so many pixels of windows in all are followed in one call of OpenCV, which nothing can
 * stop: a second of the dearest options. Of the default ones they are 2378.
 */
const PIXELS_A_CALL = 1 << 20;
const TERM_CRITERIA_COUNT_AND_EPS = 3;

/** What points are followed by. */
export interface Follower {
  cv: OpenCv;
  /** Whether nobody waits for the points any more. */
  isEnded(): boolean;
}

/** The columns of {@linkcode Advanced} that following points fills. */
export type Followed = Pick<Advanced, "xy" | "status" | "error" | "fb">;

/**
 * Follows points (x, y pairs, pixels) from one grey image into another of the
 * same size: `calcOpticalFlowPyrLK`, the pyramidal Lucas–Kanade tracker of
 * Bouguet (2000). With `options.back` it is run from `next` to `prev` too.
 *
 * @throws {EngineError} where OpenCV failed, or nobody waits for the points any more.
 */
export function followPoints(
  follower: Follower,
  prev: Mat,
  next: Mat,
  points: Float32Array,
  options: FlowOptions,
  guess?: Float32Array,
): Followed {
  const { xy, found, error } = lucasKanade(follower, prev, next, points, options, guess);
  const status = new Uint8Array(found.length);
  for (let i = 0; i < status.length; i++) {
    if (!found[i]) status[i] = whyLost(points, xy, i, next, options.winSize);
  }
  const fb = options.back
    ? wayBack(follower, prev, next, points, xy, status, options, guess)
    : new Float32Array(status.length).fill(NaN);
  return { xy, status, error, fb };
}

/** `fb` of {@linkcode Advanced}; NaN also for a point that was not tracked. */
function wayBack(
  follower: Follower,
  prev: Mat,
  next: Mat,
  points: Float32Array,
  xy: Float32Array,
  status: Uint8Array,
  options: FlowOptions,
  guess?: Float32Array,
): Float32Array {
  const start = guess && xy.map((at, i) => at - (guess[i] - points[i]));
  const back = lucasKanade(follower, next, prev, xy, options, start);
  return Float32Array.from(status, (code, i) => {
    if (code !== Status.tracked) return NaN;
    if (!back.found[i]) return Infinity;
    return Math.hypot(back.xy[2 * i] - points[2 * i], back.xy[2 * i + 1] - points[2 * i + 1]);
  });
}

/** OpenCV's answer for each point; `found` is its status, 1 or 0. */
interface LucasKanade {
  xy: Float32Array;
  found: Uint8Array;
  error: Float32Array;
}

/** Follows some points after the others: they do not know of each other. */
function lucasKanade(
  { cv, isEnded }: Follower,
  prev: Mat,
  next: Mat,
  points: Float32Array,
  options: FlowOptions,
  guess?: Float32Array,
): LucasKanade {
  const n = points.length / 2;
  const all = {
    xy: new Float32Array(2 * n),
    found: new Uint8Array(n),
    error: new Float32Array(n),
  };
  const [w, h] = options.winSize;
  const some = Math.ceil(PIXELS_A_CALL / (w * h));
  for (let at = 0; at < n; at += some) {
    if (isEnded()) throw new EngineError("Cannot follow points: nobody waits for them");
    const of = (xy: Float32Array) => xy.subarray(2 * at, 2 * (at + some));
    const part = callOpenCv(cv, prev, next, of(points), options, guess && of(guess));
    all.xy.set(part.xy, 2 * at);
    all.found.set(part.found, at);
    all.error.set(part.error, at);
  }
  return all;
}

/** One call of `calcOpticalFlowPyrLK`. Of points that are flat it leaves the error unwritten: it is made 0. */
function callOpenCv(
  cv: OpenCv,
  prev: Mat,
  next: Mat,
  points: Float32Array,
  options: FlowOptions,
  guess?: Float32Array,
): LucasKanade {
  using scope = new MatScope(cv);
  const from = scope.points(points);
  const to = guess ? scope.points(guess) : scope.empty();
  const status = scope.empty(), err = scope.empty();
  guarded(cv, "follow points", () =>
    cv.calcOpticalFlowPyrLK(
      prev,
      next,
      from,
      to,
      status,
      err,
      new cv.Size(...options.winSize),
      options.maxLevel,
      new cv.TermCriteria(TERM_CRITERIA_COUNT_AND_EPS, options.maxCount, options.epsilon),
      guess ? cv.OPTFLOW_USE_INITIAL_FLOW : 0,
      options.minEigThreshold,
    ));
  const found = status.data.slice();
  const error = err.data32F.map((value, i) => found[i] ? value : 0);
  return { xy: to.data32F.slice(), found, error };
}

/**
 * OpenCV gives up on a point for one of two reasons and does not say which:
 * its window, in either image, left that image by its own size, or the window
 * is flat. So the first is decided as OpenCV decides it, from the point and the
 * last place that was tried; what remains is flat. (A flat window whose search
 * was sent out of the image by a coarser level counts as out of frame.)
 */
function whyLost(
  points: Float32Array,
  xy: Float32Array,
  i: number,
  image: Mat,
  winSize: [number, number],
): number {
  const inside = isInside(points[2 * i], points[2 * i + 1], image, winSize) &&
    isInside(xy[2 * i], xy[2 * i + 1], image, winSize);
  return inside ? Status.flat : Status.outOfFrame;
}

/** The test of OpenCV's `LKTrackerInvoker` at level 0. A coordinate that is not a number is outside. */
function isInside(x: number, y: number, image: Mat, [w, h]: [number, number]): boolean {
  const left = Math.floor(Math.fround(x - (w - 1) / 2));
  const top = Math.floor(Math.fround(y - (h - 1) / 2));
  return left >= -w && left < image.cols && top >= -h && top < image.rows;
}
