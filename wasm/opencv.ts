import type { EventEmitter } from "node:events";
import { createRequire } from "node:module";
import process from "node:process";
import { EngineError } from "../tracking/engine.ts";

/** A matrix in the heap of opencv.js. Memory is freed by `delete` only: see {@linkcode MatScope}. */
export interface Mat {
  readonly rows: number;
  readonly cols: number;
  /** Views of the heap. Take them anew after every call: they die when the heap grows. */
  readonly data: Uint8Array;
  readonly data32F: Float32Array;
  delete(): void;
}

/** The part of opencv.js that is used here, under OpenCV's own names. */
export interface OpenCv {
  readonly CV_8UC1: number;
  readonly CV_32FC2: number;
  readonly OPTFLOW_USE_INITIAL_FLOW: number;
  readonly HEAPU8: Uint8Array;
  readonly Mat: new (rows?: number, cols?: number, type?: number) => Mat;
  readonly Size: new (width: number, height: number) => unknown;
  readonly TermCriteria: new (type: number, maxCount: number, epsilon: number) => unknown;
  calcOpticalFlowPyrLK(
    prevImg: Mat,
    nextImg: Mat,
    prevPts: Mat,
    nextPts: Mat,
    status: Mat,
    err: Mat,
    winSize: unknown,
    maxLevel: number,
    criteria: unknown,
    flags: number,
    minEigThreshold: number,
  ): void;
  cornerMinEigenVal(src: Mat, dst: Mat, blockSize: number, ksize: number): void;
  cornerHarris(src: Mat, dst: Mat, blockSize: number, ksize: number, k: number): void;
  exceptionFromPtr(pointer: number): { msg: string };
  getBuildInformation(): string;
}

/**
 * Loads opencv.js. The result is wrapped for a reason: the module has a `then`
 * that resolves with itself, so a promise of the bare module never settles.
 */
export async function loadOpenCv(): Promise<{ cv: OpenCv }> {
  const restore = keepProcessListeners();
  const cv = createRequire(import.meta.url)("@techstark/opencv-js");
  if (!cv.Mat) await new Promise<void>((resolve) => cv.onRuntimeInitialized = resolve);
  restore();
  return { cv };
}

/** Emscripten takes over `unhandledRejection` and `uncaughtException` of the whole process. */
function keepProcessListeners(): () => void {
  const emitter: EventEmitter = process;
  const events = ["unhandledRejection", "uncaughtException"];
  const before = events.map((event) => emitter.listeners(event));
  return () =>
    events.forEach((event, i) => {
      for (const listener of emitter.listeners(event)) {
        if (!before[i].includes(listener)) emitter.off(event, listener as () => void);
      }
    });
}

/** OpenCV's version, as "4.12.0". */
export function openCvVersion(cv: OpenCv): string {
  return /OpenCV (\d+\.\d+\.\d+)/.exec(cv.getBuildInformation())?.[1] ?? "of unknown version";
}

/** Owns the matrices that it made and deletes them at the end of its block, also when that throws. */
export class MatScope implements Disposable {
  readonly #cv: OpenCv;
  readonly #mats: Mat[] = [];

  constructor(cv: OpenCv) {
    this.#cv = cv;
  }

  /** An empty matrix, for results. */
  empty(): Mat {
    return this.#own(new this.#cv.Mat());
  }

  /** x, y pairs as OpenCV takes points: a column of two floats a row. */
  points(xy: Float32Array): Mat {
    const mat = this.#own(new this.#cv.Mat(xy.length / 2, 1, this.#cv.CV_32FC2));
    mat.data32F.set(xy);
    return mat;
  }

  #own(mat: Mat): Mat {
    this.#mats.push(mat);
    return mat;
  }

  [Symbol.dispose](): void {
    for (const mat of this.#mats.splice(0)) mat.delete();
  }
}

/**
 * Runs calls of opencv.js; what OpenCV throws arrives as a pointer to a C++
 * exception and leaves as an error that can be read.
 *
 * @throws {EngineError} "Cannot `action`: …" where OpenCV threw.
 */
export function guarded<T>(cv: OpenCv, action: string, calls: () => T): T {
  try {
    return calls();
  } catch (error) {
    if (typeof error !== "number") throw error;
    throw new EngineError(`Cannot ${action}: ${cv.exceptionFromPtr(error).msg.trim()}`);
  }
}
