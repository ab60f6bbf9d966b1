import { parseArgs, type ParseArgsOptionsConfig } from "node:util";
import { ProtocolError, quote } from "../protocol/mod.ts";
import config from "../deno.json" with { type: "json" };
import { type Io, printLine, processIo, writeAll } from "./io.ts";

/** A flag as `parseArgs` wants it, with what `--help` says of it. */
export interface Flag {
  type: "string" | "boolean";
  short?: string;
  multiple?: boolean;
  /** Further spellings of its name. */
  also?: readonly string[];
  /** Name of its value in the help. */
  value?: string;
  /** Its value where it is not given. */
  default?: string;
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
  /** What one types to run it: `deno task track`. */
  program: string;
  /** What follows that. */
  usage: string;
  /** What it does, one or more paragraphs. */
  about: string;
  flags: Flags;
  /** More of the help, after the flags. */
  notes?: string;
  /** Does the work. */
  run(line: CommandLine<Flags>, io: Io): Promise<void>;
}

/** Flags by name, and what stands beside them. */
export type CommandLine<Flags extends ParseArgsOptionsConfig> = ReturnType<
  typeof parse<Flags>
>;

/** Runs a command to its end. Returns its exit code, one of {@linkcode Exit}; throws nothing. */
export type Main = (args: string[], io: Io) => Promise<number>;

function parse<Flags extends ParseArgsOptionsConfig>(args: string[], flags: Flags) {
  return parseArgs({ args, options: flags, allowPositionals: true, strict: true });
}

/** Makes the function that is a command: it reads the command line, gives help, and says what failed. */
export function defineCommand<Flags extends Record<string, Flag>>(command: Command<Flags>): Main {
  return async (args, io) => {
    try {
      if (asks(args, "--help", "-h")) await writeAll(io.stdout, `${helpText(command)}\n`);
      else if (asks(args, "--version")) await writeAll(io.stdout, `lkstream/${config.version}\n`);
      else await command.run(readLine(args, command.flags), io);
    } catch (error) {
      // a reader that closes standard output has seen enough: that is no failure
      if (!(error instanceof Deno.errors.BrokenPipe)) return explain(error, command.program, io);
    }
    return io.signal.aborted ? Exit.interrupted : Exit.done;
  };
}

/** Runs `main` as what this process is for, which then exits. */
export async function runProcess(main: Main): Promise<void> {
  const interrupted = new AbortController();
  const interrupt = () => {
    if (interrupted.signal.aborted) Deno.exit(Exit.interrupted); // asked again: at once
    interrupted.abort();
  };
  for (const signal of SIGNALS) Deno.addSignalListener(signal, interrupt);
  // a task runs in the project's folder; paths are meant from where it was called
  Deno.chdir(Deno.env.get("INIT_CWD") ?? ".");
  Deno.exitCode = await main(Deno.args, processIo(interrupted.signal));
  for (const signal of SIGNALS) Deno.removeSignalListener(signal, interrupt);
  // sockets say goodbye; a read of standard input that still waits is left alone
  Deno.unrefTimer(setTimeout(() => Deno.exit(), GOODBYE_MS));
}

/** Whether the line has one of the flags; what follows `--` is for somebody else. */
function asks(args: string[], ...flags: string[]): boolean {
  const end = args.indexOf("--");
  const own = end < 0 ? args : args.slice(0, end);
  return flags.some((flag) => own.includes(flag));
}

function readLine<Flags extends Record<string, Flag>>(args: string[], flags: Flags) {
  const own = args.map((arg) => spelt(arg, flags));
  try {
    return parse(own, flags);
  } catch (error) {
    throw new UsageError(mistakeOf(own, flags) ?? `Cannot read the command line: ${error}`);
  }
}

/** The argument, a flag by its own name where it is written by another one. */
function spelt(arg: string, flags: Record<string, Flag>): string {
  const [, name, rest] = /^--([\w-]+)(=.*)?$/s.exec(arg) ?? [];
  const flag = Object.keys(flags).find((flag) => flags[flag].also?.includes(name));
  return flag === undefined ? arg : `--${flag}${rest ?? ""}`;
}

/** What is wrong with a command line that cannot be read. */
function mistakeOf(args: string[], flags: Record<string, Flag>): string | null {
  const loose = {
    args,
    options: flags,
    allowPositionals: true,
    strict: false,
    tokens: true,
  } as const;
  for (const token of parseArgs(loose).tokens) {
    if (token.kind !== "option") continue;
    const { name, rawName, value, inlineValue } = token;
    if (!Object.hasOwn(flags, name)) return `Cannot take ${rawName}: allowed are ${names(flags)}`;
    const { type, value: shown } = flags[name];
    if (type === "boolean" && value !== undefined) {
      return `Cannot set ${rawName} to ${quote(value)}: it takes no value`;
    }
    if (type === "string" && value === undefined) {
      return `Cannot take ${rawName} without its value: allowed is --${name} ${shown}`;
    }
    if (type === "string" && !inlineValue && value!.length > 1 && value!.startsWith("-")) {
      return `Cannot tell whether ${value} is the value of ${rawName} or a flag: allowed is ` +
        `--${name}=${value}`;
    }
  }
  return null;
}

function names(flags: Record<string, Flag>): string {
  return Object.keys(flags).map((name) => `--${name}`).join(", ");
}

/** Says what went wrong; returns the exit code for it. */
function explain(error: unknown, program: string, io: Io): number {
  const message = error instanceof Error ? error.message : `${error}`;
  const isUsage = error instanceof UsageError ||
    error instanceof ProtocolError && error.code === "bad_option";
  printLine(io, isUsage ? `${message}\nSee ${program} --help` : message);
  return isUsage ? Exit.wrongUsage : Exit.failed;
}

function helpText<Flags extends Record<string, Flag>>(command: Command<Flags>): string {
  const { program, usage, about, flags, notes } = command;
  const lines = Object.entries<Flag>(flags).map(
    ([long, { short, value, text, default: usual }]) => {
      const left = `  ${short ? `-${short}, ` : ""}--${long}${value ? ` ${value}` : ""}`;
      return `${left.padEnd(23)} ${text}${usual === undefined ? "" : ` (default ${usual})`}`;
    },
  );
  return [
    `Usage: ${program} ${usage}`,
    about,
    [...lines, `${"  -h, --help".padEnd(23)} this text`, `${"  --version".padEnd(23)} the version`]
      .join("\n"),
    ...notes === undefined ? [] : [notes],
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
