/**
 * The native library as it is: its symbols, its handles, its status codes. The prototypes are those
 * of `native/include/lkstream.h`; a test compares the two. Its structs are written and read in
 * `layout.ts`.
 */
import { CallError, type EngineCounters, EngineError, FrameError } from "../tracking/engine.ts";
import { countersOf, STRUCTS, textOf } from "./layout.ts";

/** The header's LK_ABI_VERSION that the symbols below were written for. */
export const ABI_VERSION = 2;

/**
 * Deno runs 32 nonblocking calls of an event loop at once; four threads are left for a probe, for the
 * one sequence that ends, and for two calls that go on after their deadline. Not fewer where there are
 * fewer cores: the system shares them out, so that a light call goes on beside heavy ones and does
 * not wait behind them. A GPU's calls wait for it rather than work: it has places to decode 24
 * frames, and 32 queues.
 */
export const CALLS_AT_ONCE = 28;

/** What may have to wait for a device is nonblocking: a GPU that hangs must not hold the event loop. */
export const SYMBOLS = {
  // uint32_t lk_abi_version(void)
  lk_abi_version: { parameters: [], result: "u32" },
  // uint32_t lk_sizeof_job(void), and so on
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
  // const char *lk_engine_device(engine), and so on
  lk_engine_name: { parameters: ["pointer"], result: "pointer" },
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
  // int32_t lk_sequence_run(sequence, job, data, completion)
  lk_sequence_run: {
    parameters: ["pointer", "buffer", "buffer", "buffer"],
    result: "i32",
    nonblocking: true,
  },
} as const satisfies Deno.ForeignLibraryInterface;

export type Symbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/**
 * Opens the library and checks that it is the one these symbols were written for.
 *
 * @throws {EngineError} where it cannot be loaded, or its version or a struct differs.
 */
export function openLibrary(path: string): Deno.DynamicLibrary<typeof SYMBOLS> {
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
  expect("lk_job", symbols.lk_sizeof_job(), STRUCTS.lk_job.bytes);
  expect("lk_completion", symbols.lk_sizeof_completion(), STRUCTS.lk_completion.bytes);
}

export function readCounters(symbols: Symbols, engine: Deno.PointerObject): EngineCounters {
  const view = new DataView(new ArrayBuffer(STRUCTS.lk_counters.bytes));
  unwrap(symbols.lk_engine_counters(engine, view, view.byteLength), () => "");
  return countersOf(view);
}

/** Where a buffer is, for a field of a struct. It takes 0.5 µs: once for each buffer, not each call. */
export function addressOf(buffer: BufferSource): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer)));
}

/** A C string, for a `const char *` parameter. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/** What a `const char *` points to. */
export function readCString(pointer: Deno.PointerValue): string {
  return pointer === null ? "" : Deno.UnsafePointerView.getCString(pointer);
}

/**
 * The handle that a call makes.
 *
 * @param make the call, with its last parameters: where it writes the handle, and the text of its failure
 */
export async function newHandle(
  make: (
    handle: BufferSource,
    error: BufferSource,
    capacity: number,
  ) => number | Promise<number>,
): Promise<Deno.PointerObject> {
  const handle = new BigUint64Array(1);
  const error = new Uint8Array(512);
  const status = await make(handle, error, error.length);
  unwrap(status, () => textOf(error));
  return Deno.UnsafePointer.create(handle[0])!;
}

/** lk_status: 1 speaks of the call, 3 and 4 of the frame, all others of the engine. */
const INVALID_ARGUMENT = 1;
const BAD_FRAME = 3;
const FRAME_TOO_LARGE = 4;

/**
 * Turns a status into nothing, or into the typed error that it stands for.
 *
 * @throws {FrameError} for LK_BAD_FRAME and LK_FRAME_TOO_LARGE
 * @throws {CallError} for LK_INVALID_ARGUMENT
 * @throws {EngineError} for every other status but LK_OK
 */
export function unwrap(status: number, text: () => string): void {
  if (status === 0) return;
  if (status === BAD_FRAME) throw new FrameError("bad_frame", text());
  if (status === FRAME_TOO_LARGE) throw new FrameError("frame_too_large", text());
  if (status === INVALID_ARGUMENT) throw new CallError(text());
  throw new EngineError(text() || `Cannot go on: the library gave status ${status}`);
}
