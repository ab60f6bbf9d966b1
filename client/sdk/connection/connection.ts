import {
  type ClientMessage,
  CloseCode,
  decodeTracks,
  encodeFrame,
  type EngineInfo,
  type Hello,
  type Options,
  parseControl,
  parseServerMessage,
  type PartialOptions,
  ProtocolError,
  type ResultForm,
  type ServerMessage,
  type Stats,
  type Tracks,
  tracksFromJson,
} from "../../../protocol/mod.ts";
import { type Address, streamAddress } from "./address.ts";
import { Capture, type CaptureOptions } from "../capture/capture.ts";
import { Emitter } from "../emitter.ts";
import { ended, isFinal } from "./ending.ts";
import { LkstreamError } from "./errors.ts";
import type { Attachable } from "../capture/frames.ts";
import type { FrameTimes, Spent } from "./frame_times.ts";
import { Flight, MAX_UNANSWERED, type Measured } from "./flight.ts";
import { growingPauseMs } from "./pause.ts";
import { explainRefusal } from "./refusal.ts";
import { type Answers, outlasts, type RequestMessage, Requests } from "./requests.ts";

/** How {@linkcode connect} connects; all of it may be left out. */
export interface ConnectOptions {
  /** For a server that was started with one. */
  token?: string;
  /** Tracking options to begin with; the others have their defaults. */
  options?: PartialOptions;
  /** How tracks travel: binary columns, the default, or JSON. The `tracks` event is the same. */
  results?: ResultForm;
  /** A link on which nothing comes for so long while frames are unanswered is dead; 10 s by default. */
  silentMs?: number;
  /** How long to wait before the n-th try to reconnect, from 1; 0.5 s growing to 10 s by default. */
  pauseMs?: (attempt: number) => number;
  /** A class like the platform's `WebSocket`, where there is none: that of the package `ws`. */
  WebSocket?: SocketClass;
}

/** What a connection needs of a `WebSocket` class; its events are taken as the platform's. */
export type SocketClass = new (
  url: string,
  protocols: string[],
) => Pick<WebSocket, "send" | "close">;

/** Where a connection stands. */
export type ConnectionState =
  | { name: "connecting" }
  | { name: "open" }
  | { name: "reconnecting"; attempt: number; inMs: number; error: LkstreamError }
  | { name: "closed"; error?: LkstreamError };

/** Events of a {@linkcode Connection}. */
export interface ConnectionEvents {
  state: ConnectionState;
  hello: Hello;
  /** Another engine goes on in the server; its `reason` says why. All points begin anew. */
  engine: EngineInfo;
  tracks: Tracks;
  /** Where the time of the frame went whose tracks came just before. */
  frame: FrameTimes;
  configured: Options;
  added: number[];
  /** Share of the frame that is allowed; null before the first frame. */
  masked: number | null;
  stats: Stats;
  error: LkstreamError;
}

/** A frame's number and time, and whether tracking begins anew with it. */
export interface SendOptions {
  /** The next number if left out. */
  seq?: number;
  /** The client's clock in milliseconds; `performance.now()` if left out. */
  timestamp?: number;
  reset?: boolean;
  /** Comes back in the `frame` event. */
  spent?: Spent;
}

const SILENT_MS = 10_000;
/** A session that lasted so long was a good one, even without a frame. */
const STEADY_MS = 5000;

/**
 * Connects to an lkstream server and stays connected: a stream that ends is
 * opened again, with growing pauses, until {@linkcode Connection.close}.
 *
 * ```ts
 * using connection = connect("http://localhost:8000");
 * connection.on("tracks", ({ seq, points }) => console.log(seq, points.xy));
 * connection.send(jpeg);
 * ```
 */
export function connect(url: string | URL, options: ConnectOptions = {}): Connection {
  return new Connection(url, options);
}

/** A session with the server; see {@linkcode connect}. */
export class Connection extends Emitter<ConnectionEvents> implements Disposable {
  readonly #address: Address;
  readonly #Socket: SocketClass;
  readonly #hasToken: boolean;
  readonly #silentMs: number;
  readonly #pauseMs: (attempt: number) => number;
  readonly #requests = new Requests();
  readonly #flight = new Flight();
  #state: ConnectionState = { name: "connecting" };
  #socket: WebSocket | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  /** What a refusal looked like; so again, it is believed. */
  #suspicion: string | undefined;
  #attempt = 0;
  #nextSeq = 0;
  #hello: Hello | undefined;

  constructor(url: string | URL, {
    token,
    options,
    results = "bin",
    silentMs = SILENT_MS,
    pauseMs = growingPauseMs,
    WebSocket = globalThis.WebSocket,
  }: ConnectOptions = {}) {
    super();
    if (!WebSocket) {
      throw new TypeError(
        "Cannot connect without WebSocket: allowed are platforms that have it, " +
          "as Node from 22, or a class as the option WebSocket",
      );
    }
    this.#Socket = WebSocket;
    this.#address = streamAddress(url, results, token);
    this.#hasToken = Boolean(token);
    this.#silentMs = silentMs;
    this.#pauseMs = pauseMs;
    if (options) this.#requests.wait({ type: "configure", ...options });
    globalThis.addEventListener?.("online", this.#online);
    this.#open();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** What the server said first: engine, limits, options. Undefined until then. */
  get hello(): Hello | undefined {
    return this.#hello;
  }

  /** How many frames {@linkcode send} takes now: 0 to 2, and 0 unless open. */
  get free(): number {
    return this.#state.name === "open" ? MAX_UNANSWERED - this.#flight.unanswered : 0;
  }

  /** Counts, rates and round trip, as seen from here. */
  measured(): Measured {
    return this.#flight.measured(performance.now());
  }

  /**
   * Sends a frame and returns its number, or null where it was not taken: not
   * open, or two frames are still unanswered. Skip the frame then, do not queue it.
   *
   * @throws {LkstreamError} where the message is larger than the server takes.
   */
  send(jpeg: Uint8Array, { seq, timestamp, reset, spent }: SendOptions = {}): number | null {
    if (this.free <= 0) return null;
    const number = seq ?? this.#nextSeq;
    const now = performance.now();
    const message = encodeFrame({ seq: number, timestamp: timestamp ?? now, reset, jpeg });
    const limit = this.#hello?.limits.maxFrameBytes ?? Infinity;
    if (message.length > limit) {
      throw new LkstreamError(
        "rejected",
        `Cannot send a frame message of ${message.length} bytes: allowed are up to ${limit}`,
      );
    }
    this.#nextSeq = (number + 1) >>> 0;
    this.#socket!.send(message);
    this.#flight.sent(number, now, message.length, spent);
    this.#listen();
    return number;
  }

  /**
   * Sends what a video, canvas or track shows, until the capture is closed. As
   * {@linkcode capture}; each can be closed and attached anew.
   */
  attach(source: Attachable, options?: CaptureOptions): Capture {
    return new Capture(source, this, options);
  }

  /** Changes options from the next frame on; they outlast a reconnect. */
  configure(change: PartialOptions): Promise<Options> {
    return this.#ask({ type: "configure", ...change });
  }

  /** Tracks these points of the last processed frame; their ids come in the same order. */
  add(points: [x: number, y: number][]): Promise<number[]> {
    return this.#ask({ type: "add", points });
  }

  /** Ends these points. */
  remove(ids: number[]): void {
    this.#tell({ type: "remove", ids });
  }

  /** Ends all points and finds new ones. */
  clear(): void {
    this.#tell({ type: "clear" });
  }

  /** Keeps points inside these polygons, in pixels; none lifts the mask. Outlasts a reconnect. */
  mask(polygons: [x: number, y: number][][]): Promise<number | null> {
    return this.#ask({ type: "mask", polygons });
  }

  /** Asks for the session's counters. */
  stats(): Promise<Stats> {
    return this.#ask({ type: "stats" });
  }

  /** Ends the connection for good. Idempotent. */
  close(): void {
    if (this.#state.name !== "closed") this.#end();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #open(): void {
    const { url, protocols } = this.#address;
    const socket = new this.#Socket(url, protocols) as WebSocket;
    socket.binaryType = "arraybuffer";
    socket.onerror = () => {}; // its close follows; `ws` throws where nobody listens
    let openedAt: number | undefined;
    socket.onopen = () => {
      openedAt = performance.now();
      this.#suspicion = undefined;
      for (const message of this.#requests.begin()) socket.send(JSON.stringify(message));
      this.#enter({ name: "open" });
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code, reason }) => {
      if (openedAt === undefined) return void this.#refused();
      if (performance.now() - openedAt > STEADY_MS) this.#attempt = 0;
      this.#lost(ended(code, reason), isFinal(code));
    };
    this.#socket = socket;
  }

  /** No session began. Who was let in once is right and only has to come again. */
  async #refused(): Promise<void> {
    const { error, isFinal } = await explainRefusal(this.#address.url, this.#hasToken);
    if (this.#isClosed()) return; // while it was being explained
    const isSure = isFinal === "yes" || isFinal === "probably" && this.#suspicion === error.code;
    this.#suspicion = error.code;
    this.#lost(error, isSure && this.#hello === undefined);
  }

  #lost(error: LkstreamError, isFinal: boolean): void {
    this.#socket = undefined;
    if (isFinal) return this.#end(error);
    this.#flight.clear();
    this.#listen();
    this.#requests.interrupt(error);
    const inMs = this.#pauseMs(++this.#attempt);
    this.#retry = setTimeout(() => this.#again(), inMs);
    this.#enter({ name: "reconnecting", attempt: this.#attempt, inMs, error });
  }

  /** While frames are unanswered, something must come in time. */
  #listen(): void {
    clearTimeout(this.#silence);
    if (this.#flight.unanswered === 0) return;
    this.#silence = setTimeout(() => this.#cut(), this.#silentMs);
  }

  /** The link is dead. A close handshake over it would take minutes to fail, so none is awaited. */
  #cut(): void {
    this.#abandon();
    const silence = `Nothing came from the server for ${this.#silentMs / 1000} s`;
    this.#lost(new LkstreamError("disconnected", silence), false);
  }

  #abandon(): void {
    const socket = this.#socket;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(CloseCode.done);
    this.#socket = undefined;
  }

  #again(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#enter({ name: "connecting" });
    if (!this.#isClosed()) this.#open(); // a listener may have had enough
  }

  /** The network is back: no reason to sit out the pause. */
  readonly #online = (): void => {
    if (this.#retry !== undefined) this.#again();
  };

  #end(error?: LkstreamError): void {
    clearTimeout(this.#retry);
    globalThis.removeEventListener?.("online", this.#online);
    this.#flight.clear();
    this.#listen();
    this.#abandon();
    this.#requests.close(error ?? new LkstreamError("disconnected", "The connection was closed"));
    this.#enter({ name: "closed", error });
  }

  #enter(state: ConnectionState): void {
    this.#state = state;
    this.emit("state", state);
  }

  #isClosed(): boolean {
    return this.#state.name === "closed";
  }

  /** Sends a request; what outlasts a session waits for the next one where there is none. */
  #ask<N extends keyof Answers>(message: RequestMessage<N>): Promise<Answers[N]> {
    const refusal = this.#tell(message);
    if (!refusal || refusal.code === "disconnected" && outlasts(message) && !this.#isClosed()) {
      return this.#requests.wait(message);
    }
    const refused = Promise.reject(refusal);
    refused.catch(() => {}); // it may be ignored
    return refused;
  }

  /**
   * Sends a control message, or returns why not. What has the wrong form stays
   * here: the server's error does not say which message it is about, and could
   * be taken for the answer to another.
   */
  #tell(message: ClientMessage): LkstreamError | undefined {
    const text = JSON.stringify(message);
    try {
      parseControl(text);
    } catch (error) {
      return this.#complain(error);
    }
    if (this.#state.name === "open") return void this.#socket!.send(text);
    return new LkstreamError(
      "disconnected",
      `Cannot send ${message.type} while ${this.#state.name}: the connection must be open`,
    );
  }

  #receive(data: string | ArrayBuffer): void {
    if (this.#isClosed()) return;
    try {
      if (typeof data === "string") this.#understand(parseServerMessage(data), data.length);
      else this.#answered(decodeTracks(data), data.byteLength);
    } catch (error) {
      this.#complain(error);
    } finally {
      this.#listen();
    }
  }

  /** What does not follow the protocol is an error event. */
  #complain(error: unknown): LkstreamError {
    if (!(error instanceof ProtocolError)) throw error;
    const complaint = new LkstreamError(error.code, error.message);
    this.emit("error", complaint);
    return complaint;
  }

  #understand(message: ServerMessage, length: number): void {
    switch (message.type) {
      case "hello":
        this.#hello = message;
        return this.emit("hello", message);
      case "engine":
        if (this.#hello) this.#hello = { ...this.#hello, engine: message.engine };
        return this.emit("engine", message.engine);
      case "tracks":
        return this.#answered(tracksFromJson(message), length); // it is all ASCII
      case "configured":
        this.#requests.answer("configure", message.options);
        return this.emit("configured", message.options);
      case "added":
        this.#requests.answer("add", message.ids);
        return this.emit("added", message.ids);
      case "masked":
        this.#requests.answer("mask", message.share);
        return this.emit("masked", message.share);
      case "stats":
        this.#requests.answer("stats", message);
        return this.emit("stats", message);
      case "error":
        return this.#failed(new LkstreamError(message.code, message.message, message.seq));
    }
  }

  #answered(tracks: Tracks, bytes: number): void {
    this.#attempt = 0;
    const times = this.#flight.answered(tracks, performance.now(), bytes);
    this.emit("tracks", tracks);
    if (times) this.emit("frame", times);
  }

  #failed(error: LkstreamError): void {
    if (error.seq === undefined) this.#requests.fail(error);
    else this.#flight.failed(error.seq);
    this.emit("error", error);
  }
}
