import type { EngineInfo } from "../protocol/mod.ts";
import {
  type Advanced,
  checkGrey,
  type Detected,
  type DetectOptions,
  type EngineCounters,
  EngineError,
  type FlowEngine,
  type FlowOptions,
  type FlowSequence,
  type Frame,
  type Mask,
} from "../tracking/engine.ts";
import {
  CALLS_AT_ONCE,
  cString,
  newHandle,
  openLibrary,
  readCounters,
  readCString,
  STRUCT_BYTES,
  type Symbols,
  unwrap,
} from "./ffi.ts";
import { Gate } from "../tracking/gate.ts";

/** The library takes no less: smaller ones, which clients may ask for, are 0 in single precision. */
export const LEAST_QUALITY = 1e-30;

export interface NativeEngineOptions {
  /** The library's file. */
  library: string;
  kind: "cpu" | "cuda";
  /** One instruction set or device; the best there is by default. See `lk_engine_create`. */
  variant?: string;
  /** Frames with more pixels are refused with `frame_too_large`. */
  maxFramePixels: number;
  /** Why this engine was chosen, for `info`. */
  reason?: string;
}

/**
 * Opens an engine of the native library through FFI.
 *
 * @throws {EngineError} saying why, where the library does not load or the engine cannot run here.
 */
export async function createNativeEngine(options: NativeEngineOptions): Promise<FlowEngine> {
  const library = openLibrary(options.library);
  const create = library.symbols.lk_engine_create;
  const names = [cString(options.kind), cString(options.variant ?? "")] as const; // outlive the call
  try {
    const handle = await newHandle((...out) => create(...names, ...out));
    return new NativeEngine(library, handle, options);
  } catch (error) {
    library.close();
    throw error;
  }
}

class NativeEngine implements FlowEngine {
  readonly info: EngineInfo;
  /** Where the calls of its sequences wait. */
  readonly gate = new Gate(CALLS_AT_ONCE);
  /** Sequences end one by one: on a GPU each waits for the work of all, and holds a thread. */
  readonly #ends = new Gate(1);
  readonly #library: ReturnType<typeof openLibrary>;
  readonly #maxFramePixels: number;
  readonly #open = new Set<NativeSequence>();
  #handle: Deno.PointerObject | null;
  #closing: Promise<void> | null = null;

  constructor(
    library: ReturnType<typeof openLibrary>,
    handle: Deno.PointerObject,
    { kind, maxFramePixels, reason = "it was asked for" }: NativeEngineOptions,
  ) {
    this.#library = library;
    this.#handle = handle;
    this.#maxFramePixels = maxFramePixels;
    const device = readCString(library.symbols.lk_engine_device(handle));
    const variant = readCString(library.symbols.lk_engine_variant(handle));
    this.info = { name: kind, device: `${device}, ${variant}`, reason };
  }

  open(): FlowSequence {
    if (!this.#handle) {
      throw new EngineError(`Cannot open a sequence: the ${this.info.name} engine is closed`);
    }
    const sequence = new NativeSequence(this, this.#library.symbols);
    this.#open.add(sequence);
    return sequence;
  }

  /** For a sequence that is open. */
  create(): Promise<Deno.PointerObject> {
    const { lk_sequence_create } = this.#library.symbols;
    return newHandle((...out) => lk_sequence_create(this.#handle, this.#maxFramePixels, ...out));
  }

  async destroy(sequence: NativeSequence, handle: Deno.PointerObject | null): Promise<void> {
    const { lk_sequence_destroy } = this.#library.symbols;
    if (handle) await this.#ends.pass(() => lk_sequence_destroy(handle));
    this.#open.delete(sequence);
  }

  counters(): EngineCounters | null {
    return this.#handle && readCounters(this.#library.symbols, this.#handle);
  }

  close(): Promise<void> {
    return this.#closing ??= this.#shutDown();
  }

  async #shutDown(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    await Promise.all([...this.#open].map((sequence) => sequence[Symbol.asyncDispose]()));
    await this.#library.symbols.lk_engine_destroy(handle);
    this.#library.close();
  }
}

/** Buffers of one sequence, used again for every frame; grown, never shrunk. */
class Buffers {
  readonly flowOptions = new DataView(new ArrayBuffer(STRUCT_BYTES.flow_options));
  readonly detectOptions = new DataView(new ArrayBuffer(STRUCT_BYTES.detect_options));
  readonly frame = new DataView(new ArrayBuffer(STRUCT_BYTES.frame));
  readonly count = new Uint32Array(1);
  readonly detectMs = new Float32Array(1);
  points = new Float32Array();
  guesses = new Float32Array();
  next = new Float32Array();
  status = new Uint8Array();
  errors = new Float32Array();
  fb = new Float32Array();

  /** Makes room for `n` points. */
  reserve(n: number): void {
    if (n <= this.status.length) return;
    const capacity = Math.max(512, 2 ** Math.ceil(Math.log2(n)));
    this.points = new Float32Array(2 * capacity);
    this.guesses = new Float32Array(2 * capacity);
    this.next = new Float32Array(2 * capacity);
    this.status = new Uint8Array(capacity);
    this.errors = new Float32Array(capacity);
    this.fb = new Float32Array(capacity);
  }

  /** lk_flow_options, at the offsets the header gives. */
  writeFlowOptions(options: FlowOptions): void {
    const view = this.flowOptions;
    view.setUint32(0, options.winSize[0], true);
    view.setUint32(4, options.winSize[1], true);
    view.setUint32(8, options.maxLevel, true);
    view.setUint32(12, options.maxCount, true);
    view.setFloat32(16, options.epsilon, true);
    view.setFloat32(20, options.minEigThreshold, true);
  }

  /** lk_detect_options, at the offsets the header gives. */
  writeDetectOptions(options: DetectOptions): void {
    const view = this.detectOptions;
    view.setUint32(0, options.maxCorners, true);
    view.setFloat32(4, Math.max(LEAST_QUALITY, options.qualityLevel), true);
    view.setFloat32(8, options.minDistance, true);
    view.setUint32(12, options.blockSize, true);
    view.setUint32(16, options.gradientSize, true);
    view.setUint32(20, options.useHarrisDetector ? 1 : 0, true);
    view.setFloat32(24, options.k, true);
  }
}

class NativeSequence implements FlowSequence {
  readonly gate: Gate;
  readonly #engine: NativeEngine;
  readonly #symbols: Symbols;
  readonly #buffers = new Buffers();
  /** Made by the first call, which can wait for it. */
  #handle: Deno.PointerObject | null = null;
  #size = { width: 0, height: 0 };
  /** The call under way: the handle, and what the library reads, must outlive it. */
  #call: Promise<unknown> = Promise.resolve();
  #lent: unknown;
  #closing: Promise<void> | null = null;

  constructor(engine: NativeEngine, symbols: Symbols) {
    this.gate = engine.gate;
    this.#engine = engine;
    this.#symbols = symbols;
  }

  async advance(
    frame: Frame,
    points: Float32Array,
    options: FlowOptions,
    guess?: Float32Array,
  ): Promise<Advanced> {
    if (!(frame instanceof Uint8Array)) checkGrey(frame);
    const buffers = this.#buffers;
    const n = points.length / 2;
    buffers.reserve(n);
    buffers.points.set(points);
    if (guess) buffers.guesses.set(guess);
    buffers.writeFlowOptions(options);
    this.#lent = frame;
    await this.#run((handle) => {
      const lists = [
        buffers.flowOptions,
        buffers.points,
        n,
        guess ? buffers.guesses : null,
        buffers.next,
        buffers.status,
        buffers.errors,
        options.back ? buffers.fb : null,
        buffers.frame,
      ] as const;
      if (frame instanceof Uint8Array) {
        return this.#symbols.lk_sequence_advance_jpeg(
          handle,
          frame as BufferSource,
          frame.length,
          ...lists,
        );
      }
      const { width, height, data } = frame;
      return this.#symbols.lk_sequence_advance_grey(
        handle,
        data as BufferSource,
        width,
        height,
        width,
        ...lists,
      );
    });
    return this.#advanced(n, options.back);
  }

  #advanced(n: number, back: boolean): Advanced {
    const { frame, next, status, errors, fb } = this.#buffers;
    const continues = frame.getUint32(8, true) === 0;
    const count = continues ? n : 0;
    this.#size = { width: frame.getUint32(0, true), height: frame.getUint32(4, true) };
    return {
      ...this.#size,
      continues,
      xy: next.slice(0, 2 * count),
      status: status.slice(0, count),
      error: errors.slice(0, count),
      fb: back ? fb.slice(0, count) : new Float32Array(count).fill(NaN),
      decodeMs: frame.getFloat32(12, true),
      trackMs: frame.getFloat32(16, true),
    };
  }

  async detect(options: DetectOptions, avoid: Float32Array, mask?: Mask): Promise<Detected> {
    const buffers = this.#buffers;
    const { width, height } = mask ? this.#size : { width: 0, height: 0 };
    if (mask && mask.length !== width * height) {
      throw new EngineError(
        `Cannot detect under a mask of ${mask.length} bytes: allowed are ${width}×${height}`,
      );
    }
    buffers.reserve(Math.max(options.maxCorners, avoid.length / 2));
    buffers.points.set(avoid);
    buffers.writeDetectOptions(options);
    this.#lent = mask;
    await this.#run((handle) =>
      this.#symbols.lk_sequence_detect(
        handle,
        buffers.detectOptions,
        buffers.points,
        avoid.length / 2,
        (mask ?? null) as BufferSource | null,
        width,
        height,
        width,
        buffers.next,
        null,
        options.maxCorners,
        buffers.count,
        buffers.detectMs,
      )
    );
    return { xy: buffers.next.slice(0, 2 * buffers.count[0]), detectMs: buffers.detectMs[0] };
  }

  async #run(call: (handle: Deno.PointerObject) => Promise<number>): Promise<void> {
    if (this.#closing) throw new EngineError("Cannot use a sequence: it is closed");
    const running = this.#work(call);
    this.#call = running.catch(() => {}); // which its caller hears of
    await running;
  }

  async #work(call: (handle: Deno.PointerObject) => Promise<number>): Promise<void> {
    const handle = this.#handle ??= await this.#engine.create();
    const status = await call(handle);
    this.#lent = undefined;
    unwrap(status, () => readCString(this.#symbols.lk_last_error(handle)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    await this.#call;
    await this.#engine.destroy(this, this.#handle);
  }
}
