import type { EngineInfo, Options } from "../protocol/mod.ts";

/**
 * What tracks points. One engine a process, one sequence a session. All engines
 * mean the same: OpenCV's CPU `calcOpticalFlowPyrLK` and `goodFeaturesToTrack`.
 * Positions are pixels, as x, y pairs; (0, 0) is the centre of the top-left pixel.
 *
 * A call settles by its deadline, whatever the engine does: work that takes too long is ended.
 */
export interface FlowEngine {
  readonly info: EngineInfo;
  /** A new sequence: no frame yet. */
  open(): FlowSequence;
  /** What it has done since it was opened; engines that count nothing have none. */
  counters?(): EngineCounters | null;
  /** Ends all sequences, as their disposal does, and frees everything. Idempotent. */
  close(): Promise<void>;
}

/** What a native engine counts. */
export interface EngineCounters {
  /** Decoded by the GPU, and by libjpeg-turbo; of the latter, those that the GPU had tried in vain. */
  jpegsOnGpu: number;
  jpegsOnCpu: number;
  jpegsRefused: number;
  /** GPUs, and of these the ones given up after an error that CUDA does not recover from. */
  devices: number;
  failedDevices: number;
}

/** Grey levels, row by row without padding: `data.length` is `width × height`. */
export interface Grey {
  width: number;
  height: number;
  data: Uint8Array;
}

/** A JPEG's bytes, or grey levels, so that engines can be compared on identical pixels. */
export type Frame = Uint8Array | Grey;

/** How `advance` follows points: the options of `flow` that are not the tracker's own. */
export type FlowOptions = Omit<Options["flow"], "predict"> & {
  /** Follow the found points back to the frame before and measure how far off they return. */
  back: boolean;
};

export function flowOptionsOf({ flow, filter }: Options): FlowOptions {
  const { predict: _, ...options } = flow;
  return { ...options, back: filter.forwardBackward !== null };
}

/** How `detect` finds corners: the options of `detect` that are not the tracker's own. */
export type DetectOptions = Omit<Options["detect"], "enabled" | "refill" | "interval">;

/** A byte a pixel, row by row: where it is 0, no corner is found. The size of the current frame. */
export type Mask = Uint8Array;

/** Sides of a window that is kept, in pixels: 3 to {@linkcode MOST_KEPT}. */
export type KeptSize = readonly [width: number, height: number];
export const MOST_KEPT = 31;
/** Pixels that a window has more of when it is kept, across and down. */
export const KEPT_MARGIN = 3;

/** Bytes of a window that is kept. */
export function keptBytes([width, height]: KeptSize): number {
  return (width + KEPT_MARGIN) * (height + KEPT_MARGIN);
}

/** Windows of frames before: columns of equal length, one entry a point. */
export interface KeptWindows {
  size: KeptSize;
  /** Where each point was when its window was taken, on the frame of then; x, y pairs. */
  found: Float32Array;
  /** As {@linkcode FlowSequence.take} gave them, one after the other. */
  pixels: Uint8Array;
  /**
   * Where each comparison starts, 6 numbers a b c d x y: what was at u of the window is at
   * point + (a b; c d) u + (x y). At first 1 0 0 1 0 0.
   */
  warps: Float32Array;
}

/** Windows of the current frame. */
export interface Taken {
  pixels: Uint8Array;
  takeMs: number;
}

/** How kept windows fit the current frame. */
export interface Compared {
  /**
   * The root of the share of each window's variance that the best fit leaves over, 0 to 1. NaN
   * where it cannot be compared: the window has less contrast than a grey level, or the fit would
   * begin outside of the frame.
   */
  residuals: Float32Array;
  /** Where each fits best. */
  warps: Float32Array;
  compareMs: number;
}

/** `Advanced.status` of a point: tracked, or why not. The codes are those of the wire's reasons. */
export const Status = { tracked: 0, flat: 1, outOfFrame: 2 } as const;

/** What `advance` found. The columns belong to the caller. */
export interface Advanced {
  width: number;
  height: number;
  /**
   * False where there was no frame of the same size before this one: then no
   * point was followed and the columns are empty.
   */
  continues: boolean;
  /** Where each point is now. Meaningless where its status is not `tracked`. */
  xy: Float32Array;
  /** One {@linkcode Status} a point. */
  status: Uint8Array;
  /** Mean absolute difference of the two windows at level 0, in grey levels. */
  error: Float32Array;
  /**
   * Distance from the point to where following it back ends, in pixels. NaN
   * without `back`; Infinity where the way back fails.
   */
  fb: Float32Array;
  decodeMs: number;
  trackMs: number;
}

/** Corners of a frame, x, y pairs, strongest first. */
export interface Detected {
  xy: Float32Array;
  detectMs: number;
}

/**
 * The frames of one camera, in order. Never two calls at once. To dispose of it ends the call under
 * way, with an {@linkcode EngineError}.
 */
export interface FlowSequence extends AsyncDisposable {
  /**
   * Makes `frame` the current one and follows `points` into it from the frame
   * before. With `guess` each search starts there (`OPTFLOW_USE_INITIAL_FLOW`),
   * and the way back starts as far on the other side: at found − (guess − point).
   *
   * @throws {FrameError} where the JPEG does not decode or is too large; then
   * the sequence is as before the call.
   * @throws {DeadlineError} where it was too much work.
   * @throws {EngineError} where the engine failed. After either the next frame is a first one.
   */
  advance(
    frame: Frame,
    points: Float32Array,
    options: FlowOptions,
    guess?: Float32Array,
  ): Promise<Advanced>;

  /**
   * Corners of the current frame, none nearer than `minDistance` to a point of
   * `avoid`, none where `mask` is 0. Scores count relative to the best corner
   * that the mask allows; `avoid` does not change them.
   *
   * @throws {EngineError} where there is no current frame or the engine failed.
   */
  detect(options: DetectOptions, avoid: Float32Array, mask?: Mask): Promise<Detected>;

  /**
   * The windows of the current frame around `points`, to be compared later, here or by another
   * sequence or engine. One that does not lie inside of the frame is all 0.
   *
   * @throws {EngineError} where there is no current frame or the engine failed.
   */
  take(points: Float32Array, size: KeptSize): Promise<Taken>;

  /**
   * Compares windows that were taken before with the current frame around `points`: under an
   * affine motion (Shi and Tomasi 1994) and a gain and offset of grey (Jin, Favaro and Soatto
   * 2001), fitted by the inverse compositional method (Baker and Matthews 2004). All engines give
   * the same numbers, bit for bit, for the same pixels and points.
   *
   * @throws {EngineError} where there is no current frame or the engine failed.
   */
  compare(points: Float32Array, kept: KeptWindows): Promise<Compared>;
}

/** A frame that cannot be used. `code` is what the client is told. */
export class FrameError extends Error {
  override readonly name = "FrameError";
  constructor(readonly code: "bad_frame" | "frame_too_large", message: string) {
    super(message);
  }
}

/** @throws {FrameError} `bad_frame` where there is not one grey level a pixel. */
export function checkGrey({ width, height, data }: Grey): void {
  const whole = Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0;
  if (whole && data.length === width * height) return;
  throw new FrameError(
    "bad_frame",
    `Cannot take ${data.length} grey levels as a frame of ${width}×${height} pixels: ` +
      "there must be one a pixel",
  );
}

/** @throws {EngineError} where the columns differ in length. */
export function checkKept(points: Float32Array, { size, found, pixels, warps }: KeptWindows): void {
  const n = points.length / 2;
  const fit = found.length === 2 * n && warps.length === 6 * n &&
    pixels.length === n * keptBytes(size);
  if (fit) return;
  throw new EngineError(
    `Cannot compare ${n} points: allowed are a window, a place and a warp for each`,
  );
}

/**
 * The engine failed, or was used after it was closed. Clients are told the message; what an
 * exception said that nobody expected is the `cause`, and for the log: see {@linkcode explain}.
 */
export class EngineError extends Error {
  override readonly name = "EngineError";
}

/** An engine's error with the exception behind it, for who runs the server. */
export function explain({ message, cause }: Error): string {
  return typeof cause === "string" ? `${message}: ${cause}` : message;
}

/**
 * A call failed, and not through a fault of the engine: it was asked for what
 * it cannot do, or another call had to be ended.
 */
export class CallError extends EngineError {}

/** The engine answers nobody any more. */
export class EngineLostError extends EngineError {}

/** A call was too much work for the engine, which goes on with others. */
export class DeadlineError extends EngineError {}
