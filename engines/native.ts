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
  addressOf,
  CALLS_AT_ONCE,
  cString,
  newHandle,
  openLibrary,
  readCounters,
  readCString,
  type Symbols,
  unwrap,
} from "./ffi.ts";
import { Gate } from "./gate.ts";
import { CompletionStruct, type ImageSize, JobStruct, type ListAddresses } from "./layout.ts";

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

  destroy(sequence: NativeSequence, handle: Deno.PointerObject | null): void {
    this.#library.symbols.lk_sequence_destroy(handle);
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
  readonly job = new JobStruct();
  readonly completion = new CompletionStruct();
  points!: Float32Array<ArrayBuffer>;
  guesses!: Float32Array<ArrayBuffer>;
  next!: Float32Array<ArrayBuffer>;
  status!: Uint8Array<ArrayBuffer>;
  errors!: Float32Array<ArrayBuffer>;
  fb!: Float32Array<ArrayBuffer>;
  addresses!: ListAddresses;

  constructor() {
    this.#allocate(512);
  }

  /** Makes room for `n` points. */
  reserve(n: number): void {
    if (n > this.status.length) this.#allocate(2 ** Math.ceil(Math.log2(n)));
  }

  #allocate(capacity: number): void {
    this.points = new Float32Array(2 * capacity);
    this.guesses = new Float32Array(2 * capacity);
    this.next = new Float32Array(2 * capacity);
    this.status = new Uint8Array(capacity);
    this.errors = new Float32Array(capacity);
    this.fb = new Float32Array(capacity);
    this.addresses = {
      points: addressOf(this.points),
      guesses: addressOf(this.guesses),
      next: addressOf(this.next),
      status: addressOf(this.status),
      errors: addressOf(this.errors),
      fb: addressOf(this.fb),
    };
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
    const grey = frame instanceof Uint8Array ? null : frame;
    const data = grey ? grey.data : frame as Uint8Array;
    const image: ImageSize = grey ? { bytes: data.length, size: grey } : { bytes: data.length };
    buffers.job.advance(image, options, n, buffers.addresses, guess !== undefined);
    await this.#run(data);
    return this.#advanced(n, options.back);
  }

  #advanced(n: number, back: boolean): Advanced {
    const { completion, next, status, errors, fb } = this.#buffers;
    const { width, height, reset, decodeMs, trackMs } = completion.frame();
    const count = reset ? 0 : n;
    this.#size = { width, height };
    return {
      ...this.#size,
      continues: !reset,
      xy: next.slice(0, 2 * count),
      status: status.slice(0, count),
      error: errors.slice(0, count),
      fb: back ? fb.slice(0, count) : new Float32Array(count).fill(NaN),
      decodeMs,
      trackMs,
    };
  }

  async detect(options: DetectOptions, avoid: Float32Array, mask?: Mask): Promise<Detected> {
    const buffers = this.#buffers;
    const { width, height } = this.#size;
    if (mask && mask.length !== width * height) {
      throw new EngineError(
        `Cannot detect under a mask of ${mask.length} bytes: allowed are ${width}×${height}`,
      );
    }
    const avoidCount = avoid.length / 2;
    buffers.reserve(Math.max(options.maxCorners, avoidCount));
    buffers.points.set(avoid);
    const image = mask ? { bytes: mask.length, size: this.#size } : null;
    buffers.job.detect(image, options, avoidCount, buffers.addresses);
    await this.#run(mask ?? null);
    const { count, detectMs } = buffers.completion.detected();
    return { xy: buffers.next.slice(0, 2 * count), detectMs };
  }

  async #run(data: Uint8Array | null): Promise<void> {
    if (this.#closing) throw new EngineError("Cannot use a sequence: it is closed");
    const running = this.#work(data);
    this.#call = running.catch(() => {}); // which its caller hears of
    await running;
  }

  async #work(data: Uint8Array | null): Promise<void> {
    const handle = this.#handle ??= await this.#engine.create();
    const { job, completion } = this.#buffers;
    this.#lent = data;
    const status = await this.#symbols
      .lk_sequence_run(handle, job.bytes, data as BufferSource | null, completion.bytes);
    this.#lent = undefined;
    unwrap(status, () => completion.error());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    await this.#call;
    this.#engine.destroy(this, this.#handle);
  }
}
