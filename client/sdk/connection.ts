import {
  type ClientMessage,
  CloseCode,
  decodeTracks,
  encodeFrame,
  type Hello,
  type Options,
  parseServerMessage,
  type PartialOptions,
  ProtocolError,
  type ResultForm,
  type ServerMessage,
  type Stats,
  type Tracks,
  tracksFromJson,
} from "../../protocol/mod.ts";
import { type Address, streamAddress } from "./address.ts";
import { Emitter } from "./emitter.ts";
import { ended, isFinal } from "./ending.ts";
import { LkstreamError } from "./errors.ts";
import { Flight, type Measured } from "./flight.ts";
import { pauseMs } from "./pause.ts";
import { explainRefusal } from "./refusal.ts";
import { Requests } from "./requests.ts";

/** How {@linkcode connect} connects; all of it may be left out. */
export interface ConnectOptions {
  /** For a server that was started with one. */
  token?: string;
  /** Tracking options to begin with; the others have their defaults. */
  options?: PartialOptions;
  /** How tracks travel: binary columns, the default, or JSON. The `tracks` event is the same. */
  results?: ResultForm;
}

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
  tracks: Tracks;
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
}

/** Refusals that another try does not change. */
const FINAL_REFUSALS: ReadonlySet<string> = new Set(["unauthorized", "forbidden"]);

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
  readonly #requests = new Requests();
  readonly #flight = new Flight();
  #state: ConnectionState = { name: "connecting" };
  #socket: WebSocket | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  #nextSeq = 0;
  #hello: Hello | undefined;

  constructor(url: string | URL, { token, options, results = "bin" }: ConnectOptions = {}) {
    super();
    this.#address = streamAddress(url, results, token);
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
    return this.#state.name === "open" ? this.#flight.free(performance.now()) : 0;
  }

  /** Counts, rates and round trip, as seen from here. */
  measured(): Measured {
    return this.#flight.measured(performance.now());
  }

  /**
   * Sends a frame and returns its number, or null where it was not taken: not
   * open, or two frames are still unanswered. Skip the frame then, do not queue it.
   */
  send(jpeg: Uint8Array, { seq, timestamp, reset }: SendOptions = {}): number | null {
    if (this.free <= 0) return null;
    const limit = this.#hello?.limits.maxFrameBytes ?? Infinity;
    if (jpeg.length > limit) {
      throw new LkstreamError(
        "rejected",
        `Cannot send a frame of ${jpeg.length} bytes: allowed are up to ${limit}`,
      );
    }
    const number = seq ?? this.#nextSeq;
    this.#nextSeq = (number + 1) >>> 0;
    const now = performance.now();
    this.#socket!.send(encodeFrame({ seq: number, timestamp: timestamp ?? now, reset, jpeg }));
    this.#flight.sent(number, now);
    return number;
  }

  /** Changes options from the next frame on; they outlast a reconnect. */
  configure(change: PartialOptions): Promise<Options> {
    this.#say({ type: "configure", ...change });
    return this.#requests.wait({ type: "configure", ...change });
  }

  /** Tracks these points of the last processed frame; their ids come in the same order. */
  add(points: [x: number, y: number][]): Promise<number[]> {
    if (!this.#say({ type: "add", points })) return this.#notOpen("add points");
    return this.#requests.wait({ type: "add", points });
  }

  /** Ends these points. */
  remove(ids: number[]): void {
    this.#say({ type: "remove", ids });
  }

  /** Ends all points and finds new ones. */
  clear(): void {
    this.#say({ type: "clear" });
  }

  /** Keeps points inside these polygons, in pixels; none lifts the mask. Outlasts a reconnect. */
  mask(polygons: [x: number, y: number][][]): Promise<number | null> {
    this.#say({ type: "mask", polygons });
    return this.#requests.wait({ type: "mask", polygons });
  }

  /** Asks for the session's counters. */
  stats(): Promise<Stats> {
    if (!this.#say({ type: "stats" })) return this.#notOpen("ask for stats");
    return this.#requests.wait({ type: "stats" });
  }

  /** Ends the connection for good. Idempotent. */
  close(): void {
    if (this.#state.name !== "closed") this.#end();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #open(): void {
    const socket = new WebSocket(this.#address.url, this.#address.protocols);
    socket.binaryType = "arraybuffer";
    let opened = false;
    socket.onopen = () => {
      opened = true;
      for (const message of this.#requests.messages()) socket.send(JSON.stringify(message));
      this.#enter({ name: "open" });
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code, reason }) => void this.#lost(opened, code, reason);
    this.#socket = socket;
  }

  async #lost(opened: boolean, code: number, reason: string): Promise<void> {
    if (this.#state.name === "closed") return;
    this.#socket = undefined;
    const error = opened ? ended(code, reason) : await explainRefusal(this.#address.url);
    if (this.#isClosed()) return; // while it was being explained
    if (isFinal(code) || FINAL_REFUSALS.has(error.code)) return this.#end(error);
    this.#flight.clear();
    this.#requests.interrupt(error);
    const inMs = pauseMs(++this.#attempt);
    this.#retry = setTimeout(() => this.#again(), inMs);
    this.#enter({ name: "reconnecting", attempt: this.#attempt, inMs, error });
  }

  #again(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#enter({ name: "connecting" });
    this.#open();
  }

  /** The network is back: no reason to sit out the pause. */
  readonly #online = (): void => {
    if (this.#retry !== undefined) this.#again();
  };

  #end(error?: LkstreamError): void {
    clearTimeout(this.#retry);
    globalThis.removeEventListener?.("online", this.#online);
    this.#flight.clear();
    this.#requests.close(error ?? new LkstreamError("disconnected", "The connection was closed"));
    this.#enter({ name: "closed", error });
    this.#socket?.close(CloseCode.done);
    this.#socket = undefined;
  }

  #enter(state: ConnectionState): void {
    this.#state = state;
    this.emit("state", state);
  }

  #isClosed(): boolean {
    return this.#state.name === "closed";
  }

  #say(message: ClientMessage): boolean {
    if (this.#state.name !== "open") return false;
    this.#socket!.send(JSON.stringify(message));
    return true;
  }

  #notOpen(action: string): Promise<never> {
    const refused = Promise.reject(
      new LkstreamError(
        "disconnected",
        `Cannot ${action} while ${this.#state.name}: the connection must be open`,
      ),
    );
    refused.catch(() => {});
    return refused;
  }

  #receive(data: string | ArrayBuffer): void {
    if (this.#isClosed()) return;
    try {
      if (typeof data === "string") this.#understand(parseServerMessage(data));
      else this.#answered(decodeTracks(data));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.emit("error", new LkstreamError(error.code, error.message));
    }
  }

  #understand(message: ServerMessage): void {
    switch (message.type) {
      case "hello":
        this.#attempt = 0;
        this.#hello = message;
        return this.emit("hello", message);
      case "tracks":
        return this.#answered(tracksFromJson(message));
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

  #answered(tracks: Tracks): void {
    this.#flight.answered(tracks.seq, tracks.dropped, performance.now());
    this.emit("tracks", tracks);
  }

  #failed(error: LkstreamError): void {
    if (error.seq === undefined) this.#requests.fail(error);
    else this.#flight.failed(error.seq);
    this.emit("error", error);
  }
}
