/**
 * The native library as it is: its symbols, its handles, its status codes.
 * `layout.ts` has its structs, `native.ts` the lists that they point to. The prototypes are those
 * of `native/include/lkstream.h`; a test compares the two.
 */
import {
  CallError,
  DeadlineError,
  type EngineCounters,
  EngineError,
  FrameError,
} from "../tracking/engine.ts";
import { ABI_VERSION, countersOf, STRUCTS } from "./layout.ts";

/** What may have to wait is nonblocking; all others return at once. */
export const SYMBOLS = {
  // uint32_t lk_abi_version(void)
  lk_abi_version: { parameters: [], result: "u32" },
  // uint32_t lk_sizeof_job(void), and of lk_completion
  lk_sizeof_job: { parameters: [], result: "u32" },
  lk_sizeof_completion: { parameters: [], result: "u32" },
  // int32_t lk_engine_create(kind, variant, engine, error, error_capacity)
  lk_engine_create: {
    parameters: ["buffer", "buffer", "buffer", "buffer", "u32"],
    result: "i32",
    nonblocking: true,
  },
  // void lk_engine_destroy(engine)
  lk_engine_destroy: { parameters: ["pointer"], result: "void", nonblocking: true },
  // const char *lk_engine_device(engine), and of its variant
  lk_engine_device: { parameters: ["pointer"], result: "pointer" },
  lk_engine_variant: { parameters: ["pointer"], result: "pointer" },
  // int32_t lk_engine_counters(engine, counters, bytes)
  lk_engine_counters: { parameters: ["pointer", "buffer", "u32"], result: "i32" },
  // int32_t lk_sequence_create(engine, max_pixels, sequence, error, error_capacity)
  lk_sequence_create: {
    parameters: ["pointer", "u32", "buffer", "buffer", "u32"],
    result: "i32",
  },
  // void lk_sequence_destroy(sequence)
  lk_sequence_destroy: { parameters: ["pointer"], result: "void" },
  // int32_t lk_queue_create(queue, error, error_capacity)
  lk_queue_create: { parameters: ["buffer", "buffer", "u32"], result: "i32" },
  // int32_t lk_queue_submit(queue, sequence, job, data)
  lk_queue_submit: { parameters: ["pointer", "pointer", "buffer", "buffer"], result: "i32" },
  // uint32_t lk_queue_wait(queue, completions, capacity)
  lk_queue_wait: { parameters: ["pointer", "buffer", "u32"], result: "u32", nonblocking: true },
  // void lk_queue_destroy(queue)
  lk_queue_destroy: { parameters: ["pointer"], result: "void", nonblocking: true },
} as const satisfies Deno.ForeignLibraryInterface;

export type Library = Deno.DynamicLibrary<typeof SYMBOLS>;
export type Symbols = Library["symbols"];
/** An engine, a sequence or a queue of the library. */
export type Handle = Deno.PointerObject;

/**
 * Opens the library and checks that it is the one these symbols were written for.
 *
 * @throws {EngineError} where it cannot be loaded, or its version or a struct differs.
 */
export function openLibrary(path: string): Library {
  let library;
  try {
    library = Deno.dlopen(path, SYMBOLS);
  } catch (error) {
    throw new EngineError(`Cannot load ${path}: ${(error as Error).message}`);
  }
  try {
    checkLayout(path, library.symbols);
  } catch (error) {
    library.close();
    throw error;
  }
  return library;
}

function checkLayout(path: string, symbols: Symbols): void {
  const expect = (what: string, found: number, expected: number) => {
    if (found === expected) return;
    throw new EngineError(`Cannot use ${path}: its ${what} is ${found}, allowed is ${expected}`);
  };
  expect("ABI version", symbols.lk_abi_version(), ABI_VERSION);
  expect("lk_job", symbols.lk_sizeof_job(), STRUCTS.job.bytes);
  expect("lk_completion", symbols.lk_sizeof_completion(), STRUCTS.completion.bytes);
}

export function readCounters(symbols: Symbols, engine: Handle): EngineCounters {
  const view = new DataView(new ArrayBuffer(STRUCTS.counters.bytes));
  unwrap(symbols.lk_engine_counters(engine, view, view.byteLength), () => "");
  return countersOf(view);
}

/** A C string, for a `const char *` parameter. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/** What a `const char *` points to. */
export function readCString(pointer: Deno.PointerValue): string {
  return pointer === null ? "" : Deno.UnsafePointerView.getCString(pointer);
}

/** Where a buffer lies, for as long as it is kept. Dear: half a microsecond. */
export function addressOf(buffer: ArrayBuffer): number {
  return Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer)));
}

/** Where a call that makes a handle writes it, and the text of its failure. */
type Out = [handle: BufferSource, error: BufferSource, capacity: number];

/** @param make the call, with its last parameters */
export function newHandle(make: (...out: Out) => number): Handle {
  const { out, read } = handleOut();
  return read(make(...out));
}

/** The same for a call that may have to wait. */
export async function newHandleLater(make: (...out: Out) => Promise<number>): Promise<Handle> {
  const { out, read } = handleOut();
  return read(await make(...out));
}

function handleOut(): { out: Out; read(status: number): Handle } {
  const handle = new BigUint64Array(new ArrayBuffer(8)), error = new Uint8Array(512);
  const text = () => new TextDecoder().decode(error.subarray(0, error.indexOf(0)));
  return {
    out: [handle, error, error.length],
    read(status) {
      unwrap(status, text);
      return Deno.UnsafePointer.create(handle[0])!;
    },
  };
}

/** lk_status: 1 speaks of the call, 3 and 4 of the frame, 9 of its time, all others of the engine. */
const INVALID_ARGUMENT = 1;
const BAD_FRAME = 3;
const FRAME_TOO_LARGE = 4;
const ENGINE_FAILED = 7;
const CANCELLED = 8;
const DEADLINE = 9;

/** Whether a job ended before it was done: its sequence may be lost, as it is on a GPU. */
export function leavesWork(status: number): boolean {
  return status === ENGINE_FAILED || status === CANCELLED || status === DEADLINE;
}

/** The typed error that a status stands for: see {@linkcode unwrap}. */
export function errorOf(status: number, text: string): FrameError | EngineError {
  switch (status) {
    case BAD_FRAME:
      return new FrameError("bad_frame", text);
    case FRAME_TOO_LARGE:
      return new FrameError("frame_too_large", text);
    case INVALID_ARGUMENT:
      return new CallError(text);
    case DEADLINE:
      return new DeadlineError(text);
    default:
      return new EngineError(text || `Cannot go on: the library gave status ${status}`);
  }
}

/**
 * Turns a status into nothing, or into the typed error that it stands for.
 *
 * @throws {FrameError} for LK_BAD_FRAME and LK_FRAME_TOO_LARGE
 * @throws {CallError} for LK_INVALID_ARGUMENT
 * @throws {DeadlineError} for LK_DEADLINE
 * @throws {EngineError} for every other status but LK_OK
 */
export function unwrap(status: number, text: () => string): void {
  if (status !== 0) throw errorOf(status, text());
}
