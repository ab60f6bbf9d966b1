/**
 * The native library through Node-API as a {@linkcode FlowEngine}: for programs
 * that have the addon, and to hold it to what all engines promise.
 */
import { createRequire } from "node:module";
import type { EngineInfo } from "../../protocol/mod.ts";
import {
  type Advanced,
  checkGrey,
  type Detected,
  type DetectOptions,
  EngineError,
  type FlowEngine,
  type FlowOptions,
  type FlowSequence,
  type Frame,
  FrameError,
  type Mask,
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
  /** Why this engine was chosen, for `info`. */
  reason?: string;
}

/** @throws {EngineError} where the addon does not load or the engine cannot run here. */
export function createAddonEngine(options: AddonEngineOptions): FlowEngine {
  const { addon, kind = "cpu", variant = "", maxFramePixels, reason = "asked for" } = options;
  try {
    const { Engine } = loadAddon(addon);
    return new AddonEngine(new Engine({ kind, variant }), maxFramePixels, reason);
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
  readonly #opened = new Set<AddonSequence>();

  constructor(engine: Engine, maxPixels: number, reason: string) {
    const device = `${engine.device} (${engine.variant})`;
    this.info = { name: engine.name as EngineInfo["name"], device, reason };
    this.#engine = engine;
    this.#maxPixels = maxPixels;
  }

  open(): FlowSequence {
    try {
      const native = this.#engine.open({ maxPixels: this.#maxPixels });
      const sequence = new AddonSequence(native, () => this.#opened.delete(sequence));
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
  readonly #onClose: () => void;

  constructor(native: Sequence, onClose: () => void) {
    this.#native = native;
    this.#onClose = onClose;
  }

  async advance(
    frame: Frame,
    points: Float32Array,
    options: FlowOptions,
    guess?: Float32Array,
  ): Promise<Advanced> {
    if (!(frame instanceof Uint8Array)) checkGrey(frame);
    const { reset, points: xy, ...found } = await this.#native
      .advance(frame, points, options, guess).catch(rethrowTyped);
    return { ...found, xy, continues: !reset };
  }

  async detect(options: DetectOptions, avoid: Float32Array, mask?: Mask): Promise<Detected> {
    const qualityLevel = Math.max(LEAST_QUALITY, options.qualityLevel);
    const { corners, detectMs } = await this.#native
      .detect({ ...options, qualityLevel }, avoid, mask).catch(rethrowTyped);
    return { xy: corners, detectMs };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#native.close();
    this.#onClose();
    return Promise.resolve();
  }
}

/** To the addon a wrong length is the caller's mistake; here it makes a bad frame. */
function rethrowTyped(error: unknown): never {
  throw typed(error);
}

function typed(error: unknown): FrameError | EngineError {
  const { code, message } = error as LkstreamError;
  if (code === "bad_frame" || code === "frame_too_large") return new FrameError(code, message);
  return new EngineError(message, { cause: error });
}
