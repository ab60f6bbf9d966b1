/** What a command works with beside its arguments and files. Tests give it their own. */
export interface Io {
  /** Opened when it is asked for. */
  readonly stdin: ReadableStream<Uint8Array>;
  /** For data. One write may take only a part; it throws `BrokenPipe` where nobody reads any more. */
  readonly stdout: Output;
  /** For the person at the terminal. */
  readonly stderr: {
    write(text: string): void;
    /** Whether a line may be drawn over. */
    readonly isTerminal: boolean;
  };
  /** A variable of the environment. */
  env(name: string): string | undefined;
  /** Aborts at an interrupt: what was begun is then to be ended well. */
  readonly signal: AbortSignal;
}

export interface Output {
  write(bytes: Uint8Array): Promise<number>;
}

/** This process's own. */
export function processIo(signal: AbortSignal): Io {
  return {
    get stdin() {
      return Deno.stdin.readable;
    },
    stdout: Deno.stdout,
    stderr: {
      write: (text) => void Deno.stderr.writeSync(new TextEncoder().encode(text)),
      isTerminal: Deno.stderr.isTerminal(),
    },
    env: (name) => Deno.env.get(name),
    signal,
  };
}

/** Writes all of `text`. */
export async function writeAll(to: Output, text: string): Promise<void> {
  await writeBytes(to, new TextEncoder().encode(text));
}

/** Writes all of `bytes`. */
export async function writeBytes(to: Output, bytes: Uint8Array): Promise<void> {
  while (bytes.length > 0) bytes = bytes.subarray(await to.write(bytes));
}

/** Prints a line for the person at the terminal. */
export function printLine({ stderr }: Pick<Io, "stderr">, line: string): void {
  stderr.write(`${line}\n`);
}
