import type { EngineInfo, EngineName } from "../protocol/mod.ts";
import {
  type Advanced,
  checkGrey,
  checkKept,
  type Compared,
  DeadlineError,
  type Detected,
  type DetectOptions,
  type EngineCounters,
  EngineError,
  EngineLostError,
  type FlowEngine,
  type FlowOptions,
  type FlowSequence,
  type Frame,
  keptBytes,
  type KeptSize,
  type KeptWindows,
  type Mask,
  type Taken,
} from "../tracking/engine.ts";
import {
  addressOf,
  cString,
  errorOf,
  type Handle,
  leavesWork,
  type Library,
  newHandle,
  newHandleLater,
  openLibrary,
  readCounters,
  readCString,
} from "./ffi.ts";
import { type Completion, Job, type Size } from "./layout.ts";
import { Queue } from "./queue.ts";

export interface NativeEngineOptions {
  /** The library's file. */
  library: string;
  kind: EngineName;
  /** One instruction set or device; the best there is by default. See `lk_engine_create`. */
  variant?: string;
  /** Frames with more pixels are refused with `frame_too_large`. */
  maxFramePixels: number;
  /** Milliseconds by which a call settles; 10 s by default. */
  deadlineMs?: number;
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
    const handle = await newHandleLater((...out) => create(...names, ...out));
    return new NativeEngine(library, handle, options);
  } catch (error) {
    library.close();
    throw error;
  }
}

class NativeEngine implements FlowEngine {
  readonly info: EngineInfo;
  readonly queue: Queue;
  readonly #library: Library;
  readonly #options: NativeEngineOptions;
  readonly #deadlineMs: number;
  readonly #open = new Set<NativeSequence>();
  #handle: Handle | null;
  #sequences = 0;
  /** Jobs that it has done. */
  done = 0;
  #closing: Promise<void> | null = null;

  constructor(library: Library, handle: Handle, options: NativeEngineOptions) {
    this.#library = library;
    this.#handle = handle;
    this.#options = options;
    this.queue = new Queue(library.symbols);
    const device = readCString(library.symbols.lk_engine_device(handle));
    const variant = readCString(library.symbols.lk_engine_variant(handle));
    const { kind, reason = "it was asked for", deadlineMs = 10_000 } = options;
    this.#deadlineMs = deadlineMs;
    this.info = { name: kind, device: `${device}, ${variant}`, reason };
  }

  open(): FlowSequence {
    if (!this.#handle) {
      throw new EngineError(`Cannot open a sequence: the ${this.info.name} engine is closed`);
    }
    const sequence = new NativeSequence(this, this.#sequences++ >>> 0, this.#deadlineMs);
    this.#open.add(sequence);
    return sequence;
  }

  create(): Handle {
    const { lk_sequence_create } = this.#library.symbols;
    const { maxFramePixels } = this.#options;
    return newHandle((...out) => lk_sequence_create(this.#handle, maxFramePixels, ...out));
  }

  destroy(handle: Handle): void {
    this.#library.symbols.lk_sequence_destroy(handle);
  }

  closed(sequence: NativeSequence): void {
    this.#open.delete(sequence);
  }

  /** A device may hang; what runs on processors ends its work itself. */
  get hasDevices(): boolean {
    return (this.counters()?.devices ?? 0) > 0;
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
    await this.queue.close();
    await this.#library.symbols.lk_engine_destroy(handle);
    this.#library.close();
  }
}

/**
 * The lists that a sequence's jobs read and write, one after the other in one buffer; grown, never
 * shrunk. It lies outside of V8's heap, which moves what is small.
 */
class Lists {
  #buffer = new ArrayBuffer(0);
  #address = 0;

  /** Makes room, and says where. */
  reserve(bytes: number): number {
    if (bytes > this.#buffer.byteLength) {
      this.#buffer = new ArrayBuffer(Math.max(16_384, 2 ** Math.ceil(Math.log2(bytes))));
      this.#address = addressOf(this.#buffer);
    }
    return this.#address;
  }

  write(at: number, values: Float32Array): void {
    new Float32Array(this.#buffer, at, values.length).set(values);
  }

  writeBytes(at: number, values: Uint8Array): void {
    new Uint8Array(this.#buffer, at, values.length).set(values);
  }

  /** A copy. */
  read(at: number, bytes: number): ArrayBuffer {
    return this.#buffer.slice(at, at + bytes);
  }
}

/** A call under way. */
interface Call {
  /** Reads its result. */
  read(completion: Completion): unknown;
  settled: PromiseWithResolvers<unknown>;
  /** What the library reads must outlive it. */
  lent: ArrayBufferLike | undefined;
  /** Jobs that the engine had done when it began. */
  doneBefore: number;
}

class NativeSequence implements FlowSequence {
  readonly #engine: NativeEngine;
  readonly #job: Job;
  readonly #lists = new Lists();
  /** Made by the first call, and by the next one after it was lost. */
  #handle: Handle | null = null;
  #size: Size = { width: 0, height: 0 };
  #call: Call | null = null;
  #closing: Promise<void> | null = null;

  constructor(engine: NativeEngine, tag: number, deadlineMs: number) {
    this.#engine = engine;
    this.#job = new Job(tag, deadlineMs);
  }

  // deno-lint-ignore require-await -- what it throws is the promise's
  async advance(
    frame: Frame,
    points: Float32Array,
    options: FlowOptions,
    guess?: Float32Array,
  ): Promise<Advanced> {
    const isJpeg = frame instanceof Uint8Array;
    if (!isJpeg) checkGrey(frame);
    const data = isJpeg ? frame : frame.data;
    const n = points.length / 2;
    // points, guesses, and what is read as one: next points, errors, distances, status
    const lists = this.#lists, results = 16 * n;
    const address = lists.reserve(33 * n);
    lists.write(0, points);
    if (guess) lists.write(8 * n, guess);
    this.#job.advance(data.length, isJpeg ? null : frame, options, {
      n,
      points: address,
      guesses: guess ? address + 8 * n : 0,
      next: address + 16 * n,
      errors: address + 24 * n,
      fb: options.back ? address + 28 * n : 0,
      status: address + 32 * n,
    });
    return this.#submit(data, (completion) => {
      const { width, height } = this.#size = completion.size;
      const continues = !completion.isFirst, count = continues ? n : 0;
      const read = lists.read(results, 17 * count);
      const fb = new Float32Array(read, 12 * count, count);
      if (!options.back) fb.fill(NaN);
      return {
        width,
        height,
        continues,
        xy: new Float32Array(read, 0, 2 * count),
        error: new Float32Array(read, 8 * count, count),
        fb,
        status: new Uint8Array(read, 16 * count, count),
        decodeMs: completion.decodeMs,
        trackMs: completion.trackMs,
      };
    });
  }

  // deno-lint-ignore require-await -- what it throws is the promise's
  async detect(options: DetectOptions, avoid: Float32Array, mask?: Mask): Promise<Detected> {
    const { width, height } = this.#size;
    if (mask && mask.length !== width * height) {
      throw new EngineError(
        `Cannot detect under a mask of ${mask.length} bytes: allowed are ${width}×${height}`,
      );
    }
    const lists = this.#lists, corners = 4 * avoid.length;
    const address = lists.reserve(corners + 8 * options.maxCorners);
    lists.write(0, avoid);
    this.#job.detect(mask ? this.#size : null, options, {
      avoid: address,
      avoidCount: avoid.length / 2,
      corners: address + corners,
      capacity: options.maxCorners,
    });
    return this.#submit(mask ?? null, ({ count, detectMs }) => ({
      xy: new Float32Array(lists.read(corners, 8 * count)),
      detectMs,
    }));
  }

  // deno-lint-ignore require-await -- what it throws is the promise's
  async take(points: Float32Array, size: KeptSize): Promise<Taken> {
    const lists = this.#lists, n = points.length / 2, pixels = 8 * n, bytes = n * keptBytes(size);
    const address = lists.reserve(pixels + bytes);
    lists.write(0, points);
    this.#job.take(size, { n, points: address, pixels: address + pixels });
    return this.#submit(null, ({ trackMs }) => ({
      pixels: new Uint8Array(lists.read(pixels, bytes)),
      takeMs: trackMs,
    }));
  }

  // deno-lint-ignore require-await -- what it throws is the promise's
  async compare(points: Float32Array, kept: KeptWindows): Promise<Compared> {
    checkKept(points, kept);
    const lists = this.#lists, n = points.length / 2;
    // points, found, and what is read: warps, residuals; then the windows
    const address = lists.reserve(44 * n + kept.pixels.length);
    lists.write(0, points);
    lists.write(8 * n, kept.found);
    lists.write(16 * n, kept.warps);
    lists.writeBytes(44 * n, kept.pixels);
    this.#job.compare(kept.size, {
      n,
      points: address,
      found: address + 8 * n,
      warps: address + 16 * n,
      residuals: address + 40 * n,
      pixels: address + 44 * n,
    });
    return this.#submit(null, ({ trackMs }) => {
      const read = lists.read(16 * n, 28 * n);
      return {
        warps: new Float32Array(read, 0, 6 * n),
        residuals: new Float32Array(read, 24 * n, n),
        compareMs: trackMs,
      };
    });
  }

  #submit<T>(data: Uint8Array | null, read: (completion: Completion) => T): Promise<T> {
    if (this.#closing) throw new EngineError("Cannot use a sequence: it is closed");
    this.#handle ??= this.#engine.create();
    const settled = Promise.withResolvers<unknown>();
    const lent = data?.buffer; // asked for, it lies outside of V8's heap, however small
    const call = { read, settled, lent, doneBefore: this.#engine.done };
    this.#engine.queue.submit(this.#handle, this.#job, data, (completion) => {
      this.#call = null;
      this.#settle(call, completion);
    });
    this.#call = call;
    return settled.promise as Promise<T>;
  }

  #settle({ read, settled, doneBefore }: Call, completion: Completion): void {
    const { status } = completion;
    if (leavesWork(status)) this.#lose();
    else this.#engine.done++;
    if (status === 0) return settled.resolve(read(completion));
    const error = errorOf(status, completion.error);
    settled.reject(this.#isHung(error, doneBefore) ? lost(this.#engine.info.name) : error);
  }

  /** Nothing was done for anybody while the call was under way: then it is the device. */
  #isHung(error: Error, doneBefore: number): boolean {
    return error instanceof DeadlineError && doneBefore === this.#engine.done &&
      this.#engine.hasDevices;
  }

  /** The next call begins a sequence anew. */
  #lose(): void {
    if (this.#handle) this.#engine.destroy(this.#handle);
    this.#handle = null;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** Ends the call under way. */
  async #close(): Promise<void> {
    const ended = this.#call?.settled.promise.catch(() => {});
    this.#lose();
    await ended;
    this.#engine.closed(this);
  }
}

function lost(name: string): EngineLostError {
  return new EngineLostError(`The ${name} engine answered nothing until the deadline`);
}
