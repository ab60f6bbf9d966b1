import { EngineError, type FlowEngine } from "../tracking/engine.ts";
import { createWasmEngine } from "../wasm/mod.ts";
import { ENGINE_NAMES, type EngineChoice, type EngineName } from "../protocol/mod.ts";
import { FailoverEngine } from "./failover.ts";
import { createNativeEngine, type NativeEngineOptions } from "./native.ts";

/** Where `native/build.ts` puts the library, or why there is none. */
const BUILT = new URL("../dist/native/", import.meta.url);

export interface SelectOptions {
  /** A native library to use; null takes the one that was built here. */
  library: string | null;
  /** Larger frames are refused before memory is taken. */
  maxFramePixels: number;
  /** Milliseconds by which a call of an engine settles. */
  deadlineMs: number;
  /** Workers of the wasm engine; a core each, one left for the server, by default. */
  workers?: number;
}

/** How each is opened. */
const OPEN: Record<EngineName, (options: SelectOptions, reason: string) => Promise<FlowEngine>> = {
  cuda: (options, reason) => openNative("cuda", options, reason),
  cpu: (options, reason) => openNative("cpu", options, reason),
  wasm: ({ maxFramePixels, deadlineMs, workers }, reason) =>
    createWasmEngine({ maxFramePixels, deadlineMs, workers, reason }),
};

/**
 * Opens the engine that was asked for, or the best one there is. Where it
 * fails later, the next one takes over; one that was asked for is tried again.
 *
 * @throws {EngineError} where the one asked for cannot run, saying why.
 */
export function selectEngine(
  choice: EngineChoice,
  options: SelectOptions,
): Promise<FailoverEngine> {
  const names = choice === "auto" ? ENGINE_NAMES : [choice];
  return FailoverEngine.start({
    candidates: names.map((name) => ({ name, create: (reason) => OPEN[name](options, reason) })),
    reason: choice === "auto"
      ? "fastest of those that run here"
      : `asked for with --engine ${choice}`,
  });
}

async function openNative(
  kind: NativeEngineOptions["kind"],
  { library, maxFramePixels, deadlineMs }: SelectOptions,
  reason: string,
): Promise<FlowEngine> {
  const file = library ?? await builtLibrary();
  return await createNativeEngine({ library: file, kind, maxFramePixels, deadlineMs, reason });
}

/** @throws {EngineError} where none was built, with the reason that the build left. */
export async function builtLibrary(): Promise<string> {
  const file = new URL("liblkstream.so", BUILT);
  try {
    await Deno.stat(file);
    return decodeURIComponent(file.pathname);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const reason = await Deno.readTextFile(new URL("reason.txt", BUILT))
    .catch(() => "run deno task build");
  throw new EngineError(`the native library is not built: ${reason}`);
}
