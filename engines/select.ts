import { createWasmEngine } from "../wasm/mod.ts";
import { EngineError } from "../tracking/engine.ts";
import { ENGINE_NAMES, type EngineChoice, type EngineName } from "./choice.ts";
import { type Candidate, FailoverEngine } from "./failover.ts";
import { createNativeEngine } from "./native.ts";

/** Where `native/build.ts` puts the library, or why there is none. */
const BUILT = new URL("../dist/native/", import.meta.url);

export interface SelectOptions {
  /** A native library to use; null takes the one that was built here. */
  library: string | null;
  /** Larger frames are refused before memory is taken. */
  maxFramePixels: number;
  /** An engine whose call takes longer is taken out. */
  deadlineMs: number;
  /** Workers of the wasm engine; a core each, one left for the server, by default. */
  workers?: number;
}

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
    candidates: names.map((name) => candidate(name, options)),
    reason: choice === "auto"
      ? "fastest of those that run here"
      : `asked for with --engine ${choice}`,
    deadlineMs: options.deadlineMs,
  });
}

function candidate(
  name: EngineName,
  { library, maxFramePixels, deadlineMs, workers }: SelectOptions,
): Candidate {
  return {
    name,
    async create(reason) {
      if (name === "wasm") {
        // before the engine's own deadline, so that only the worker goes
        const options = { maxFramePixels, workers, reason, deadlineMs: 0.8 * deadlineMs };
        return await createWasmEngine(options);
      }
      return createNativeEngine({
        library: library ?? await builtLibrary(),
        kind: name,
        maxFramePixels,
        reason,
      });
    },
  };
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
