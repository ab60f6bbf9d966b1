import { WebSocket } from "ws";
import { type ErrorCode, type ServerMessage, SUBPROTOCOLS } from "../../protocol/mod.ts";

const ERROR_CODES: Record<ErrorCode, true> = {
  bad_json: true,
  bad_message: true,
  bad_option: true,
  bad_frame: true,
  frame_too_large: true,
  limit: true,
  engine_failed: true,
  overloaded: true,
};
/** Of text messages, where tracks are binary. */
const TYPES: Record<Exclude<ServerMessage["type"], "tracks">, true> = {
  hello: true,
  configured: true,
  added: true,
  masked: true,
  resumed: true,
  done: true,
  stats: true,
  going: true,
  engine: true,
  error: true,
};
/** Longer than the costliest options take on a small frame, on a loaded machine. */
const ANSWER_MS = 60_000;

/** What answers a frame: its tracks, an error, or the end of the connection. */
export type Answer = { tracks: Uint8Array } | { error: string } | { closed: number };

/** What must not happen, whatever is sent. */
export class Finding extends Error {}

/** The server takes no such connection, which it may do. */
export class Refused extends Error {
  constructor(readonly status: number) {
    super(`The connection was refused with ${status}`);
  }
}

/** A client whose frames are answered one by one; counts what else it is told. */
export class Connection {
  /** Jobs that were done on it: what came before may matter. */
  readonly jobs: number[] = [];
  readonly #socket: WebSocket;
  readonly #count: (outcome: string) => void;
  #closed: number | null = null;
  #answered: ((answer: Answer) => void) | null = null;
  #wantedSeq: number | null = null;
  #finding: Finding | null = null;

  private constructor(socket: WebSocket, count: (outcome: string) => void) {
    this.#socket = socket;
    this.#count = count;
  }

  /**
   * @param count is told each outcome: `configured`, `error bad_json`, `close 1003`, …
   * @param query of the address, with its question mark
   * @throws {Refused}
   */
  static open(url: string, count: (outcome: string) => void, query = ""): Promise<Connection> {
    const address = `${url.replace("http", "ws")}/v1/stream${query}`;
    const socket = new WebSocket(address, SUBPROTOCOLS.bin, {
      handshakeTimeout: ANSWER_MS,
      perMessageDeflate: false,
    });
    const connection = new Connection(socket, count);
    socket.on("message", (data: Uint8Array, isBinary) => connection.#take(data, isBinary));
    return new Promise((opened, failed) => {
      socket.on("open", () => opened(connection));
      socket.on("unexpected-response", (request, { statusCode }) => {
        request.destroy();
        failed(new Refused(statusCode!));
      });
      socket.on("error", failed);
      socket.on("close", (code) => {
        connection.#closed = code;
        count(`close ${code}`);
        connection.#answered?.({ closed: code });
        failed(new Finding(`The connection was closed with ${code} before it was open`));
      });
    });
  }

  get isOpen(): boolean {
    return this.#closed === null && this.#socket.readyState === WebSocket.OPEN;
  }

  /** Sends a text message whose bytes may be no UTF-8; its answer is only counted. */
  say(text: Uint8Array): void {
    this.#socket.send(text, { binary: false });
  }

  /**
   * Sends a binary message and waits for what it becomes.
   *
   * @param seq wait for this frame's answer alone: it comes after those to all messages before it
   * @throws {Finding} where nothing comes, or something that the protocol does not know came.
   */
  async send(message: Uint8Array, seq: number | null = null): Promise<Answer> {
    if (this.#closed !== null) return { closed: this.#closed };
    const answer = Promise.withResolvers<Answer>();
    this.#answered = answer.resolve;
    this.#wantedSeq = seq;
    const timer = setTimeout(
      () => this.#fail(`No answer came within ${ANSWER_MS} ms`),
      ANSWER_MS,
    );
    this.#socket.send(message);
    const result = await answer.promise;
    clearTimeout(timer);
    this.#answered = null;
    if (this.#finding) throw this.#finding;
    return result;
  }

  /** Ends it as a client does, or without a word. Waits until it is closed. */
  async close(politely: boolean): Promise<void> {
    if (this.#closed !== null) return;
    const closed = new Promise((closed) => this.#socket.once("close", closed));
    if (politely) this.#socket.close();
    else this.#socket.terminate();
    await closed;
  }

  #take(data: Uint8Array, isBinary: boolean): void {
    if (isBinary) {
      const seq = new DataView(data.buffer, data.byteOffset).getUint32(4, true);
      if (this.#wantedSeq === null || seq === this.#wantedSeq) this.#answered?.({ tracks: data });
      return;
    }
    const message = JSON.parse(data.toString());
    if (!Object.hasOwn(TYPES, message.type)) {
      return this.#fail(`A message has the type ${message.type}`);
    }
    if (message.type !== "error") return this.#count(message.type);
    if (!Object.hasOwn(ERROR_CODES, message.code)) {
      return this.#fail(`An error has the code ${message.code}`);
    }
    this.#count(`error ${message.code}`);
    if (message.code === "engine_failed") return this.#fail(message.message);
    // an error without a seq answers a text message
    if (message.seq === undefined) return;
    if (this.#wantedSeq === null || message.seq === this.#wantedSeq) {
      this.#answered?.({ error: message.code });
    }
  }

  #fail(what: string): void {
    this.#finding ??= new Finding(what);
    this.#answered?.({ closed: 0 });
  }
}
