/**
 * The engine that runs anywhere: opencv.js for tracking and detection,
 * libjpeg-turbo in WebAssembly for decoding, in a pool of workers so that the
 * event loop stays free.
 */
import type { EngineInfo } from "../protocol/mod.ts";
import {
  type Advanced,
  checkKept,
  type Compared,
  type Detected,
  type DetectOptions,
  EngineError,
  explain,
  type FlowEngine,
  type FlowOptions,
  type FlowSequence,
  type Frame,
  type KeptSize,
  type KeptWindows,
  type Mask,
  type Taken,
} from "../tracking/engine.ts";
import { Lane, type Spawn } from "./lane.ts";
import type { Request, Results } from "./messages.ts";

export interface WasmEngineOptions {
  /** Workers in the pool; a core each, one left for the server, by default. */
  workers?: number;
  /** Frames with more pixels are refused with `frame_too_large`. */
  maxFramePixels: number;
  /**
   * A worker whose call takes longer is replaced; 10 s by default. Its time begins when those before
   * it are done.
   */
  deadlineMs?: number;
  /** Why this engine was chosen, for `info`. */
  reason?: string;
  /** Makes the workers; for tests that want to lay hands on them. */
  spawn?: Spawn;
}

/**
 * Starts the engine; resolves when every worker has loaded opencv.js.
 *
 * @throws {EngineError} where one of them cannot; then none is left running.
 */
export async function createWasmEngine(options: WasmEngineOptions): Promise<FlowEngine> {
  const { maxFramePixels, deadlineMs = 10_000 } = options;
  const { reason = "it runs anywhere", spawn = spawnWorker } = options;
  const count = options.workers ?? Math.max(1, navigator.hardwareConcurrency - 1);
  const lanes = Array.from(
    { length: count },
    () => new Lane(spawn, maxFramePixels, deadlineMs),
  );
  try {
    await Promise.all(lanes.map((lane) => lane.ready));
  } catch (error) {
    for (const lane of lanes) lane.close();
    throw new EngineError(`Cannot start the wasm engine: ${explain(error as Error)}`);
  }
  const workers = count === 1 ? "1 worker" : `${count} workers`;
  const device = `opencv.js ${lanes[0].version} (${workers})`;
  return new WasmEngine({ name: "wasm", device, reason }, lanes);
}

function spawnWorker(): Worker {
  return new Worker(new URL("./worker.ts", import.meta.url), {
    type: "module",
    name: "lkstream-wasm",
  });
}

class WasmEngine implements FlowEngine {
  readonly info: EngineInfo;
  readonly #lanes: Lane[];
  #sequences = 0;
  #closed = false;

  constructor(info: EngineInfo, lanes: Lane[]) {
    this.info = info;
    this.#lanes = lanes;
  }

  /** The sequence stays with the worker that has the fewest now. */
  open(): FlowSequence {
    if (this.#closed) throw new EngineError("Cannot open a sequence: the wasm engine is closed");
    const lane = this.#lanes.reduce((least, lane) => lane.load < least.load ? lane : least);
    return new WasmSequence(lane, this.#sequences++);
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const lane of this.#lanes) lane.close();
    return Promise.resolve();
  }
}

/**
 * Buffers go to the worker by transfer. They are copies, for the originals
 * belong to the caller; copies by constructor, for `slice` of a Node Buffer is
 * a view.
 */
class WasmSequence implements FlowSequence {
  readonly #lane: Lane;
  readonly #sequence: number;
  /** Ends the call under way for who waits for it. */
  #end: (error: EngineError) => void = () => {};
  #closed: Promise<void> | undefined;

  constructor(lane: Lane, sequence: number) {
    this.#lane = lane;
    this.#sequence = sequence;
    lane.load++;
  }

  async advance(
    frame: Frame,
    points: Float32Array,
    options: FlowOptions,
    guess?: Float32Array,
  ): Promise<Advanced> {
    this.#checkOpen("take a frame");
    const own = copyFrame(frame);
    const pixels = own instanceof Uint8Array ? own : own.data;
    const request = {
      kind: "advance" as const,
      sequence: this.#sequence,
      frame: own,
      points: new Float32Array(points),
      options,
      guess: guess && new Float32Array(guess),
    };
    return await this.#call(request, buffersOf(pixels, request.points, request.guess));
  }

  async detect(options: DetectOptions, avoid: Float32Array, mask?: Mask): Promise<Detected> {
    this.#checkOpen("find corners");
    const request = {
      kind: "detect" as const,
      sequence: this.#sequence,
      options,
      avoid: new Float32Array(avoid),
      mask: mask && new Uint8Array(mask),
    };
    return await this.#call(request, buffersOf(request.avoid, request.mask));
  }

  async take(points: Float32Array, size: KeptSize): Promise<Taken> {
    this.#checkOpen("take windows");
    const request = {
      kind: "take" as const,
      sequence: this.#sequence,
      points: new Float32Array(points),
      size,
    };
    return await this.#call(request, buffersOf(request.points));
  }

  async compare(points: Float32Array, kept: KeptWindows): Promise<Compared> {
    this.#checkOpen("compare windows");
    checkKept(points, kept);
    const own = {
      size: kept.size,
      found: new Float32Array(kept.found),
      pixels: new Uint8Array(kept.pixels),
      warps: new Float32Array(kept.warps),
    };
    const request = {
      kind: "compare" as const,
      sequence: this.#sequence,
      points: new Float32Array(points),
      kept: own,
    };
    return await this.#call(
      request,
      buffersOf(request.points, own.found, own.pixels, own.warps),
    );
  }

  /** What the worker does for a sequence that is closed meanwhile, nobody waits for. */
  #call<R extends Request>(request: R, transfer: Transferable[]): Promise<Results[R["kind"]]> {
    const { promise, resolve, reject } = Promise.withResolvers<Results[R["kind"]]>();
    this.#end = reject;
    this.#lane.call(request, transfer).then(resolve, reject);
    return promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#closed ??= this.#close();
  }

  /** A worker that is gone took the sequence with it. */
  async #close(): Promise<void> {
    this.#end(new EngineError("Cannot go on: the sequence was closed"));
    this.#lane.giveUp(this.#sequence);
    this.#lane.load--;
    try {
      await this.#lane.call({ kind: "close", sequence: this.#sequence }, []);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
    }
  }

  #checkOpen(action: string): void {
    if (this.#closed) throw new EngineError(`Cannot ${action}: the sequence is closed`);
  }
}

function copyFrame(frame: Frame): Frame {
  if (frame instanceof Uint8Array) return new Uint8Array(frame);
  return { width: frame.width, height: frame.height, data: new Uint8Array(frame.data) };
}

function buffersOf(...columns: (ArrayBufferView | undefined)[]): ArrayBuffer[] {
  return columns.filter((column) => column !== undefined).map((c) => c.buffer as ArrayBuffer);
}
