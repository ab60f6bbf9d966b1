import {
  defaultOptions,
  ENGINES,
  mergeOptions,
  OPTIONS,
  type Options,
  type PartialOptions,
} from "../protocol/mod.ts";
import type { FlowEngine } from "../tracking/engine.ts";
import { selectEngine } from "../engines/select.ts";
import { type Flag, readChoice, UsageError } from "./command_line.ts";
import type { Io } from "./io.ts";
import { MAX_PICTURE_PIXELS } from "./pictures/picture.ts";

export const OPTION_FLAGS = {
  set: {
    type: "string",
    multiple: true,
    value: "NAME=VALUE",
    text: "sets an option, e.g. flow.winSize=[15,15]; may be repeated",
  },
  options: { type: "string", value: "FILE", text: 'JSON of options: {"flow": {"maxLevel": 2}}' },
} as const satisfies Record<string, Flag>;

export const ENGINE_FLAGS = {
  engine: {
    type: "string",
    value: "NAME",
    text: `one of ${ENGINES.join(", ")} (default auto, or LKSTREAM_ENGINE)`,
  },
} as const satisfies Record<string, Flag>;

/** Every option with its default, for the help. */
export const OPTIONS_HELP = [
  "Options for --set, with their defaults:",
  ...Array.from(
    OPTIONS,
    ([path, about]) => `  ${`${path}=${JSON.stringify(about.default)}`.padEnd(32)} ${about.text}`,
  ),
].join("\n");

/**
 * Tracking options: the defaults, then the file, then each `--set`.
 *
 * @param usual what is another default here
 * @throws {UsageError} where the file or an assignment cannot be read.
 * @throws {ProtocolError} `bad_option` naming path, value and what is allowed.
 */
export async function readOptions(
  { set = [], options }: { set?: string[]; options?: string },
  usual: PartialOptions = {},
): Promise<Options> {
  let merged = mergeOptions(defaultOptions(), usual);
  if (options !== undefined) merged = mergeOptions(merged, await readJsonObject(options));
  for (const assignment of set) merged = mergeOptions(merged, readAssignment(assignment));
  return merged;
}

async function readJsonObject(file: string): Promise<Record<string, unknown>> {
  const text = await Deno.readTextFile(file).catch((error) => {
    throw new UsageError(`Cannot read options from ${file}: ${(error as Error).message}`);
  });
  try {
    const value = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // said below, like every other wrong form
  }
  throw new UsageError(
    `Cannot read options from ${file}: allowed is a JSON object such as {"flow": {"maxLevel": 2}}`,
  );
}

function readAssignment(text: string): Record<string, unknown> {
  const [, group, name, value] = /^(\w+)\.(\w+)=(.*)$/s.exec(text) ?? [];
  if (group === undefined) {
    throw new UsageError(
      `Cannot set ${text}: allowed are options such as detect.maxCorners=200`,
    );
  }
  return { [group]: { [name]: parseValue(value) } };
}

/** What is not JSON is left a text, which the check of the options names. */
function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Nobody waits for another session here, and a picture may be large. */
const DEADLINE_MS = 120_000;

/**
 * Opens the engine that flag or variable name, or the best one.
 *
 * @throws {EngineError} where it cannot run.
 */
export function openEngine(
  { engine }: { engine?: string },
  { env }: Pick<Io, "env">,
): Promise<FlowEngine> {
  const name = engine ?? env("LKSTREAM_ENGINE") ?? "auto";
  return selectEngine(readChoice("engine", name, ENGINES), {
    library: env("LKSTREAM_LIBRARY") || null,
    maxFramePixels: MAX_PICTURE_PIXELS,
    deadlineMs: DEADLINE_MS,
  });
}
