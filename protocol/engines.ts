/** The engines that there are, from the fastest on; the last one runs everywhere. */
export const ENGINE_NAMES = ["cuda", "cpu", "wasm"] as const;

export type EngineName = typeof ENGINE_NAMES[number];

/** What `--engine` may be: one of them, or the fastest that runs. */
export const ENGINES = ["auto", ...ENGINE_NAMES] as const;
export type EngineChoice = typeof ENGINES[number];

/** Which engine follows the points, and why this one. */
export interface EngineInfo {
  name: EngineName;
  device: string;
  reason: string;
}
