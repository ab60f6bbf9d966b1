import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

/** What was published. */
export interface Published {
  subject: string;
  /** By their names in lower case. */
  headers: Record<string, string>;
  data: Uint8Array<ArrayBuffer>;
}

const decoder = new TextDecoder();

/**
 * The other end of a publisher: speaks as much of the NATS protocol as one needs (INFO, CONNECT,
 * PING, PONG, PUB, HPUB; https://docs.nats.io/reference/reference-protocols/nats-protocol).
 */
export class NatsPeer {
  readonly published: Published[] = [];
  /** What the clients said of themselves, and how often. */
  readonly connects: Record<string, unknown>[] = [];
  readonly #server = createServer((socket) => this.#serve(socket));
  readonly #sockets = new Set<Socket>();
  readonly #waiting = new Set<() => void>();
  readonly #info: Record<string, unknown>;
  #isMute = false;
  #refusals = 0;

  private constructor(info: Record<string, unknown>) {
    this.#info = info;
  }

  static async start(info: Record<string, unknown> = {}, port = 0): Promise<NatsPeer> {
    const peer = new NatsPeer(info);
    await new Promise<void>((listening) => peer.#server.listen(port, "127.0.0.1", listening));
    return peer;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resolves once `found` gives something, asked whenever something comes. */
  async until<T>(found: () => T | undefined | false): Promise<T> {
    for (;;) {
      const value = found();
      if (value) return value;
      await new Promise<void>((come) => this.#waiting.add(come));
      this.#waiting.clear();
    }
  }

  /** Refuses so many of the next that connect, and resets their connections, unread data or not. */
  refuseNext(count: number): void {
    this.#refusals = count;
  }

  /** Reads nothing from now on, as a process that was stopped. */
  stop(): void {
    this.#isMute = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** Reads on. */
  resume(): void {
    this.#isMute = false;
    for (const socket of this.#sockets) socket.resume();
  }

  /** Cuts all connections, and takes no more. Idempotent. */
  async close(): Promise<void> {
    const closed = new Promise<void>((done) => this.#server.close(() => done()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => {});
    if (this.#isMute) socket.pause();
    const info = { server_id: "test", version: "2.9.0", headers: true, max_payload: 1 << 20 };
    socket.write(`INFO ${JSON.stringify({ ...info, ...this.#info })}\r\n`);
    let rest = new Uint8Array(0);
    socket.on("data", (data: Uint8Array) => {
      const all = new Uint8Array(rest.length + data.length);
      all.set(rest);
      all.set(data, rest.length);
      rest = this.#read(socket, all);
      for (const come of this.#waiting) come();
    });
  }

  /** @returns what is no whole message yet */
  #read(socket: Socket, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    for (;;) {
      const end = bytes.indexOf(0x0a);
      if (end < 0) return bytes;
      const words = decoder.decode(bytes.subarray(0, end)).trim().split(" ");
      let next = end + 1;
      if (words[0] === "HPUB" || words[0] === "PUB") {
        const total = Number(words.at(-1)), head = words[0] === "HPUB" ? Number(words.at(-2)) : 0;
        if (bytes.length < next + total + 2) return bytes;
        const headers = readHeaders(decoder.decode(bytes.subarray(next, next + head)));
        const data = bytes.slice(next + head, next + total);
        this.published.push({ subject: words[1], headers, data });
        next += total + 2;
      } else this.#answer(socket, words);
      bytes = bytes.subarray(next);
    }
  }

  #answer(socket: Socket, [word, ...rest]: string[]): void {
    if (word === "CONNECT") {
      this.connects.push(JSON.parse(rest.join(" ")));
      if (this.#refusals > 0) {
        this.#refusals--;
        socket.write("-ERR 'Authorization Violation'\r\n");
        socket.resetAndDestroy();
      }
    }
    if (word === "PING") socket.write("PONG\r\n");
  }
}

function readHeaders(text: string): Record<string, string> {
  const pairs = text.split("\r\n").slice(1).filter(Boolean).map((line) => {
    const [name, ...value] = line.split(":");
    return [name.toLowerCase(), value.join(":").trim()];
  });
  return Object.fromEntries(pairs);
}
