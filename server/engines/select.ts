import { createWasmEngine } from "../../wasm/mod.ts";
import type { EngineChoice } from "../config.ts";
import { EngineError, type FlowEngine } from "./engine.ts";
import { createNativeEngine } from "./native.ts";

/** Where `native/build.ts` puts the library, or why there is none. */
const BUILT = new URL("../../dist/native/", import.meta.url);

export interface SelectOptions {
  /** A native library to use; null takes the one that was built here. */
  library: string | null;
  /** Larger frames are refused before memory is taken. */
  maxFramePixels: number;
}

/** From the fastest on; the last one runs everywhere. */
const ENGINES = ["cuda", "cpu", "wasm"] as const;
type EngineName = typeof ENGINES[number];

/**
 * Opens the engine that was asked for, or the best one there is.
 *
 * @throws {EngineError} where the one asked for cannot run, saying why.
 */
export async function selectEngine(
  choice: EngineChoice,
  options: SelectOptions,
): Promise<FlowEngine> {
  if (choice !== "auto") return await open(choice, options, `asked for with --engine ${choice}`);
  const passedOver: string[] = [];
  for (const name of ENGINES) {
    try {
      return await open(
        name,
        options,
        ["fastest of those that run here", ...passedOver].join("; "),
      );
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      passedOver.push(`no ${name}: ${error.message}`);
    }
  }
  throw new EngineError(`Cannot find an engine that runs here: ${passedOver.join("; ")}`);
}

async function open(
  name: EngineName,
  { library, maxFramePixels }: SelectOptions,
  reason: string,
): Promise<FlowEngine> {
  if (name === "wasm") return await createWasmEngine({ maxFramePixels, reason });
  return createNativeEngine({
    library: library ?? await builtLibrary(),
    kind: name,
    maxFramePixels,
    reason,
  });
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
