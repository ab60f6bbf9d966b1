import {
  type Advanced,
  checkGrey,
  type Compared,
  type Detected,
  type DetectOptions,
  EngineError,
  type FlowOptions,
  type Frame,
  type Grey,
  type KeptSize,
  type KeptWindows,
  type Mask,
  type Taken,
} from "../tracking/engine.ts";
import { findCorners } from "./corners.ts";
import { type Followed, type Follower, followPoints } from "./flow.ts";
import { checkSize, type JpegDecoder } from "./jpeg.ts";
import { guarded, type Mat } from "./opencv.ts";
import { compareWindows, takeWindows } from "./windows.ts";

/** What the sequences of a worker share. */
export interface Tools extends Follower {
  jpeg: JpegDecoder;
  maxFramePixels: number;
}

/**
 * The worker's side of a `FlowSequence`, with the same meaning, synchronous. It
 * owns two grey images: the current one, and a spare one that the next frame is
 * decoded into, so that a bad frame leaves the current one as it was.
 */
export class Sequence implements Disposable {
  readonly #tools: Tools;
  #current: Mat | null = null;
  #spare: Mat | null = null;

  constructor(tools: Tools) {
    this.#tools = tools;
  }

  /** See `FlowSequence.advance`. */
  advance(
    frame: Frame,
    points: Float32Array,
    options: FlowOptions,
    guess?: Float32Array,
  ): Advanced {
    checkPoints(points, guess);
    const start = performance.now();
    const next = this.#read(frame);
    const decoded = performance.now();
    const prev = this.#current;
    const continues = prev !== null && prev.rows === next.rows && prev.cols === next.cols;
    const followed = continues ? this.#follow(prev, next, points, options, guess) : nothing();
    this.#current = next;
    this.#spare = prev;
    return {
      width: next.cols,
      height: next.rows,
      continues,
      ...followed,
      decodeMs: decoded - start,
      trackMs: performance.now() - decoded,
    };
  }

  /** See `FlowSequence.detect`. */
  detect(options: DetectOptions, avoid: Float32Array, mask?: Mask): Detected {
    const image = this.#currentFor("find corners");
    const pixels = image.rows * image.cols;
    if (mask && mask.length !== pixels) {
      throw new EngineError(
        `Cannot find corners under a mask of ${mask.length} bytes: the frame has ${pixels} pixels`,
      );
    }
    const start = performance.now();
    const xy = findCorners(this.#tools.cv, image, options, avoid, mask);
    return { xy, detectMs: performance.now() - start };
  }

  /** See `FlowSequence.take`. */
  take(points: Float32Array, size: KeptSize): Taken {
    const image = this.#currentFor("take windows");
    const start = performance.now();
    const pixels = takeWindows(greyOf(image), points, size);
    return { pixels, takeMs: performance.now() - start };
  }

  /** See `FlowSequence.compare`. */
  compare(points: Float32Array, kept: KeptWindows): Compared {
    const image = this.#currentFor("compare windows");
    const start = performance.now();
    const compared = compareWindows(greyOf(image), points, kept);
    return { ...compared, compareMs: performance.now() - start };
  }

  #currentFor(action: string): Mat {
    if (this.#current) return this.#current;
    throw new EngineError(`Cannot ${action}: there is no current frame`);
  }

  /** Decodes into the spare image, or where it has another size, into a new one in its place. */
  #read(frame: Frame): Mat {
    const { jpeg, maxFramePixels } = this.#tools;
    if (frame instanceof Uint8Array) {
      jpeg.decode(frame, maxFramePixels, (width, height) => this.#makeSpare(width, height).data);
    } else {
      checkGrey(frame);
      checkSize(frame.width, frame.height, maxFramePixels);
      this.#makeSpare(frame.width, frame.height).data.set(frame.data);
    }
    return this.#spare!;
  }

  #makeSpare(width: number, height: number): Mat {
    if (this.#spare?.cols !== width || this.#spare.rows !== height) {
      const { cv } = this.#tools;
      this.#spare?.delete();
      this.#spare = null;
      this.#spare = guarded(
        cv,
        `take memory for a frame of ${width}×${height} pixels`,
        () => new cv.Mat(height, width, cv.CV_8UC1),
      );
    }
    return this.#spare;
  }

  /** Where OpenCV fails the next frame is a first one. */
  #follow(
    prev: Mat,
    next: Mat,
    points: Float32Array,
    options: FlowOptions,
    guess?: Float32Array,
  ): Followed {
    try {
      return followPoints(this.#tools, prev, next, points, options, guess);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Frees both images. Idempotent. */
  [Symbol.dispose](): void {
    this.#current?.delete();
    this.#spare?.delete();
    this.#current = this.#spare = null;
  }
}

/** A view, good until OpenCV takes memory. */
function greyOf({ cols, rows, data }: Mat): Grey {
  return { width: cols, height: rows, data };
}

function nothing(): Followed {
  return {
    xy: new Float32Array(),
    status: new Uint8Array(),
    error: new Float32Array(),
    fb: new Float32Array(),
  };
}

function checkPoints(points: Float32Array, guess?: Float32Array): void {
  if (points.length % 2 !== 0) {
    throw new EngineError(`Cannot follow ${points.length} coordinates: they must be x, y pairs`);
  }
  if (guess && guess.length !== points.length) {
    throw new EngineError(
      `Cannot follow ${points.length / 2} points from ${guess.length / 2} guesses: ` +
        "there must be as many",
    );
  }
}
