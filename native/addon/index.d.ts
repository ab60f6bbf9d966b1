/**
 * `lkstream.node`: the native library for Node (`require("./lkstream.node")`)
 * and Deno (`createRequire`). What the functions compute, and every option's
 * range, is told in `native/include/lkstream.h`.
 *
 * Positions are pixels, as x, y pairs; (0, 0) is the centre of the top-left pixel.
 *
 * Promises are worked for on threads of the library, and waited for on those of
 * the runtime's pool. **Until one settles, leave the typed arrays given to its
 * call as they are**: they are read where they lie, so they must not be written,
 * transferred or resized. What comes back is new and yours.
 *
 * An `AbortSignal` among the options takes the work back: on the CPU it ends
 * within about 10 ms, and then the promise is rejected with the signal's reason.
 * The sequence is as before the call; on a GPU it is lost.
 *
 * Whatever fails is a {@linkcode LkstreamError}. An option whose name is none of those below is
 * refused, too.
 */

export type ErrorCode =
  /** A value of the wrong type or out of range. */
  | "invalid_argument"
  | "out_of_memory"
  /** Not a JPEG, damaged, truncated, or of a kind that has no grey. */
  | "bad_frame"
  /** More pixels than `maxPixels`. */
  | "frame_too_large"
  /** Detection before the first frame. */
  | "no_frame"
  /** This engine or variant cannot run here; the message says why. */
  | "unavailable"
  /** The device failed; its sequences are lost. */
  | "engine_failed"
  /** The work was taken back, and not by a signal of this call. */
  | "cancelled"
  /** Used after `close`. */
  | "closed"
  /** A second call on a sequence while one runs. */
  | "busy"
  /** Thrown by `require`: the library beside the addon is of another version. */
  | "abi_mismatch";

export interface LkstreamError extends Error {
  code: ErrorCode;
}

/** Grey levels, row by row. */
export interface Image {
  width: number;
  height: number;
  data: Uint8Array | Uint8ClampedArray;
  /** Bytes from one row to the next; by default the width. */
  stride?: number;
}

/** Options of OpenCV's `calcOpticalFlowPyrLK`, with its defaults. */
export interface FlowOptions {
  /** Width and height of the window, px, 3–63; by default [21, 21]. */
  winSize?: [number, number];
  /** Coarsest pyramid level, 0–8; by default 3. */
  maxLevel?: number;
  /** Iterations a level, 1–100; by default 30. */
  maxCount?: number;
  /** Stop at steps this short, px, 0–10; by default 0.01. */
  epsilon?: number;
  /** 0–1; by default 0.0001. */
  minEigThreshold?: number;
  /** `error` is the window's smallest eigenvalue (`OPTFLOW_LK_GET_MIN_EIGENVALS`). */
  getMinEigenvals?: boolean;
  /** Follow the found points back, for `fb`; by default false. */
  back?: boolean;
  /** Takes the work back. */
  signal?: AbortSignal;
}

/** Options of OpenCV's `goodFeaturesToTrack`. */
export interface DetectOptions {
  /** 0, the default: as many as there are. */
  maxCorners?: number;
  /** Share of the best allowed corner's score, above 0, at most 1; by default 0.01. */
  qualityLevel?: number;
  /** Between corners, px; by default 1. */
  minDistance?: number;
  /** Window that is summed over, px, 1–31; by default 3. */
  blockSize?: number;
  /** Sobel aperture: 3, 5 or 7; by default 3. */
  gradientSize?: number;
  /** Harris' measure instead of the smallest eigenvalue; by default false. */
  useHarrisDetector?: boolean;
  /** Harris' free parameter, 0–1; by default 0.04. */
  k?: number;
  /** Takes the work back. */
  signal?: AbortSignal;
}

/** What became of n points. */
export interface Flow {
  /** Where each point is now, or the last place that was tried: n pairs. */
  points: Float32Array;
  /** 0 tracked, 1 flat, 2 out of frame. */
  status: Uint8Array;
  /** Mean absolute difference of the two windows, grey levels; 0 for a point not tracked. */
  error: Float32Array;
  /**
   * How far from the point following it back ends, px. NaN for a point not
   * tracked and without `back`; Infinity where the way back is lost.
   */
  fb: Float32Array;
}

export interface Advanced extends Flow {
  width: number;
  height: number;
  /**
   * True for a first frame and for one of a new size: no point was followed
   * and the four lists are empty.
   */
  reset: boolean;
  decodeMs: number;
  trackMs: number;
}

export interface Corners {
  /** x, y pairs at whole pixels, strongest first. */
  corners: Float32Array;
  /** One a corner, falling, scaled as `cornerMinEigenVal` and `cornerHarris` scale them. */
  scores: Float32Array;
}

export interface Detected extends Corners {
  detectMs: number;
}

/** Windows of frames before: columns with an entry a point. */
export interface KeptWindows {
  /** Where each point was when its window was taken, on the frame of then: n pairs. */
  found: Float32Array;
  /** As {@linkcode Sequence.take} gave them. */
  pixels: Uint8Array;
  /**
   * Where each comparison starts, 6 numbers a b c d x y: what was at u of the window is at
   * point + (a b; c d) u + (x y). At first 1 0 0 1 0 0.
   */
  warps: Float32Array;
}

export interface KeptOptions {
  /** Width and height of the windows, px, 3–31; by default 21 × 21. */
  winSize?: [number, number];
  /** Takes the work back. */
  signal?: AbortSignal;
}

export interface Taken {
  /** (width + 3) × (height + 3) bytes a window; all 0 where it does not lie inside of the frame. */
  pixels: Uint8Array;
  takeMs: number;
}

export interface Compared {
  /**
   * The root of the share of each window's variance that the best fit leaves over, 0 to 1; NaN
   * where it cannot be compared.
   */
  residuals: Float32Array;
  /** Where each fits best, for the next comparison. */
  warps: Float32Array;
  compareMs: number;
}

/** A way to compute. Any number of its calls may run at once. */
export class Engine implements Disposable {
  /**
   * @param options.kind by default "cpu"
   * @param options.variant exactly this one, as "avx2"; by default the best there is
   */
  constructor(options?: { kind?: "cpu" | "cuda"; variant?: string });

  /** "cpu" or "cuda". */
  readonly name: string;
  /** The processor, as "Intel(R) Xeon(R) Processor". */
  readonly device: string;
  /** What runs, as "avx512". */
  readonly variant: string;

  /** @param options.maxPixels larger frames (width × height) are refused; by default 2²⁸ */
  open(options?: { maxPixels?: number }): Sequence;

  /** @param mask a byte a pixel, without padding: no corner where it is 0 */
  goodFeaturesToTrack(
    image: Image,
    options?: DetectOptions,
    mask?: Uint8Array | null,
  ): Promise<Corners>;

  /**
   * Follows points of one image into another of the same size.
   * @param guess where to start each search (`OPTFLOW_USE_INITIAL_FLOW`)
   */
  calcOpticalFlowPyrLK(
    prev: Image,
    next: Image,
    points: Float32Array,
    options?: FlowOptions,
    guess?: Float32Array,
  ): Promise<Flow>;

  /** {@linkcode goodFeaturesToTrack} by the name and the order of OpenCV's `cuda::CornersDetector`. */
  detect(image: Image, mask?: Uint8Array | null, options?: DetectOptions): Promise<Corners>;

  /** {@linkcode calcOpticalFlowPyrLK} by the name that `cuda::SparsePyrLKOpticalFlow` has for it. */
  calc(
    prev: Image,
    next: Image,
    points: Float32Array,
    options?: FlowOptions,
    guess?: Float32Array,
  ): Promise<Flow>;

  /** Calls that run end as usual, and open sequences live on. May be called again. */
  close(): void;
  [Symbol.dispose](): void;
}

/**
 * The frames of one video, made by {@linkcode Engine.open}. One call at a time:
 * a second one is refused with `busy`. Close it: the collector does so too, but
 * knows nothing of the megabytes behind it.
 */
export class Sequence implements Disposable {
  private constructor();

  /**
   * Makes a JPEG or grey levels the current frame and follows `points` of the
   * frame before into it. With `bad_frame` and `frame_too_large` the current
   * frame stays.
   * @param guess where to start each search (`OPTFLOW_USE_INITIAL_FLOW`)
   */
  advance(
    frame: Uint8Array | Image,
    points: Float32Array,
    options?: FlowOptions,
    guess?: Float32Array,
  ): Promise<Advanced>;

  /**
   * Corners of the current frame.
   * @param avoid points that none is nearer to than `minDistance`
   * @param mask a byte a pixel of the frame, without padding: no corner where it is 0
   */
  detect(
    options?: DetectOptions,
    avoid?: Float32Array,
    mask?: Uint8Array | null,
  ): Promise<Detected>;

  /** The windows of the current frame around points, to be compared later. */
  take(points: Float32Array, options?: KeptOptions): Promise<Taken>;

  /**
   * Compares windows that were taken before with the current frame around `points`, under an
   * affine motion and a gain and offset of grey (`LK_COMPARE`).
   */
  compare(points: Float32Array, kept: KeptWindows, options?: KeptOptions): Promise<Compared>;

  /** Forgets the current frame: the next one is a first frame. */
  reset(): void;

  /** A call that runs ends as usual. May be called again. */
  close(): void;
  [Symbol.dispose](): void;
}

/** Size of a JPEG, from its header alone. */
export function jpegInfo(jpeg: Uint8Array): { width: number; height: number };

/**
 * Decodes a JPEG's luma, never through RGB, on a thread of the runtime's pool. It cannot be taken
 * back; what may be any large file is better given to a sequence, whose calls take a signal.
 * @param options.maxPixels a larger one is refused before memory is taken; by default 2²⁸
 */
export function decodeGrey(
  jpeg: Uint8Array,
  options?: { maxPixels?: number },
): Promise<{ width: number; height: number; data: Uint8Array }>;
