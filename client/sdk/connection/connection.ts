import {
  type ClientMessage,
  CloseCode,
  type Hello,
  type Options,
  parseControl,
  type PartialOptions,
  ProtocolError,
  type ResumeMessage,
  resumeMessage,
  type Stats,
  type StreamState,
  type Tracks,
} from "../../../protocol/mod.ts";
import { type Address, streamAddress } from "./address.ts";
import { Emitter } from "../emitter.ts";
import { Handover } from "./handover.ts";
import { ended, isFinal } from "./ending.ts";
import { LkstreamError } from "./errors.ts";
import { Flight, MAX_UNANSWERED, type Measured } from "./flight.ts";
import { frameMessage, messageBytes } from "./frame_message.ts";
import { type JpegData, jpegData } from "./jpeg_data.ts";
import { growingPauseMs } from "./pause.ts";
import { explainRefusal } from "./refusal.ts";
import { type AnswerTo, outlasts, type RequestMessage, Requests } from "./requests.ts";
import type {
  ConnectionEvents,
  ConnectionState,
  ConnectOptions,
  SendOptions,
} from "./interface.ts";
import { Resuming } from "./resuming.ts";
import type { SentFrame } from "./memory.ts";
import { afterwards, BEGINNING, type Happening, type Past } from "./retry.ts";
import {
  type Said,
  type SocketClass,
  Stream,
  type StreamEnd,
  type StreamEvents,
  type StreamTimes,
} from "./stream.ts";

export type * from "./interface.ts";
export type { JpegData, SocketClass };

const SILENT_MS = 10_000;
const CONNECT_MS = 5000;
/** What a request's number takes in its message, at most. */
const MARK_CHARS = 32;

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
export function connect(
  url: string | URL | readonly (string | URL)[],
  options: ConnectOptions = {},
): Connection {
  return new Connection(url, options);
}

/**
 * A series of streams, seen as one: see {@linkcode connect}. What is to outlast a stream is said
 * again in the next one ({@linkcode Requests}), and when that is tried, what happened decides
 * ({@linkcode afterwards}).
 */
export class Connection extends Emitter<ConnectionEvents> implements Disposable {
  /** The one in use, or to be tried next, comes first; the one that failed last is the last. */
  readonly #addresses: Address[];
  readonly #Socket: SocketClass;
  readonly #hasToken: boolean;
  readonly #times: StreamTimes;
  readonly #pauseMs: (attempt: number) => number;
  readonly #requests = new Requests((message, answer) =>
    this.#resuming.memory.obeyed(message, answer)
  );
  readonly #flight = new Flight();
  readonly #resuming: Resuming;
  #handover: Handover | undefined;
  /** Ends what is asked about a refusal. */
  #asking: AbortController | undefined;
  #state: ConnectionState = { name: "connecting" };
  #stream: Stream | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #past: Past = BEGINNING;
  /** When the session began that is open. */
  #begunAt = 0;
  #nextSeq = 0;
  #hello: Hello | undefined;
  /** Of the `hello` with which the ids began that go on. */
  #epoch: number | undefined;

  constructor(url: string | URL | readonly (string | URL)[], {
    token,
    stream,
    options,
    results = "bin",
    silentMs = SILENT_MS,
    connectMs = CONNECT_MS,
    resume = true,
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
    this.#addresses = [url].flat().map((url) =>
      streamAddress(url as string | URL, results, token, stream)
    );
    if (this.#addresses.length === 0) {
      throw new TypeError("Cannot connect to an empty list of addresses: allowed are one or more");
    }
    this.#hasToken = Boolean(token);
    this.#times = { connectMs, silentMs };
    this.#pauseMs = pauseMs;
    this.#resuming = new Resuming(resume);
    if (options) this.#requests.ask({ type: "configure", ...options });
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

  /**
   * How many frames {@linkcode send} takes now: 0 to 2. In a gap it is 1 from time to time: the frame
   * is kept, and sent once there is a server.
   */
  get free(): number {
    if (this.#isClosed()) return 0;
    if (!this.#resuming.isLive) return this.#resuming.wants(performance.now()) ? 1 : 0;
    return this.#state.name === "open" ? MAX_UNANSWERED - this.#flight.unanswered : 0;
  }

  /** Counts, rates and round trip, as seen from here. */
  measured(): Measured {
    return this.#flight.measured(performance.now());
  }

  /**
   * Sends a frame and returns its number, or null where it was not taken: never yet
   * open, or two frames are still unanswered. Skip the frame then, do not queue it.
   * A Blob is read first; what is sent meanwhile comes after it.
   *
   * @param jpeg a baseline or progressive JPEG, grey or colour
   * @throws {TypeError} for what is none, with what it is and what to send.
   * @throws {LkstreamError} where the message is larger than the server takes.
   */
  send(jpeg: JpegData, { seq, timestamp, reset, spent }: SendOptions = {}): number | null {
    const data = jpegData(jpeg);
    if (this.free <= 0) return null;
    const bytes = messageBytes(data);
    const limit = this.#hello?.limits.maxFrameBytes ?? Infinity;
    if (bytes > limit) {
      throw new LkstreamError(
        "rejected",
        `Cannot send a frame message of ${bytes} bytes: allowed are up to ${limit}`,
      );
    }
    const number = seq ?? this.#nextSeq;
    this.#nextSeq = (number + 1) >>> 0;
    const now = performance.now();
    const isAnew = this.#resuming.isLive && this.#resuming.takeReset();
    const header = { seq: number, timestamp: timestamp ?? now, reset: reset || isAnew };
    const frame = { seq: number, at: now, message: frameMessage(data, header), bytes, spent };
    if (this.#resuming.isLive) this.#sendFrame(frame);
    else if (this.#resuming.keep(frame)) this.emit("anew", { reason: "gap" });
    return number;
  }

  #sendFrame(frame: SentFrame): void {
    this.#resuming.memory.sent(frame);
    this.#give(frame);
  }

  #give({ seq, message, bytes, spent, wasSent }: SentFrame): void {
    const now = performance.now();
    if (wasSent) this.#flight.sentAgain(seq, now, bytes, spent);
    else this.#flight.sent(seq, now, bytes, spent);
    if (message instanceof Promise) {
      message.catch((error: LkstreamError) => {
        this.#failed(seq);
        this.emit("error", error);
      });
    }
    this.#stream!.send(message);
  }

  /** Changes options from the next frame on; they outlast a reconnect. */
  configure(change: PartialOptions): Promise<Options> {
    return this.#ask({ type: "configure", ...change }, ({ options }) => options);
  }

  /** Tracks these points of the last processed frame; their ids come in the same order. */
  add(points: [x: number, y: number][]): Promise<number[]> {
    return this.#ask({ type: "add", points }, ({ ids }) => ids);
  }

  /** Ends these points; resolves when the server did, or has been told where it does not say so. */
  remove(ids: number[]): Promise<void> {
    return this.#ask({ type: "remove", ids }, () => {});
  }

  /** Ends all points and finds new ones; resolves as {@linkcode Connection.remove}. */
  clear(): Promise<void> {
    return this.#ask({ type: "clear" }, () => {});
  }

  /** Keeps points inside these polygons, in pixels; none lifts the mask. Outlasts a reconnect. */
  mask(polygons: [x: number, y: number][][]): Promise<number | null> {
    return this.#ask({ type: "mask", polygons }, ({ share }) => share);
  }

  /** Asks for the session's counters. */
  stats(): Promise<Stats> {
    return this.#ask({ type: "stats" }, (stats) => stats);
  }

  /** Ends the connection for good. Idempotent. */
  close(): void {
    if (this.#state.name !== "closed") this.#end();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #open(): void {
    this.#stream = this.#streamAt({ hello: (hello) => this.#begin(hello) });
  }

  #streamAt(
    events: Pick<StreamEvents, "hello"> & Partial<Pick<StreamEvents, "ended">>,
  ): Stream {
    const [address] = this.#addresses;
    const stream: Stream = new Stream(address, this.#Socket, this.#times, {
      said: (said, bytes) => {
        if (stream !== this.#stream) return this.#heardEarly(said, stream, events);
        this.#hear(said, bytes);
        this.#moveOnOnceQuiet();
      },
      malformed: (error) => void this.#complain(error),
      isOwed: () => this.#flight.unanswered > 0,
      hello: events.hello,
      ended: (end) => {
        this.#turnAway(address);
        if (stream === this.#stream) void this.#streamEnded(end, address);
        else events.ended?.(end);
      },
    });
    return stream;
  }

  /** Its server is not there, or goes: the others are tried first. */
  #turnAway(address: Address): void {
    this.#addresses.splice(this.#addresses.indexOf(address), 1);
    this.#addresses.push(address);
  }

  /** The next server goes too, before its stream was moved to: it is as if it had not come. */
  #heardEarly({ type }: Said, stream: Stream, { ended }: Partial<StreamEvents>): void {
    if (type !== "going") return;
    this.#turnAway(stream.address);
    stream.close();
    ended?.({ how: "closed", code: CloseCode.serverStopping, reason: "" });
  }

  #begin(hello: Hello): void {
    this.#note({ what: "hello" });
    this.#begunAt = performance.now();
    this.#hello = hello;
    const isMarked = hello.features?.includes("request") ?? false;
    for (const message of this.#requests.begin(isMarked)) {
      this.#stream!.send(JSON.stringify(message));
    }
    this.#enter({ name: "open" });
    if (!this.#isClosed()) this.emit("hello", hello); // a listener may have had enough
    if (!this.#isClosed()) void this.#resume(hello);
  }

  /** Asks the stream that begins to go on with what the one before it had. */
  async #resume(hello: Hello): Promise<void> {
    const stream = this.#stream;
    const proposals = this.#resuming.proposals();
    if (proposals.length === 0) {
      this.#epoch = hello.epoch;
      return;
    }
    const agreed = await this.#agree(proposals, hello);
    if (this.#stream !== stream) return; // it ended; the next one is asked
    if (!agreed) this.#epoch = hello.epoch; // its ids begin anew too
    const reason = this.#resuming.isBroken ? "gap" : "server";
    const standing = this.#resuming.agreed(agreed);
    if (standing) this.#give(standing);
    else this.emit("anew", { reason });
  }

  /** The first proposal that the server takes, if it takes any. */
  async #agree(proposals: StreamState[], hello: Hello): Promise<StreamState | undefined> {
    const stream = this.#stream;
    for (const state of hello.features?.includes("resume") ? proposals : []) {
      const message = resumeMessage({ ...state, epoch: hello.epoch && this.#epoch });
      if (!this.#fits(message, hello.limits)) continue; // it would be refused, or end the stream
      try {
        await this.#ask(message, () => {});
        return state;
      } catch {
        if (this.#stream !== stream) break;
      }
    }
  }

  /** Whether a server takes this, and the frame on which points then stand. */
  #fits(message: ResumeMessage, { maxPoints, maxFrameBytes }: Hello["limits"]): boolean {
    const n = message.points.id.length;
    const frame = n > 0 ? this.#resuming.memory.standing!.bytes : 0;
    const text = JSON.stringify(message).length + MARK_CHARS;
    return n <= maxPoints && Math.max(frame, text) <= maxFrameBytes;
  }

  /** Gives the server what waits for its turn after a gap, but for what it does not take. */
  #catchUp(): void {
    const limit = this.#hello?.limits.maxFrameBytes ?? Infinity;
    while (this.#flight.unanswered < MAX_UNANSWERED) {
      const frame = this.#resuming.next();
      if (!frame) break;
      if (frame.bytes <= limit) this.#sendFrame(frame);
    }
  }

  async #streamEnded(end: StreamEnd, { url }: Address): Promise<void> {
    const wasOpen = this.#state.name === "open";
    this.#stream = undefined;
    if (this.#handover?.hasArrived) return this.#moveOn();
    this.#stay();
    if (end.how === "refused") {
      this.#asking = new AbortController();
      const { error, isFinal } = await explainRefusal(url, this.#hasToken, this.#asking);
      if (this.#isClosed()) return; // while it was being explained
      return this.#goOn({ what: "refused", error, isFinal }, error);
    }
    const lastedMs = wasOpen ? performance.now() - this.#begunAt : 0;
    const error = ended(end, new URL(url).host);
    this.#goOn({ what: "ended", isFinal: isFinal(end), lastedMs }, error);
  }

  /** The server goes: the next stream is opened before this one is left. */
  #going(): void {
    if (this.#handover || !this.#resuming.isOn) return;
    this.#turnAway(this.#stream!.address);
    this.#handover = new Handover(
      (events) => this.#streamAt(events),
      this.#pauseMs,
      () => this.#moveOnOnceQuiet(),
    );
  }

  /** Everything that the stream owes is waited for, so nothing is lost. */
  #moveOnOnceQuiet(): void {
    if (!this.#handover?.hasArrived) return;
    this.#resuming.leave(); // frames wait for the next stream from now on
    if (this.#flight.unanswered > 0 || this.#requests.isWaiting) return;
    this.#stream?.close();
    this.#moveOn();
  }

  #moveOn(): void {
    const { stream, hello } = this.#handover!.take()!;
    this.#handover = undefined;
    this.#interrupt(new LkstreamError("disconnected", "The server is stopping"));
    this.#stream = stream;
    this.#begin(hello);
  }

  /** There is no other stream to go to. */
  #stay(): void {
    this.#handover?.close();
    this.#handover = undefined;
  }

  #interrupt(error: LkstreamError): void {
    this.#resuming.ended(performance.now());
    this.#flight.clear();
    this.#requests.interrupt(error);
  }

  /** Without a stream: tries again after a pause, unless that makes no sense. */
  #goOn(happening: Happening, error: LkstreamError): void {
    if (this.#note(happening)) return this.#end(error);
    this.#interrupt(error);
    const { attempt } = this.#past;
    const inMs = this.#pauseMs(Math.ceil(attempt / this.#addresses.length));
    this.#retry = setTimeout(() => this.#again(), inMs);
    this.#enter({ name: "reconnecting", attempt, inMs, error });
  }

  /** True where it is over. */
  #note(happening: Happening): boolean {
    const { past, isOver } = afterwards(this.#past, happening);
    this.#past = past;
    return isOver;
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
    this.#retry = undefined;
    globalThis.removeEventListener?.("online", this.#online);
    this.#stay();
    this.#asking?.abort();
    this.#stream?.close();
    this.#stream = undefined;
    this.#flight.clear();
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

  /** @returns `value` of the answer; it may be ignored: errors are also events */
  #ask<N extends ClientMessage["type"], T>(
    message: RequestMessage<N>,
    value: (answer: AnswerTo<N>) => T,
  ): Promise<T> {
    const refusal = this.#refusal(message);
    const asked = (refusal ? Promise.reject(refusal) : this.#request(message)).then(value);
    asked.catch(() => {});
    return asked;
  }

  /** Sends it; what outlasts a session waits for the next one where there is none. */
  #request<N extends ClientMessage["type"]>(message: RequestMessage<N>): Promise<AnswerTo<N>> {
    const { sent, answer } = this.#requests.ask(message);
    if (this.#state.name === "open") this.#stream!.send(JSON.stringify(sent));
    return answer;
  }

  /** What has the wrong form stays here. */
  #refusal(message: RequestMessage): LkstreamError | undefined {
    try {
      parseControl(JSON.stringify(message));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return this.#complain(error);
    }
    const { name } = this.#state;
    if (name === "open" || name !== "closed" && outlasts(message)) return undefined;
    return new LkstreamError(
      "disconnected",
      `Cannot send ${message.type} while ${name}: the connection must be open`,
    );
  }

  /** What does not follow the protocol, on this side or the other, is an error event. */
  #complain({ code, message }: ProtocolError): LkstreamError {
    const complaint = new LkstreamError(code, message);
    this.emit("error", complaint);
    return complaint;
  }

  #hear(said: Said, bytes: number): void {
    switch (said.type) {
      case "engine":
        if (this.#hello) this.#hello = { ...this.#hello, engine: said.engine };
        return this.emit("engine", said.engine);
      case "tracks":
        return this.#answered(said.tracks, bytes);
      case "configured":
        this.#requests.answered(said);
        return this.emit("configured", said.options);
      case "added":
        this.#requests.answered(said);
        return this.emit("added", said.ids);
      case "masked":
        this.#requests.answered(said);
        return this.emit("masked", said.share);
      case "stats":
        this.#requests.answered(said);
        return this.emit("stats", said);
      case "going":
        return this.#going();
      case "done":
      case "resumed":
        return this.#requests.answered(said);
      case "error": {
        const error = new LkstreamError(said.code, said.message, said.seq);
        if (said.seq === undefined) this.#requests.failed(error, said.request);
        else this.#failed(said.seq);
        return this.emit("error", error);
      }
      default:
        said satisfies never; // where it is of a later version, it is passed over
    }
  }

  #answered(tracks: Tracks, bytes: number): void {
    this.#note({ what: "tracks" });
    const now = performance.now();
    const heard = this.#resuming.answered(tracks, now);
    if (!heard) this.#flight.answeredAgain(tracks.seq);
    const times = heard && this.#flight.answered(heard, now, bytes);
    this.#catchUp();
    const resumed = this.#resuming.caughtUp(now);
    if (heard) this.emit("tracks", heard);
    if (times) this.emit("frame", times);
    if (resumed) this.emit("resumed", resumed);
  }

  #failed(seq: number): void {
    this.#flight.failed(seq);
    const isAnew = this.#resuming.failed(seq);
    this.#catchUp();
    const resumed = this.#resuming.caughtUp(performance.now());
    this.#moveOnOnceQuiet();
    if (isAnew) this.emit("anew", { reason: "server" });
    if (resumed) this.emit("resumed", resumed);
  }
}
