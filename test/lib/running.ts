/** A server that runs by itself, on a free port. */
import { taskCommand } from "./task_command.ts";

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
/** The address of the server that a run of many files shares; see test/run.ts. */
export const SHARED_SERVER = "SHARED_SERVER";

/**
 * Starts a server with the command of `deno task start`, from what is built.
 *
 * @param port 0 picks a free one
 * @param byTask as a person starts it: the task runner builds before
 */
export async function start(
  { port = 0, args = [], env = {}, byTask = false }: {
    port?: number;
    args?: string[];
    env?: Record<string, string>;
    byTask?: boolean;
  } = {},
): Promise<Running> {
  const command = byTask ? { args: ["task", "--quiet", "start"], env: {} } : taskCommand("start");
  const child = new Deno.Command(Deno.execPath(), {
    args: [...command.args, "--port", `${port}`, ...args],
    cwd: ROOT,
    env: { LKSTREAM_DRAIN: "0", ...command.env, ...env }, // a test that stops a server has no other one
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
      const { code, signal } = await child.status;
      const end = `it ended with ${signal ?? code}`;
      throw new Error(`Cannot start the server: ${end}. ${output}${await stderr}`);
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

/** The address of a server as it is by default: the one that all files share, else one of its own. */
export async function defaultServer(): Promise<Pick<Running, "url" | "stop">> {
  const url = Deno.env.get(SHARED_SERVER);
  return url ? { url, stop: () => Promise.resolve(0) } : await start();
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
