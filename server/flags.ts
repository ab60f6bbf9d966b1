import { parseArgs } from "node:util";

/** A flag or variable that cannot be used. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** A flag of the command line, which is also a variable `LKSTREAM_…`. */
export interface Flag {
  /** What stands for its value in the help; none for a switch. The server may read a FILE. */
  value?: string;
  fallback?: string;
  text: string;
}

const PREFIX = "LKSTREAM_";

/** The variable of a flag: --max-sessions is LKSTREAM_MAX_SESSIONS. */
export function variable(flag: string): string {
  return `${PREFIX}${flag.toUpperCase().replaceAll("-", "_")}`;
}

/**
 * A misspelled variable must not be as if it were not there: a server without
 * its token is open.
 *
 * @param table flags that are variables
 * @param names all variables that are set
 * @throws {ConfigError} naming one that is this program's and unknown, and the nearest right one.
 */
export function checkNames(table: Record<string, Flag>, names: readonly string[]): void {
  const known = Object.keys(table).map(variable);
  const unknown = names.find((name) => name.startsWith(PREFIX) && !known.includes(name));
  if (unknown === undefined) return;
  const byDistance = known.toSorted((a, b) => distance(unknown, a) - distance(unknown, b));
  throw new ConfigError(
    `Cannot set the variable ${unknown}: allowed are ${byDistance[0]}, which is the nearest, and ` +
      "those of the other flags",
  );
}

/** How many letters to insert, remove or change (Levenshtein, 1966). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const changed = row[j] + Number(a[i] !== b[j]);
      next.push(Math.min(changed, row[j + 1] + 1, next[j] + 1));
    }
    row = next;
  }
  return row[b.length];
}

/** Says which flag or variable is wrong, and ends the process with 2; throws any other error on. */
export function refuseStart(error: unknown): never {
  if (!(error instanceof ConfigError)) throw error;
  console.error(`${error.message}\n--help tells the flags`);
  Deno.exit(2);
}

/** Flags that ask for an answer in place of a server. */
const ASKING = {
  help: { type: "boolean", short: "h", multiple: true },
  version: { type: "boolean", multiple: true },
} as const;

type Token = { kind: string; rawName?: string; name?: string; value?: string | boolean };

/** @throws {ConfigError} where a word of the command line is no flag, or lacks its value. */
function checkToken(
  { kind, name, rawName, value }: Token,
  table: Record<string, { value?: string }>,
): void {
  if (kind === "positional") throw new ConfigError(`Cannot take "${value}": allowed are flags`);
  if (kind !== "option") return;
  if (!Object.hasOwn(table, name!)) {
    const byDistance = Object.keys(table).toSorted((a, b) =>
      distance(name!, a) - distance(name!, b)
    );
    throw new ConfigError(
      `Cannot take ${rawName}: allowed are --${
        byDistance[0]
      }, which is the nearest, and the other ` +
        "flags",
    );
  }
  const shown = table[name!].value;
  if (shown && value === undefined) {
    throw new ConfigError(
      `Cannot take ${rawName} without its value: allowed is --${name} ${shown}`,
    );
  }
  if (!shown && value !== undefined) {
    throw new ConfigError(`Cannot set ${rawName} to "${value}": it takes no value`);
  }
}

/** Flags, then variables, then defaults. */
export class Flags<Name extends string> {
  readonly #table: Record<Name, Flag>;
  readonly #given: Partial<Record<string, (string | boolean)[]>>;
  readonly #env: (name: string) => string | undefined;

  /** @throws {ConfigError} where the command line has what is not in the table. */
  constructor(
    table: Record<Name, Flag>,
    args: string[],
    env: (name: string) => string | undefined,
  ) {
    this.#table = table;
    this.#env = env;
    const known = Object.entries<Flag>(table).map((
      [name, { value }],
    ) => [name, { type: value ? "string" : "boolean", multiple: true }] as const);
    const options = { ...Object.fromEntries(known), ...ASKING };
    const { values, tokens } = parseArgs({
      args,
      options,
      strict: false,
      allowPositionals: true,
      tokens: true,
    });
    for (const token of tokens) checkToken(token, { ...table, help: {}, version: {} });
    this.#given = values as Partial<Record<string, (string | boolean)[]>>;
  }

  get wantsHelp(): boolean {
    return this.#given.help !== undefined;
  }

  get wantsVersion(): boolean {
    return this.#given.version !== undefined;
  }

  /** The value as it was given; undefined where neither flag nor variable is. */
  given(name: Name): string | undefined {
    return this.#given[name]?.at(-1)?.toString() ?? this.#env(variable(name));
  }

  /** All values of a flag that may be repeated; in the variable, commas are between them. */
  list(name: Name): string[] {
    const given = this.#given[name]?.map(String) ?? this.#env(variable(name))?.split(",") ?? [];
    return given.map((text) => text.trim()).filter(Boolean);
  }

  text(name: Name): string {
    return this.given(name) ?? this.#table[name].fallback ?? "";
  }

  /** @throws {ConfigError} unless it is a whole number in the range. */
  whole(name: Name, min: number, max: number): number {
    const value = this.text(name);
    const number = Number(value);
    if (/^\d+$/.test(value) && number >= min && number <= max) return number;
    throw this.bad(name, value, `whole numbers from ${min} to ${max}`);
  }

  /** @throws {ConfigError} where the variable of a switch is neither true nor false. */
  isOn(name: Name): boolean {
    const value = this.text(name);
    if (["true", "1"].includes(value)) return true;
    if (["false", "0", ""].includes(value)) return false;
    throw this.bad(name, value, "true and false");
  }

  /** @throws {ConfigError} unless it is one of `values`. */
  oneOf<T extends string>(name: Name, values: readonly T[]): T {
    const value = this.text(name) as T;
    if (values.includes(value)) return value;
    throw this.bad(name, value, values.join(", "));
  }

  bad(name: Name, value: string, allowed: string): ConfigError {
    return new ConfigError(
      `Cannot set --${name} (${variable(name)}) to "${value}": allowed are ${allowed}`,
    );
  }
}

/** A line for each flag: usage, text, default. */
export function flagLines(table: Record<string, Flag>): string[] {
  return Object.entries(table).map(([name, { value, fallback, text }]) => {
    const usage = `  --${name}${value ? ` ${value}` : ""}`.padEnd(32);
    return `${usage} ${text}${fallback ? ` (default ${fallback})` : ""}`;
  });
}
