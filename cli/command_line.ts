import { parseArgs, type ParseArgsOptionsConfig } from "node:util";
import { ProtocolError, quote } from "../protocol/mod.ts";
import { ConfigError } from "../server/config.ts";

/** A flag as `parseArgs` wants it, with what `--help` says of it. */
export interface Flag {
  type: "string" | "boolean";
  short?: string;
  multiple?: boolean;
  /** Name of its value in the help. */
  value?: string;
  text: string;
}

/** Exit codes, as the help and docs/tools.md give them. */
export const Exit = { done: 0, failed: 1, wrongUsage: 2, interrupted: 130 } as const;

const SIGNALS = ["SIGINT", "SIGTERM"] as const;
/** So long, at most, the process outlives its command. */
const GOODBYE_MS = 500;

/** A command line that cannot be used. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What a command is made of. */
export interface Command<Flags extends Record<string, Flag>> {
  /** `flow`, `track` or `send`. */
  name: string;
  /** What follows the name. */
  usage: string;
  /** What it does, one or more paragraphs. */
  about: string;
  flags: Flags;
  /** More of the help, after the flags. */
  notes: string;
  /** Does the work. At an interrupt `signal` aborts; what was begun is then to be ended well. */
  run(line: CommandLine<Flags>, signal: AbortSignal): Promise<void>;
}

/** Flags by name, and what stands beside them. */
export type CommandLine<Flags extends ParseArgsOptionsConfig> = ReturnType<
  typeof parse<Flags>
>;

function parse<Flags extends ParseArgsOptionsConfig>(args: string[], flags: Flags) {
  return parseArgs({ args, options: flags, allowPositionals: true, strict: true });
}

/**
 * Runs a command to its end; the process then exits with one of {@linkcode Exit}.
 * A reader that closes standard output has seen enough: that is no failure.
 */
export async function runCommand<Flags extends Record<string, Flag>>(
  command: Command<Flags>,
): Promise<void> {
  const interrupted = new AbortController();
  const interrupt = () => {
    if (interrupted.signal.aborted) Deno.exit(Exit.interrupted); // asked again: at once
    interrupted.abort();
  };
  for (const signal of SIGNALS) Deno.addSignalListener(signal, interrupt);
  Deno.exitCode = await exitCodeOf(command, interrupted.signal);
  for (const signal of SIGNALS) Deno.removeSignalListener(signal, interrupt);
  // sockets say goodbye; a read of standard input that still waits is left alone
  Deno.unrefTimer(setTimeout(() => Deno.exit(), GOODBYE_MS));
}

async function exitCodeOf<Flags extends Record<string, Flag>>(
  command: Command<Flags>,
  signal: AbortSignal,
): Promise<number> {
  try {
    // a task runs in the project's folder; paths are meant from where it was called
    Deno.chdir(Deno.env.get("INIT_CWD") ?? ".");
    if (Deno.args.includes("--help") || Deno.args.includes("-h")) {
      await writeAll(Deno.stdout, `${helpText(command)}\n`);
    } else {
      await command.run(readLine(Deno.args, command.flags), signal);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) return tell(error, command.name);
  }
  return signal.aborted ? Exit.interrupted : Exit.done;
}

function readLine<Flags extends Record<string, Flag>>(args: string[], flags: Flags) {
  try {
    return parse(args, flags);
  } catch (error) {
    throw new UsageError(`Cannot read the command line: ${(error as Error).message}`);
  }
}

/** Says what went wrong; returns the exit code for it. */
function tell(error: unknown, name: string): number {
  const message = error instanceof Error ? error.message : `${error}`;
  const isUsage = error instanceof UsageError || error instanceof ConfigError ||
    error instanceof ProtocolError && error.code === "bad_option";
  console.error(isUsage ? `${message}\nSee deno task ${name} --help` : message);
  return isUsage ? Exit.wrongUsage : Exit.failed;
}

function helpText<Flags extends Record<string, Flag>>(command: Command<Flags>): string {
  const { name, usage, about, flags, notes } = command;
  const lines = Object.entries(flags).map(([long, { short, value, text }]) => {
    const left = `  ${short ? `-${short}, ` : ""}--${long}${value ? ` ${value}` : ""}`;
    return `${left.padEnd(23)} ${text}`;
  });
  return [
    `Usage: deno task ${name} ${usage}`,
    about,
    [...lines, `${"  -h, --help".padEnd(23)} this text`].join("\n"),
    notes,
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.",
  ].join("\n\n");
}

/**
 * A flag's value as a number.
 *
 * @throws {UsageError} naming what is allowed.
 */
export function readNumber(flag: string, text: string, min: number, max: number): number {
  const number = Number(text);
  if (text.trim() !== "" && number >= min && number <= max) return number;
  throw new UsageError(
    `Cannot set --${flag} to ${quote(text)}: allowed are numbers from ${min} to ${max}`,
  );
}

/**
 * A flag's value as one of several words.
 *
 * @throws {UsageError} naming what is allowed.
 */
export function readChoice<T extends string>(
  flag: string,
  text: string,
  choices: readonly T[],
): T {
  if ((choices as readonly string[]).includes(text)) return text as T;
  throw new UsageError(
    `Cannot set --${flag} to ${quote(text)}: allowed are ${choices.join(", ")}`,
  );
}

/** For a `catch`: throws on what the system said, with what could not be done before it. */
export function cannot(doWhat: string): (error: Error) => never {
  return (error) => {
    throw new Error(`Cannot ${doWhat}: ${error.message}`);
  };
}

/** Writes all of `text`; one write may take only a part of it. */
export async function writeAll(
  to: { write(bytes: Uint8Array): Promise<number> },
  text: string,
): Promise<void> {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(await to.write(bytes));
}
