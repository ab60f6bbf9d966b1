/** A real broker: the program nats-server. */
import { freePort } from "./free_port.ts";

const PROGRAMS = ["nats-server", "/usr/sbin/nats-server"];

/** Its path. @throws {Error} that says which package brings it, where it is not installed. */
export async function findNatsServer(): Promise<string> {
  for (const program of PROGRAMS) {
    try {
      await new Deno.Command(program, { args: ["--version"], stdout: "null" }).output();
      return program;
    } catch { // not by this name
    }
  }
  throw new Error(
    "Cannot find nats-server: apt-get install nats-server brings it (Debian, Ubuntu)",
  );
}

export class NatsServer {
  #process: Deno.ChildProcess;

  private constructor(
    readonly program: string,
    readonly port: number,
    readonly folder: string,
    process: Deno.ChildProcess,
  ) {
    this.#process = process;
  }

  /** @param config further lines of its configuration, for files in `folder` */
  static async start(
    { config = () => "", port = freePort() }: {
      config?: (folder: string) => string | Promise<string>;
      port?: number;
    } = {},
  ): Promise<NatsServer> {
    const program = await findNatsServer();
    const folder = await Deno.makeTempDir();
    const file = `${folder}/nats.conf`;
    await Deno.writeTextFile(file, `listen: "127.0.0.1:${port}"\n${await config(folder)}\n`);
    return new NatsServer(program, port, folder, await launch(program, file));
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Stops it, and lets it go on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#process.kill(signal);
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
  }

  /** After {@linkcode kill}: on the same port. */
  async startAgain(): Promise<void> {
    this.#process = await launch(this.program, `${this.folder}/nats.conf`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.kill();
    } catch { // it has ended
    }
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Resolves once it listens. */
async function launch(program: string, file: string): Promise<Deno.ChildProcess> {
  const process = new Deno.Command(program, {
    args: ["-c", file],
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const lines = process.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!said.includes("Server is ready")) {
    const { value, done } = await lines.read();
    if (done) throw new Error(`Cannot start ${program}: ${said}`);
    said += value;
  }
  void drain(lines);
  return process;
}

async function drain(lines: ReadableStreamDefaultReader<string>): Promise<void> {
  while (!(await lines.read()).done);
}
