import { setImmediate } from "node:timers";
import {
  CloseCode,
  decodeFrame,
  defaultOptions,
  type EngineInfo,
  type ErrorCode,
  FEATURES,
  type FrameMessage,
  jpegSize,
  ProtocolError,
  type RequestId,
  type ResultForm,
  type Tracks,
} from "../../protocol/mod.ts";
import {
  DeadlineError,
  EngineError,
  explain,
  type FlowSequence,
  FrameError,
} from "../../tracking/engine.ts";
import { Tracker } from "../../tracking/tracker.ts";
import { type ServerLimits, toldLimits } from "../limits.ts";
import type { Load } from "../load.ts";
import type { Log } from "../log.ts";
import type { DropReason, Metrics } from "../metrics.ts";
import { Allowance } from "./allowance.ts";
import { Conversation, PIXELS_AS_A_CONTROL } from "./conversation.ts";
import { Inbox } from "./inbox.ts";
import type { NamedStream } from "./named_stream.ts";
import { Outbox, type Sender } from "./outbox.ts";
import { Patience } from "./patience.ts";
import { Tally } from "./tally.ts";

/** What a session needs of a WebSocket. */
export interface SessionSocket extends Sender {
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
  /** Where the stream has a name. */
  stream?: NamedStream;
}

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
  readonly tally: Tally;
  /** Where it has a name. */
  readonly stream: NamedStream | undefined;
  readonly #socket: SessionSocket;
  readonly #context: SessionContext;
  readonly #tracker: Tracker;
  readonly #inbox = new Inbox<Received>();
  readonly #outbox: Outbox;
  readonly #conversation: Conversation;
  readonly #patience: Patience;
  readonly #frameRate: Allowance;
  #lastSeq = -1;
  #dropped = 0;
  #working = false;
  #paused = false;
  /** Runs while a frame waits because others came too fast before it. */
  #pacing: ReturnType<typeof setTimeout> | undefined;
  #closing: Promise<void> | null = null;
  #idle: () => void = () => {};

  constructor(socket: SessionSocket, sequence: FlowSequence, context: SessionContext) {
    const { id, limits, results, metrics, load } = context;
    this.#socket = socket;
    this.#context = context;
    this.tally = new Tally(metrics, load);
    this.stream = context.stream;
    this.#tracker = new Tracker(sequence, defaultOptions(), limits.maxPoints);
    this.#frameRate = new Allowance(limits.maxFrameRate);
    this.#patience = new Patience(limits.maxControlRate);
    this.#outbox = new Outbox(socket, results, () => this.#goOn());
    this.#conversation = new Conversation({
      id,
      tracker: this.#tracker,
      tally: this.tally,
      limits,
      frameRate: this.#frameRate,
      stream: this.stream,
    });
    this.#outbox.say({
      type: "hello",
      protocol: "lkstream.v1",
      server: context.server,
      session: id,
      engine: context.engine,
      options: this.#tracker.options,
      limits: toldLimits(limits),
      stream: this.stream?.name,
      epoch: this.stream?.epoch,
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
    this.tally.frame(bytes.length);
    this.#lastSeq = frame.seq ?? (this.#lastSeq + 1) >>> 0;
    const received = { ...frame, seq: this.#lastSeq, at: performance.now() };
    const replaced = this.#inbox.putFrame(received);
    if (replaced) {
      received.reset ||= replaced.reset; // the client counts on it
      this.#dropped++;
      this.tally.drop(this.#whyDropped());
    }
    this.#wake();
  }

  /** Takes a text message: a control message. */
  receiveText(text: string): void {
    if (this.#closing) return;
    this.tally.control();
    this.#inbox.putControl(text);
    this.#wake();
  }

  /** Tells that another engine goes on; its `reason` says why. */
  engineChanged(engine: EngineInfo): void {
    if (this.#closing) return;
    this.#outbox.say({ type: "engine", engine });
    this.stream?.change({ engine });
  }

  /** Tells that this server stops, and serves the session for `seconds` more. */
  going(seconds: number): void {
    if (!this.#closing) this.#outbox.say({ type: "going", seconds });
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
    for (let left = this.#inbox.frames; left > 0; left--) this.tally.drop("closed");
    this.tally.end();
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
    this.#goOn();
  }

  #goOn(): void {
    if (!this.#closing && !this.#working) this.#work();
  }

  /** Works until nothing waits or the reader lags; what is sent wakes it again. */
  async #work(): Promise<void> {
    this.#working = true;
    let turn = performance.now();
    while (!this.#closing && !this.#outbox.isLagging && !this.#isTooFast()) {
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

  /** True where a frame comes next and has to wait; then its time wakes the session. */
  #isTooFast(): boolean {
    if (!this.#inbox.isFrameNext) return false;
    const ms = this.#frameRate.waitMs(performance.now());
    if (ms === 0) return false;
    this.#pacing ??= setTimeout(() => {
      this.#pacing = undefined;
      this.#goOn();
    }, ms);
    return true;
  }

  #whyDropped(): DropReason {
    if (this.#outbox.isLagging) return "slow_reader";
    return this.#pacing ? "rate" : "newer";
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
      this.#patience.restore();
      this.tally.tracks(tracks);
      this.#outbox.tracks(tracks);
      this.stream?.tracks(tracks, frame.jpeg);
    } catch (error) {
      this.#sendError(error, { seq: frame.seq });
    }
    // a frame of a new size has the mask painted anew
    this.#frameRate.charge(this.#tracker.takeMaskCost() / PIXELS_AS_A_CONTROL);
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
    try {
      const answer = this.#conversation.answer(text);
      this.#patience.restore();
      if (answer) this.#outbox.say(answer);
    } catch (error) {
      this.#sendError(error, {
        request: error instanceof ProtocolError ? error.request : undefined,
      });
    }
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
    const isFrame = about.seq !== undefined;
    this.tally.error(code, isFrame);
    if (code === "engine_failed") {
      const why = explain(error as EngineError);
      this.#context.log("engine_failed", { session: this.#context.id, error: why });
    }
    this.#outbox.say({ type: "error", code, message, ...about });
    const ending = this.#patience.try(code, isFrame, performance.now());
    if (ending) this.#end(ending.code, ending.reason);
  }

  /** A fault of this server, of which nobody knows what it left behind. */
  #fail(error: unknown): void {
    this.#context.log("session_error", { session: this.#context.id, error: `${error}` });
    this.#end(CloseCode.internal, "an internal error");
  }
}

function describe(error: unknown): { code: ErrorCode; message: string } | null {
  if (error instanceof ProtocolError || error instanceof FrameError) return error;
  if (error instanceof DeadlineError) return { code: "overloaded", message: error.message };
  if (error instanceof EngineError) return { code: "engine_failed", message: error.message };
  return null;
}
