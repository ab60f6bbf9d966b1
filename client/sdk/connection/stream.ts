import {
  CloseCode,
  decodeTracks,
  type Hello,
  parseServerMessage,
  ProtocolError,
  type ServerMessage,
  type Tracks,
  tracksFromJson,
} from "../../../protocol/mod.ts";
import type { Address } from "./address.ts";

/** What a stream needs of a `WebSocket` class; its events are taken as the platform's. */
export type SocketClass = new (
  url: string,
  protocols: string[],
) => Pick<WebSocket, "send" | "close">;

/** Why a stream ended. */
export type StreamEnd =
  /** It never was one: refused as HTTP, or nothing is there. */
  | { how: "refused" }
  /** The server did not say hello in time. */
  | { how: "unanswered"; ms: number }
  | { how: "closed"; code: number; reason: string }
  /** Nothing came while something had to. */
  | { how: "silent"; ms: number };

/** What the server says after hello; tracks in either form. */
export type Said = Exclude<ServerMessage, { type: "hello" | "tracks" }> | {
  type: "tracks";
  tracks: Tracks;
};

/** Told what happens to a stream. */
export interface StreamEvents {
  /** Its first message: from now on it can be sent to. */
  hello(hello: Hello): void;
  /** @param bytes size of the message */
  said(said: Said, bytes: number): void;
  /** A message that does not follow the protocol. */
  malformed(error: ProtocolError): void;
  /** It ended, once and by itself; nothing is told after that. */
  ended(end: StreamEnd): void;
  /** Whether an answer is due, so that silence means a dead link. */
  isOwed(): boolean;
}

/** How long a stream waits. */
export interface StreamTimes {
  /** For the server's hello. */
  connectMs: number;
  /** For whatever comes while an answer is due. */
  silentMs: number;
}

/** One socket with its timers. It ends once, by itself or by {@linkcode Stream.close}. */
export class Stream {
  readonly #socket: WebSocket | undefined;
  readonly #times: StreamTimes;
  readonly #events: StreamEvents;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #hasEnded = false;
  /** Messages that wait for bytes that are still read, their own or those before them. */
  #waiting = 0;
  #turn = Promise.resolve();

  constructor(
    readonly address: Address,
    Socket: SocketClass,
    times: StreamTimes,
    events: StreamEvents,
  ) {
    const { url, protocols } = address;
    this.#times = times;
    this.#events = events;
    try {
      this.#socket = this.#listenTo(new Socket(url, protocols) as WebSocket);
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      queueMicrotask(() => this.#end({ how: "refused" })); // a page that came by https may not ask for ws
    }
    const { connectMs: ms } = times;
    this.#deadline = setTimeout(() => this.#end({ how: "unanswered", ms }), ms);
  }

  /** Sends messages in the order of these calls; bytes that cannot be read are passed over. */
  send(data: string | Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>): void {
    if (this.#waiting > 0 || data instanceof Promise) this.#sendLater(data);
    else this.#sendNow(data);
  }

  /** Ends it without a word to who listens. Idempotent. */
  close(): void {
    this.#hasEnded = true;
    clearTimeout(this.#deadline);
    clearTimeout(this.#silence);
    const socket = this.#socket;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    // A close handshake over a dead link would take minutes to fail, so none is awaited.
    socket.close(CloseCode.done);
  }

  #listenTo(socket: WebSocket): WebSocket {
    let isOpen = false;
    socket.binaryType = "arraybuffer";
    socket.onerror = () => {}; // its close follows; `ws` throws where nobody listens
    socket.onopen = () => isOpen = true;
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code, reason }) =>
      this.#end(isOpen ? { how: "closed", code, reason } : { how: "refused" });
    return socket;
  }

  #end(end: StreamEnd): void {
    if (this.#hasEnded) return;
    this.close();
    this.#events.ended(end);
  }

  #sendNow(data: string | Uint8Array<ArrayBuffer>): void {
    if (this.#hasEnded) return;
    this.#socket!.send(data);
    this.#watch();
  }

  #sendLater(data: Parameters<Stream["send"]>[0]): void {
    const ready = Promise.resolve(data).catch(() => null);
    this.#waiting++;
    this.#turn = this.#turn.then(async () => {
      const bytes = await ready;
      this.#waiting--;
      if (bytes !== null) this.#sendNow(bytes);
    });
  }

  /** While an answer is due, something must come in time. */
  #watch(): void {
    clearTimeout(this.#silence);
    if (this.#hasEnded || !this.#events.isOwed()) return;
    const { silentMs: ms } = this.#times;
    this.#silence = setTimeout(() => this.#end({ how: "silent", ms }), ms);
  }

  #receive(data: string | ArrayBuffer): void {
    let message: Said | Hello;
    try {
      message = read(data);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#events.malformed(error);
      return this.#watch();
    }
    const bytes = typeof data === "string" ? data.length : data.byteLength; // text is all ASCII
    if (message.type === "hello") {
      clearTimeout(this.#deadline);
      this.#events.hello(message);
    } else this.#events.said(message, bytes);
    this.#watch();
  }
}

function read(data: string | ArrayBuffer): Said | Hello {
  if (typeof data !== "string") return { type: "tracks", tracks: decodeTracks(data) };
  const message = parseServerMessage(data);
  return message.type === "tracks" ? { type: "tracks", tracks: tracksFromJson(message) } : message;
}
