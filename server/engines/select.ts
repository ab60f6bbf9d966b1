import { createWasmEngine } from "../../wasm/mod.ts";
import type { EngineChoice } from "../config.ts";
import type { FlowEngine } from "./engine.ts";

/**
 * Opens the engine that was asked for, or the best one there is.
 *
 * @param maxFramePixels larger frames are refused before memory is taken
 */
export function selectEngine(choice: EngineChoice, maxFramePixels: number): Promise<FlowEngine> {
  const reason = choice === "wasm"
    ? "asked for with --engine wasm"
    : "runs everywhere; no native engine is part of this version";
  return createWasmEngine({ maxFramePixels, reason });
}
