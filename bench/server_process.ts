import { taskCommand } from "../test/lib/task_command.ts";
import { findListener, type ProcessState, readProcess } from "./process.ts";

const ROOT = new URL("../", import.meta.url);
const KEPT_LINES = 200;
/** A server that hangs does not obey; it has this long. */
const STOP_MS = 15_000;

/** A server started as an operator starts it, from what is built, on a free port, with the permissions it has by default. */
export class ServerProcess {
  /** Resolves when it has ended, whatever the reason. */
  readonly ended: Promise<Deno.CommandStatus>;
  readonly #child: Deno.ChildProcess;
  readonly #output: Lines;
  #hasEnded = false;

  private constructor(
    readonly url: string,
    readonly pid: number,
    child: Deno.ChildProcess,
    output: Lines,
  ) {
    this.#child = child;
    this.#output = output;
    this.ended = child.status;
    this.ended.then(() => this.#hasEnded = true);
  }

  /** @param flags as of `deno task start` */
  static async start(flags: string[]): Promise<ServerProcess> {
    const { args, env } = taskCommand("start");
    const child = new Deno.Command(Deno.execPath(), {
      args: [...args, "--port", "0", ...flags],
      cwd: ROOT,
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output = new Lines(child.stdout, child.stderr);
    const line = await output.find(/ listens on /);
    const url = line && /listens on (\S+),/.exec(line)?.[1];
    const pid = url && findListener(Number(new URL(url).port));
    if (!url || !pid) throw new Error(`Cannot start the server: ${output.latest.join("\n")}`);
    console.log(line);
    return new ServerProcess(url, pid, child, output);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The latest lines that it printed. */
  get latestLines(): readonly string[] {
    return this.#output.latest;
  }

  state(): ProcessState {
    return readProcess(this.pid);
  }

  /** A value of `/metrics`, summed over its labels; or of those with `label`, such as `kind="heap"`. */
  async metric(name: string, label = ""): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    return text.split("\n")
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .filter((line) => line.includes(label))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  }

  /** Asks it to stop, and ends it where it does not. @returns the exit code */
  async stop(): Promise<number> {
    if (!this.#hasEnded) this.#child.kill("SIGTERM");
    const late = setTimeout(() => Deno.kill(this.pid, "SIGKILL"), STOP_MS);
    await this.#output.drained;
    clearTimeout(late);
    return (await this.ended).code;
  }
}

/** What a process prints, of which only the latest lines are kept. */
class Lines {
  readonly latest: string[] = [];
  readonly drained: Promise<unknown>;
  #wanted: { pattern: RegExp; found: (line: string | null) => void } | null = null;

  constructor(...streams: ReadableStream<Uint8Array<ArrayBuffer>>[]) {
    this.drained = Promise.all(streams.map((stream) => this.#read(stream)));
    this.drained.then(() => this.#wanted?.found(null));
  }

  /** The first line to come that matches; null where the output ends before. */
  find(pattern: RegExp): Promise<string | null> {
    return new Promise((found) => this.#wanted = { pattern, found });
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let rest = "";
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#take(line);
    }
  }

  #take(line: string): void {
    this.latest.push(line);
    if (this.latest.length > KEPT_LINES) this.latest.shift();
    if (!this.#wanted?.pattern.test(line)) return;
    this.#wanted.found(line);
    this.#wanted = null;
  }
}
