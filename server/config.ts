import { parseArgs } from "node:util";

/** What the command line and the `LKSTREAM_…` variables say. */
export interface Config {
  host: string;
  port: number;
  engine: EngineChoice;
  /** A native library to use instead of the one that is built here; the variable LKSTREAM_LIBRARY. */
  library: string | null;
  token: string | null;
  allowOrigins: string[];
  maxSessions: number;
  maxFrameBytes: number;
  maxFramePixels: number;
}

const ENGINES = ["auto", "cuda", "cpu", "wasm"] as const;
/** One engine, or the best there is. */
export type EngineChoice = typeof ENGINES[number];

/** A flag or variable that cannot be used. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

interface Flag {
  value: string;
  fallback: string;
  text: string;
}

const FLAGS = {
  host: { value: "ADDRESS", fallback: "127.0.0.1", text: "address to listen on" },
  port: { value: "N", fallback: "8000", text: "port to listen on; 0 picks a free one" },
  engine: { value: "NAME", fallback: "auto", text: `one of ${ENGINES.join(", ")}` },
  library: { value: "FILE", fallback: "", text: "native library to use, not the one built here" },
  token: {
    value: "T",
    fallback: "",
    text: "clients must present it; LKSTREAM_TOKEN hides it better",
  },
  "allow-origin": {
    value: "O",
    fallback: "",
    text: "a further web origin that may connect; may be repeated (in the variable: commas)",
  },
  "max-sessions": { value: "N", fallback: "64", text: "sessions at once" },
  "max-frame-bytes": { value: "N", fallback: `${8 << 20}`, text: "bytes of one message" },
  "max-frame-pixels": { value: "N", fallback: `${3840 * 2160}`, text: "pixels of one frame" },
} satisfies Record<string, Flag>;
type FlagName = keyof typeof FLAGS;

function variable(flag: string): string {
  return `LKSTREAM_${flag.toUpperCase().replaceAll("-", "_")}`;
}

/** The text of `--help`. */
export function helpText(): string {
  const lines = Object.entries<Flag>(FLAGS).map(([name, { value, fallback, text }]) => {
    const usage = `  --${name} ${value}`.padEnd(26);
    return `${usage} ${text}${fallback && ` (default ${fallback})`}`;
  });
  return [
    "Usage: deno task start [flags]",
    "",
    "Serves the page and the WebSocket endpoint that tracks points.",
    "",
    ...lines,
    "  --help                     this text",
    "",
    "Each flag is also a variable: --max-sessions is LKSTREAM_MAX_SESSIONS. A flag wins.",
  ].join("\n");
}

/**
 * Reads flags, then variables, then defaults.
 *
 * @returns null where help was asked for
 * @throws {ConfigError} naming the flag or variable, its value and what is allowed.
 */
export function readConfig(
  args: string[],
  env: (name: string) => string | undefined,
): Config | null {
  const given = parseFlags(args);
  if (given.help) return null;
  const text = (name: FlagName): string =>
    given[name]?.at(-1) ?? env(variable(name)) ?? FLAGS[name].fallback;
  const whole = (name: FlagName, min: number, max: number): number => {
    const value = text(name);
    const number = Number(value);
    if (/^\d+$/.test(value) && number >= min && number <= max) return number;
    throw badFlag(name, value, `whole numbers from ${min} to ${max}`);
  };
  const engine = text("engine") as EngineChoice;
  if (!ENGINES.includes(engine)) throw badFlag("engine", engine, ENGINES.join(", "));
  return {
    host: text("host"),
    port: whole("port", 0, 65535),
    engine,
    library: text("library") || null,
    token: readToken(given.token?.at(-1) ?? env(variable("token"))),
    allowOrigins: readOrigins(given["allow-origin"] ?? text("allow-origin").split(",")),
    maxSessions: whole("max-sessions", 1, 100_000),
    maxFrameBytes: whole("max-frame-bytes", 1024, 1 << 30),
    maxFramePixels: whole("max-frame-pixels", 256, 65535 * 65535),
  };
}

function parseFlags(args: string[]): { help?: boolean } & { [name in FlagName]?: string[] } {
  const flags = Object.fromEntries(
    Object.keys(FLAGS).map((name) => [name, { type: "string", multiple: true }] as const),
  );
  try {
    return parseArgs({ args, options: { ...flags, help: { type: "boolean", short: "h" } } }).values;
  } catch (error) {
    throw new ConfigError(`Cannot read the command line: ${(error as Error).message}`);
  }
}

/** An empty one is refused: a variable that was set wrong must not let everybody in. */
function readToken(token: string | undefined): string | null {
  if (token === undefined) return null;
  if (/^[\w!#$%&'*+.^`|~-]+$/.test(token)) return token; // what a subprotocol's name may hold
  throw badFlag("token", "…", "letters, digits and any of !#$%&'*+-.^_`|~, at least one");
}

function readOrigins(origins: string[]): string[] {
  return origins.map((origin) => origin.trim()).filter(Boolean).map((origin) => {
    const url = URL.parse(origin);
    if (url && url.origin !== "null" && url.origin === origin.replace(/\/$/, "")) return url.origin;
    throw badFlag("allow-origin", origin, "origins such as https://example.org");
  });
}

function badFlag(name: FlagName, value: string, allowed: string): ConfigError {
  return new ConfigError(
    `Cannot set --${name} (${variable(name)}) to "${value}": allowed are ${allowed}`,
  );
}
