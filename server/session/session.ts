import { setImmediate } from "node:timers";
import {
  type Answer,
  CloseCode,
  type ControlMessage,
  decodeFrame,
  defaultOptions,
  encodeTracks,
  type EngineInfo,
  type ErrorCode,
  FEATURES,
  type FrameMessage,
  jpegSize,
  mergeOptions,
  parseControl,
  ProtocolError,
  type RequestId,
  requestOf,
  type ResultForm,
  type ServerMessage,
  type Tracks,
  tracksToJson,
} from "../../protocol/mod.ts";
import { Allowance } from "./allowance.ts";
import {
  DeadlineError,
  EngineError,
  type FlowSequence,
  FrameError,
} from "../../tracking/engine.ts";
import { Inbox } from "./inbox.ts";
import { type ServerLimits, toldLimits } from "../limits.ts";
import type { Load } from "../load.ts";
import type { Log } from "../log.ts";
import type { DropReason, Metrics } from "../metrics.ts";
import { SessionStats } from "./session_stats.ts";
import { Tracker } from "../../tracking/tracker.ts";

/** What a session needs of a WebSocket. */
export interface SessionSocket {
  /** Bytes that were sent and have not left this process. */
  readonly bufferedAmount: number;
  /** `done` is called when the message has left this process, or never will. */
  send(data: string | Uint8Array, done: () => void): void;
  close(code: number, reason: string): void;
  /** Stops reading from the client. */
  pause(): void;
  resume(): void;
}

export interface SessionContext {
  id: string;
  /** Name and version, as told in `hello`. */
  server: string;
  engine: EngineInfo;
  limits: ServerLimits;
  results: ResultForm;
  log: Log;
  metrics: Metrics;
  load: Load;
}

/** While more than this waits for a reader that does not drain, nothing is worked on. */
const MAX_BUFFERED_BYTES = 1 << 20;
/** So many errors without a success between them end the session. */
const MAX_ERRORS_IN_A_ROW = 20;
/** A flood of errors ends it too, whatever succeeds between them: past this share of the control messages allowed a second. */
const ERRORS_OF_CONTROLS = 1 / 4;
/** What takes as long as a small control message: reading so many characters, parsing so many values, painting so many pixels of a mask. */
const CHARS_AS_A_CONTROL = 10_000;
const VALUES_AS_A_CONTROL = 1000;
const PIXELS_AS_A_CONTROL = 100_000;
/** Control messages are obeyed one after the other for no longer than this. */
const TURN_MS = 5;

interface Received extends FrameMessage {
  seq: number;
  /** performance.now() at receipt. */
  at: number;
}

/**
 * One connection: newest frame in, tracks out. Works on one message at a time,
 * in the order sent; a waiting frame gives way to a newer one.
 */
export class Session {
  readonly stats = new SessionStats();
  readonly #socket: SessionSocket;
  readonly #context: SessionContext;
  readonly #tracker: Tracker;
  readonly #inbox = new Inbox<Received>();
  readonly #frameRate: Allowance;
  readonly #controlRate: Allowance;
  readonly #errorRate: Allowance;
  #lastSeq = -1;
  #dropped = 0;
  #errorsInARow = 0;
  #working = false;
  #paused = false;
  /** Runs while a frame waits because others came too fast before it. */
  #pacing: ReturnType<typeof setTimeout> | undefined;
  /** Live points as `metrics` counts them. */
  #livePoints = 0;
  #closing: Promise<void> | null = null;
  #idle: () => void = () => {};

  constructor(socket: SessionSocket, sequence: FlowSequence, context: SessionContext) {
    this.#socket = socket;
    this.#context = context;
    this.#tracker = new Tracker(sequence, defaultOptions(), context.limits.maxPoints);
    this.#frameRate = new Allowance(context.limits.maxFrameRate);
    const { maxControlRate } = context.limits;
    this.#controlRate = new Allowance(maxControlRate);
    this.#errorRate = new Allowance(
      Math.max(2 * MAX_ERRORS_IN_A_ROW, ERRORS_OF_CONTROLS * maxControlRate),
    );
    this.#send({
      type: "hello",
      protocol: "lkstream.v1",
      server: context.server,
      session: context.id,
      engine: context.engine,
      options: this.#tracker.options,
      limits: toldLimits(context.limits),
      features: FEATURES,
    });
  }

  /** Takes a binary message: a frame. Keeps a view of `bytes` until the frame is done. */
  receiveBinary(bytes: Uint8Array): void {
    if (this.#closing) return;
    let frame: FrameMessage;
    try {
      frame = decodeFrame(bytes);
    } catch (error) {
      this.#end(CloseCode.notAFrame, (error as ProtocolError).message);
      return;
    }
    this.stats.received++;
    this.#context.metrics.framesReceived.inc();
    this.#context.metrics.bytesReceived.inc(bytes.length);
    this.#lastSeq = frame.seq ?? (this.#lastSeq + 1) >>> 0;
    const received = { ...frame, seq: this.#lastSeq, at: performance.now() };
    const replaced = this.#inbox.putFrame(received);
    if (replaced) {
      received.reset ||= replaced.reset; // the client counts on it
      this.#dropped++;
      this.#countDropped(this.#isLagging ? "slow_reader" : this.#pacing ? "rate" : "newer");
    }
    this.#wake();
  }

  /** Takes a text message: a control message. */
  receiveText(text: string): void {
    if (this.#closing) return;
    this.#context.metrics.controls.inc();
    this.#inbox.putControl(text);
    this.#wake();
  }

  /** Tells that another engine goes on; its `reason` says why. */
  engineChanged(engine: EngineInfo): void {
    if (!this.#closing) this.#send({ type: "engine", engine });
  }

  /** Tells that this server stops, and serves the session for `seconds` more. */
  going(seconds: number): void {
    if (!this.#closing) this.#send({ type: "going", seconds });
  }

  /**
   * Ends the session: answers the frame in work, closes the socket with `code`
   * and frees the sequence. Idempotent.
   */
  close(code: number = CloseCode.done, reason = ""): Promise<void> {
    return this.#closing ??= this.#shutDown(code, reason);
  }

  async #shutDown(code: number, reason: string): Promise<void> {
    clearTimeout(this.#pacing);
    if (this.#working) await new Promise<void>((idle) => this.#idle = idle);
    for (let left = this.#inbox.frames; left > 0; left--) this.#countDropped("closed");
    this.#countPoints(0);
    if (this.#paused) this.#socket.resume(); // or the client's close frame is never read
    this.#socket.close(code, reason);
    await this.#tracker.sequence[Symbol.asyncDispose]();
  }

  #end(code: number, reason: string): void {
    // A close frame carries at most 123 bytes of reason.
    this.close(code, reason.slice(0, 120)).catch((error) =>
      this.#context.log("session_close_failed", { session: this.#context.id, error: `${error}` })
    );
  }

  #wake(): void {
    if (!this.#paused && this.#inbox.isFull) {
      this.#paused = true;
      this.#socket.pause();
    }
    if (!this.#working) this.#work();
  }

  /** Works until nothing waits or the reader lags; what is sent wakes it again. */
  async #work(): Promise<void> {
    this.#working = true;
    let turn = performance.now();
    while (!this.#closing && !this.#isLagging && !this.#isTooFast()) {
      const next = this.#inbox.take();
      if (next === undefined) break;
      if (this.#paused && !this.#inbox.isFull) {
        this.#paused = false;
        this.#socket.resume();
      }
      if (typeof next === "string") {
        this.#obey(next);
      } else {
        await this.#processFrame(next);
      }
      // other sessions have their turn, but a frame is not made to give way to the next for that
      if (performance.now() - turn > TURN_MS && this.#inbox.isControlNext) {
        await new Promise((others) => setImmediate(others));
        turn = performance.now();
      }
    }
    this.#working = false;
    this.#idle();
  }

  /** The client does not read its results. */
  get #isLagging(): boolean {
    return this.#socket.bufferedAmount > MAX_BUFFERED_BYTES;
  }

  /** True where a frame comes next and has to wait; then its time wakes the session. */
  #isTooFast(): boolean {
    if (!this.#inbox.isFrameNext) return false;
    const ms = this.#frameRate.waitMs(performance.now());
    if (ms === 0) return false;
    this.#pacing ??= setTimeout(() => {
      this.#pacing = undefined;
      if (!this.#working) this.#work();
    }, ms);
    return true;
  }

  #countDropped(reason: DropReason): void {
    this.stats.dropped++;
    this.#context.metrics.framesDropped.inc({ reason });
  }

  #countPoints(live: number): void {
    this.#context.metrics.points.inc(live - this.#livePoints);
    this.#livePoints = live;
  }

  async #processFrame(frame: Received): Promise<void> {
    const started = performance.now();
    this.#frameRate.take(started);
    try {
      this.#checkPixels(frame.jpeg);
      const step = await this.#tracker.process(frame.jpeg, frame.reset);
      const now = performance.now();
      const tracks: Tracks = {
        ...step,
        seq: frame.seq,
        timestamp: frame.timestamp,
        dropped: this.#dropped,
        timing: { ...step.timing, queue: started - frame.at, server: now - frame.at },
      };
      this.#dropped = 0;
      this.#errorsInARow = 0;
      this.stats.count(tracks);
      this.#context.metrics.processed(tracks);
      this.#context.load.queued(tracks.timing.queue);
      this.#countPoints(tracks.points.id.length);
      this.#send(
        this.#context.results === "bin" ? encodeTracks(tracks) : tracksToJson(tracks),
      );
    } catch (error) {
      this.stats.failed++;
      this.#sendError(error, { seq: frame.seq });
    }
    this.#chargeMask(this.#frameRate); // a new size has it painted anew
  }

  #checkPixels(jpeg: Uint8Array): void {
    const { width, height } = jpegSize(jpeg);
    const { maxFramePixels } = this.#context.limits;
    if (width * height > maxFramePixels) {
      throw new FrameError(
        "frame_too_large",
        `Cannot take a frame of ${width}×${height} pixels: allowed are ${maxFramePixels} in all`,
      );
    }
  }

  #obey(text: string): void {
    if (!this.#takeControl(text.length)) {
      return this.#sendError(this.#tooManyControls(), { request: requestOf(text) });
    }
    let request: RequestId | undefined;
    try {
      const message = parseControl(
        text,
        (values) => this.#controlRate.charge(values / VALUES_AS_A_CONTROL),
      );
      request = message.request;
      const answer = this.#answer(message);
      this.#errorsInARow = 0;
      if (answer.type !== "done" || request !== undefined) this.#send({ ...answer, request });
    } catch (error) {
      if (error instanceof ProtocolError) request ??= error.request;
      this.#sendError(error, { request });
    }
  }

  /** A fault of this server, of which nobody knows what it left behind. */
  #fail(error: unknown): void {
    this.#context.log("session_error", { session: this.#context.id, error: `${error}` });
    this.#end(CloseCode.internal, "an internal error");
  }

  /** A long message counts as several. */
  #takeControl(length: number): boolean {
    return this.#controlRate.take(performance.now(), 1 + Math.floor(length / CHARS_AS_A_CONTROL));
  }

  #tooManyControls(): ProtocolError {
    const { maxControlRate } = this.#context.limits;
    return new ProtocolError(
      "limit",
      `Cannot obey so many control messages: allowed are ${maxControlRate} a second`,
    );
  }

  #answer(message: ControlMessage): Answer {
    const tracker = this.#tracker;
    switch (message.type) {
      case "configure":
        tracker.options = mergeOptions(tracker.options, message.options);
        return { type: "configured", options: tracker.options };
      case "add":
        return { type: "added", ids: tracker.add(message.points) };
      case "remove":
        tracker.remove(message.ids);
        return { type: "done" };
      case "clear":
        tracker.clear();
        return { type: "done" };
      case "mask": {
        this.#checkMask(message.polygons);
        const share = tracker.confine(message.polygons);
        this.#chargeMask(this.#controlRate);
        return { type: "masked", share };
      }
      case "resume": {
        const live = tracker.resume(message.state);
        this.#frameRate.charge(1);
        return { type: "resumed", live };
      }
      case "stats":
        return this.stats.toMessage(this.#context.id, tracker);
    }
  }

  #chargeMask(rate: Allowance): void {
    rate.charge(this.#tracker.takeMaskCost() / PIXELS_AS_A_CONTROL);
  }

  #checkMask(polygons: readonly (readonly unknown[])[]): void {
    const { maxMaskPolygons, maxMaskCorners } = this.#context.limits;
    const check = (n: number, what: string, most: number) => {
      if (n <= most) return;
      throw new ProtocolError("limit", `Cannot mask by ${n} ${what}: allowed are ${most} in all`);
    };
    check(polygons.length, "polygons", maxMaskPolygons);
    check(polygons.reduce((sum, { length }) => sum + length, 0), "corners", maxMaskCorners);
  }

  /**
   * Answers what a client can know of. Any other is a fault of this server, and its text the log's
   * alone.
   *
   * @param about the frame or the message that it is about
   */
  #sendError(error: unknown, about: { seq?: number; request?: RequestId }): void {
    const described = describe(error);
    if (!described) return this.#fail(error);
    const { code, message } = described;
    this.#context.metrics.errors.inc({ code });
    if (code === "engine_failed") {
      this.#context.log("engine_failed", { session: this.#context.id, error: message });
    }
    this.#send({ type: "error", code, message, ...about });
    const isFlood = !this.#errorRate.take(performance.now());
    if (code === "overloaded") {
      this.#end(CloseCode.overloaded, "a frame took too long");
    } else if (isFlood) {
      this.#end(CloseCode.tooManyErrors, `too many errors a second, the last one: ${code}`);
    } else if (++this.#errorsInARow >= MAX_ERRORS_IN_A_ROW) {
      // an engine that fails is not the client's fault: it may come again
      const closeCode = code === "engine_failed" ? CloseCode.internal : CloseCode.tooManyErrors;
      this.#end(closeCode, `${MAX_ERRORS_IN_A_ROW} errors in a row, the last one: ${code}`);
    }
  }

  #send(message: ServerMessage | Uint8Array): void {
    const data = message instanceof Uint8Array ? message : JSON.stringify(message);
    this.#socket.send(data, () => {
      if (!this.#closing && !this.#working) this.#work();
    });
  }
}

function describe(error: unknown): { code: ErrorCode; message: string } | null {
  if (error instanceof ProtocolError || error instanceof FrameError) return error;
  if (error instanceof DeadlineError) return { code: "overloaded", message: error.message };
  if (error instanceof EngineError) return { code: "engine_failed", message: error.message };
  return null;
}
