/** A server started as a person starts it, with `deno task start`, on a free port. */
export interface Running {
  readonly url: string;
  /** The line it prints when it listens. */
  readonly line: string;
  /** Sends SIGHUP: certificate and token are read anew. */
  hangUp(): void;
  /** Sends SIGTERM, unless it has ended; resolves with the exit code. */
  stop(): Promise<number>;
}

const ROOT = new URL("../../", import.meta.url);

/** @param port 0 picks a free one */
export async function start(
  { port = 0, args = [], env = {} }: {
    port?: number;
    args?: string[];
    env?: Record<string, string>;
  } = {},
): Promise<Running> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "start", "--port", `${port}`, ...args],
    cwd: ROOT,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stderr = new Response(child.stderr).text();
  const rest = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let output = "";
  while (!/ listens on \S+, .*\n/.test(output)) {
    const { value, done } = await rest.read();
    if (done) {
      await child.status;
      throw new Error(`Cannot start the server: ${output}${await stderr}`);
    }
    output += value;
  }
  const line = output.split("\n").find((line) => line.includes(" listens on "))!;
  let stopped: Promise<number> | null = null;
  return {
    url: /listens on (\S+),/.exec(line)![1],
    line,
    hangUp: () => child.kill("SIGHUP"),
    stop: () => stopped ??= stop(child, rest, stderr),
  };
}

async function stop(
  child: Deno.ChildProcess,
  rest: ReadableStreamDefaultReader<string>,
  stderr: Promise<string>,
): Promise<number> {
  child.kill("SIGTERM");
  const [{ code }] = await Promise.all([child.status, stderr, drain(rest)]);
  return code;
}

async function drain(reader: ReadableStreamDefaultReader<string>): Promise<void> {
  while (!(await reader.read()).done);
}
