/** The engines that there are, from the fastest on; the last one runs everywhere. */
export const ENGINE_NAMES = ["cuda", "cpu", "wasm"] as const;

export type EngineName = typeof ENGINE_NAMES[number];

export const ENGINES = ["auto", ...ENGINE_NAMES] as const;

/** What `--engine` may be: one of them, or the best there is. */
export type EngineChoice = typeof ENGINES[number];
