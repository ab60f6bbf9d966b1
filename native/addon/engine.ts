/**
 * The native library through Node-API as a {@linkcode FlowEngine}: for programs
 * that have the addon, and to hold it to what all engines promise.
 */
import { createRequire } from "node:module";
import type { EngineInfo } from "../../protocol/mod.ts";
import {
  type Advanced,
  checkGrey,
  type Compared,
  DeadlineError,
  type Detected,
  type DetectOptions,
  EngineError,
  type FlowEngine,
  type FlowOptions,
  type FlowSequence,
  type Frame,
  FrameError,
  type KeptSize,
  type KeptWindows,
  type Mask,
  type Taken,
} from "../../tracking/engine.ts";
import { LEAST_QUALITY } from "../../engines/layout.ts";
import type { Engine, LkstreamError, Sequence } from "./index.d.ts";

/** What `require` of `lkstream.node` gives. */
export type Addon = typeof import("./index.d.ts");

export interface AddonEngineOptions {
  /** Absolute path of `lkstream.node`. */
  addon: string;
  kind?: "cpu" | "cuda";
  /** Exactly this one, as "avx2"; by default the best there is. */
  variant?: string;
  /** Frames with more pixels are refused with `frame_too_large`. */
  maxFramePixels: number;
  /** Milliseconds by which a call settles; 10 s by default. */
  deadlineMs?: number;
  /** Why this engine was chosen, for `info`. */
  reason?: string;
}

/** @throws {EngineError} where the addon does not load or the engine cannot run here. */
export function createAddonEngine(options: AddonEngineOptions): FlowEngine {
  const { addon, kind = "cpu", variant = "" } = options;
  try {
    const { Engine } = loadAddon(addon);
    return new AddonEngine(new Engine({ kind, variant }), options);
  } catch (error) {
    throw new EngineError(`Cannot start the ${kind} engine: ${(error as Error).message}`);
  }
}

export function loadAddon(path: string): Addon {
  return createRequire(import.meta.url)(path);
}

class AddonEngine implements FlowEngine {
  readonly info: EngineInfo;
  readonly #engine: Engine;
  readonly #maxPixels: number;
  readonly #deadlineMs: number;
  readonly #opened = new Set<AddonSequence>();

  constructor(
    engine: Engine,
    { maxFramePixels, deadlineMs = 10_000, reason = "asked for" }: AddonEngineOptions,
  ) {
    const device = `${engine.device} (${engine.variant})`;
    this.info = { name: engine.name as EngineInfo["name"], device, reason };
    this.#engine = engine;
    this.#maxPixels = maxFramePixels;
    this.#deadlineMs = deadlineMs;
  }

  open(): FlowSequence {
    try {
      const native = this.#engine.open({ maxPixels: this.#maxPixels });
      const sequence = new AddonSequence(
        native,
        this.#deadlineMs,
        () => this.#opened.delete(sequence),
      );
      this.#opened.add(sequence);
      return sequence;
    } catch (error) {
      throw typed(error);
    }
  }

  async close(): Promise<void> {
    this.#engine.close();
    for (const sequence of this.#opened) await sequence[Symbol.asyncDispose]();
  }
}

class AddonSequence implements FlowSequence {
  readonly #native: Sequence;
  readonly #deadlineMs: number;
  readonly #onClose: () => void;
  readonly #closing = new AbortController();

  constructor(native: Sequence, deadlineMs: number, onClose: () => void) {
    this.#native = native;
    this.#deadlineMs = deadlineMs;
    this.#onClose = onClose;
  }

  async advance(
    frame: Frame,
    points: Float32Array,
    options: FlowOptions,
    guess?: Float32Array,
  ): Promise<Advanced> {
    if (!(frame instanceof Uint8Array)) checkGrey(frame);
    const { reset, points: xy, ...found } = await this.#run((signal) =>
      this.#native.advance(frame, points, { ...options, signal }, guess)
    );
    return { ...found, xy, continues: !reset };
  }

  async detect(options: DetectOptions, avoid: Float32Array, mask?: Mask): Promise<Detected> {
    const qualityLevel = Math.max(LEAST_QUALITY, options.qualityLevel);
    const { corners, detectMs } = await this.#run((signal) =>
      this.#native.detect({ ...options, qualityLevel, signal }, avoid, mask)
    );
    return { xy: corners, detectMs };
  }

  async take(points: Float32Array, [width, height]: KeptSize): Promise<Taken> {
    return await this.#run((signal) =>
      this.#native.take(points, { winSize: [width, height], signal })
    );
  }

  async compare(points: Float32Array, kept: KeptWindows): Promise<Compared> {
    const [width, height] = kept.size;
    return await this.#run((signal) =>
      this.#native.compare(points, kept, { winSize: [width, height], signal })
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new EngineError("Cannot go on: the sequence is closed"));
    this.#native.close();
    this.#onClose();
    return Promise.resolve();
  }

  /** Takes the work back at its deadline, and when the sequence is closed. */
  async #run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const late = new AbortController();
    const deadline = setTimeout(() => {
      late.abort(new DeadlineError(`The engine took longer than ${this.#deadlineMs} ms`));
    }, this.#deadlineMs);
    try {
      return await work(AbortSignal.any([late.signal, this.#closing.signal]));
    } catch (error) {
      throw typed(error);
    } finally {
      clearTimeout(deadline);
    }
  }
}

/** To the addon a wrong length is the caller's mistake; here it makes a bad frame. */
function typed(error: unknown): FrameError | EngineError {
  if (error instanceof EngineError) return error; // with which the work was taken back
  const { code, message } = error as LkstreamError;
  if (code === "bad_frame" || code === "frame_too_large") return new FrameError(code, message);
  return new EngineError(message, { cause: error });
}
