import { connect as dial, createServer, type Server, type Socket } from "node:net";

/** What a link does in each direction. */
export interface Link {
  delayMs: number;
  bytesPerMs: number;
}

/** A proxy that makes the way to a server slow, as a far or thin network would; see {@linkcode Link}. */
export class Throttle {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  private constructor(server: URL, port: number, public link: Link) {
    this.#server = createServer((near) => {
      const far = dial(Number(server.port), server.hostname);
      this.#join(near, far);
      this.#join(far, near);
    }).listen(port, "127.0.0.1");
  }

  /** Listens on a free port. */
  static async open(server: URL, link: Link): Promise<Throttle> {
    const throttle = new Throttle(server, 0, link);
    await new Promise((listening) => throttle.#server.once("listening", listening));
    return throttle;
  }

  /** In place of the server's. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Bytes leave one after the other at the link's rate, and arrive after its delay, in order. */
  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    let free = 0;
    let arrived = Promise.resolve();
    const arrive = (bytes: number, then: () => void) => {
      free = Math.max(free, performance.now()) + bytes / this.link.bytesPerMs;
      const at = free + this.link.delayMs;
      arrived = arrived.then(() => this.#until(at)).then(then);
    };
    from.on("data", (bytes) => arrive(bytes.length, () => void to.write(bytes)));
    from.on("end", () => arrive(0, () => void to.end()));
    from.on("error", () => to.destroy());
    from.on("close", () => this.#sockets.delete(from));
  }

  #until(time: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        resolve();
      }, Math.max(0, time - performance.now()));
      this.#timers.add(timer);
    });
  }
}
