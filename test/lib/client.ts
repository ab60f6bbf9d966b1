import assert from "node:assert/strict";
import { WebSocket } from "ws";
import {
  decodeTracks,
  type ServerMessage,
  type Tracks,
  tracksFromJson,
} from "../../protocol/mod.ts";

export type Received = Exclude<ServerMessage, { type: "tracks" }> | {
  type: "tracks";
  tracks: Tracks;
};

/** A plain client for tests: every message it gets can be awaited, in order. */
export class Client {
  readonly closed: Promise<{ code: number; reason: string }>;
  #inbox: Received[] = [];
  #arrived: () => void = () => {};
  #open = true;

  private constructor(readonly socket: WebSocket) {
    this.closed = new Promise((resolve) =>
      socket.on("close", (code, reason) => {
        this.#open = false;
        this.#arrived();
        resolve({ code, reason: reason.toString() });
      })
    );
    socket.on("message", (data, isBinary) => {
      this.#inbox.push(read(data as Uint8Array<ArrayBuffer>, isBinary));
      this.#arrived();
    });
  }

  /**
   * @param url the server's, http://…
   * @throws {Refused} where the server does not upgrade
   */
  static connect(
    url: string,
    { protocols = ["lkstream.v1.bin"], headers = {}, query = "", autoPong = true, ca }: {
      protocols?: string[];
      headers?: Record<string, string>;
      query?: string;
      autoPong?: boolean;
      /** Certificate (PEM) to trust. */
      ca?: string;
    } = {},
  ): Promise<Client> {
    const socket = new WebSocket(`${url.replace("http", "ws")}/v1/stream${query}`, protocols, {
      headers,
      autoPong,
      ca,
    });
    const client = new Client(socket);
    return new Promise((connected, failed) => {
      socket.on("open", () => connected(client));
      socket.on("error", failed);
      socket.on("unexpected-response", (_request, response) => {
        let body = "";
        response.on("data", (chunk) => body += chunk);
        response.on("end", () => failed(new Refused(response.statusCode!, response.headers, body)));
      });
    });
  }

  get isOpen(): boolean {
    return this.#open;
  }

  send(data: string | Uint8Array): void {
    this.socket.send(data);
  }

  say(message: unknown): void {
    this.send(JSON.stringify(message));
  }

  /** The next message; null once the socket is closed and all are read. */
  async next(): Promise<Received | null> {
    while (this.#inbox.length === 0) {
      if (!this.#open) return null;
      await new Promise<void>((arrived) => this.#arrived = arrived);
    }
    return this.#inbox.shift()!;
  }

  /** Passes over messages until one of this type; null where none comes. */
  async nextOf<T extends Received["type"]>(
    type: T,
  ): Promise<Extract<Received, { type: T }> | null> {
    for (;;) {
      const message = await this.next();
      if (message === null || message.type === type) return message as never;
    }
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}

/** The server answered with a plain HTTP response instead of an upgrade. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly headers: Record<string, unknown>,
    readonly body: string,
  ) {
    super(`Refused with ${status}: ${body}`);
  }
}

/** The refusal that a connection comes to. */
export async function refused(connecting: Promise<Client>): Promise<Refused> {
  try {
    await (await connecting).close();
  } catch (error) {
    assert.ok(error instanceof Refused, `${error}`);
    return error;
  }
  assert.fail("The server took the connection");
}

function read(data: Uint8Array<ArrayBuffer>, isBinary: boolean): Received {
  if (isBinary) return { type: "tracks", tracks: decodeTracks(data) };
  const message = JSON.parse(new TextDecoder().decode(data)) as ServerMessage;
  return message.type === "tracks" ? { type: "tracks", tracks: tracksFromJson(message) } : message;
}
