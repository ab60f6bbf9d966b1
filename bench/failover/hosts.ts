/**
 * Servers that can be ended in every way: each in a network namespace of its own,
 * where there is the permission to make one, so that its cable can be pulled.
 */
const ROOT = new URL("../../", import.meta.url);
const PORT = 8000, AGENT_PORT = 8001;
const START_MS = 30_000;

async function run(...words: string[]): Promise<void> {
  const [program, ...args] = words;
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  if (success) return;
  throw new Error(`Cannot run ${words.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
}

/** One machine of the drill: a namespace, its cable to us, and the server in it. */
export class Host implements AsyncDisposable {
  readonly #name: string;
  readonly #address: string;
  #child: Deno.ChildProcess | undefined;

  private constructor(readonly number: number, readonly flags: readonly string[]) {
    this.#name = `lkdrill${number}`;
    this.#address = `10.77.${number}`;
  }

  /** @throws {Error} where there is no permission for namespaces, or no `ip` */
  static async make(number: number, flags: readonly string[]): Promise<Host> {
    const host = new Host(number, flags);
    await host.#remove().catch(() => {}); // what a drill that was cut off left
    await host.#build();
    return host;
  }

  async #build(): Promise<void> {
    const name = this.#name, inside = ["ip", "-n", name];
    await run("ip", "netns", "add", name);
    await run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name);
    await run("ip", "addr", "add", `${this.#address}.1/24`, "dev", name);
    await run("ip", "link", "set", name, "up");
    await run(...inside, "addr", "add", `${this.#address}.2/24`, "dev", "eth0");
    await run(...inside, "link", "set", "eth0", "up");
    await run(...inside, "link", "set", "lo", "up");
  }

  /** A namespace lives on while packets wait in it for a cable that is pulled: the cable goes first. */
  async #remove(): Promise<void> {
    await run("ip", "link", "del", this.#name).catch(() => {});
    await run("ip", "netns", "del", this.#name);
  }

  get url(): string {
    return `http://${this.#address}.2:${PORT}`;
  }

  get backend(): { url: string; agentPort: number } {
    return { url: this.url, agentPort: AGENT_PORT };
  }

  /** Starts the server, and resolves once it takes sessions. */
  async start(): Promise<void> {
    const server = [
      ...["run", "-A", "--cached-only", "--config", "deno.start.json", "server/main.ts"],
      ...["--host", `${this.#address}.2`, "--port", `${PORT}`, "--agent-port", `${AGENT_PORT}`],
      ...["--open", "--trust-proxy", "--allow-origin", "https://127.0.0.1", ...this.flags],
    ];
    this.#child = new Deno.Command("ip", {
      args: ["netns", "exec", this.#name, Deno.execPath(), ...server],
      cwd: ROOT,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const end = performance.now() + START_MS;
    while (!await this.#isReady()) {
      if (performance.now() > end) throw new Error(`Cannot start a server at ${this.url}`);
      await new Promise((later) => setTimeout(later, 100));
    }
  }

  /** `ip netns exec` becomes the server: the signal is its own. */
  signal(signal: Deno.Signal): void {
    this.#child?.kill(signal);
  }

  /** Resolves when the server has ended. */
  async ended(): Promise<void> {
    await this.#child?.status;
    this.#child = undefined;
  }

  /** Pulls the cable: nothing comes through, and nobody is told. */
  unplug(): Promise<void> {
    return run("ip", "link", "set", this.#name, "down");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child) {
      this.signal("SIGKILL");
      await this.ended();
    }
    await this.#remove();
  }

  async #isReady(): Promise<boolean> {
    try {
      const response = await fetch(`${this.url}/readyz`);
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  }
}
