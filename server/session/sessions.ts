import type { Duplex } from "node:stream";
import type { RawData, WebSocket } from "ws";
import { CloseCode, defaultOptions, type ResultForm } from "../../protocol/mod.ts";
import type { FlowEngine, FlowSequence } from "../../tracking/engine.ts";
import type { EngineEvents } from "../../engines/failover.ts";
import type { ServerLimits } from "../limits.ts";
import type { Load } from "../load.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Feed } from "../sinks/feed.ts";
import type { Claim } from "../threads/names.ts";
import { NamedStream } from "./named_stream.ts";
import { ASK_BYTES, Receipts } from "./receipts.ts";
import { Session } from "./session.ts";
import { Watch } from "./watch.ts";

/** When stopping: frames in work have this long to be answered. */
const FINISH_MS = 2500;
/** A client that does not answer the close frame within this is cut off. */
const CLOSE_MS = 1500;

/** While more bytes than this wait to be read by the client, its pings are not answered. */
const MAX_UNREAD_PONGS = 1 << 16;

/** `ws` closes by itself on an error, and then tells 1006; on any other than these with 1002. */
const CODES_OF_ERRORS: Record<string, number> = {
  WS_ERR_INVALID_UTF8: CloseCode.notUtf8,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: CloseCode.tooManyErrors,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: CloseCode.messageTooLarge,
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: CloseCode.messageTooLarge,
};
/** Counted one by one: those of the protocol, 1005 (no code) and 1006 (cut off). A client may close with any other. */
const COUNTED_CODES: ReadonlySet<number> = new Set([...Object.values(CloseCode), 1005, 1006]);

export interface SessionsOptions {
  /** Name and version, as told to clients. */
  server: string;
  engine: FlowEngine;
  limits: ServerLimits;
  /** A client that does not answer a ping before the next one is gone. */
  pingMs: number;
  log: Log;
  metrics: Metrics;
  load: Load;
  /** Who else gets the tracks of streams that have a name. */
  feeds?: readonly Feed[];
}

/** The name that a stream has. */
export interface Named {
  name: string;
  claim: Claim;
}

/** An upgraded connection, and who is at its other end. */
export interface Connected {
  ws: WebSocket;
  /** What `ws` reads from. */
  socket: Duplex;
  from: string;
  results: ResultForm;
  /** Let go of once the connection has ended. */
  named?: Named;
  /** Counts the session out; called once the engine is done with it. */
  leave(): void;
}

/** The open sessions of one event loop. */
export class Sessions implements EngineEvents {
  readonly #options: SessionsOptions;
  readonly #watch: Watch;
  readonly #open = new Map<Session, WebSocket>();
  /** Called when the last one has ended. */
  #emptied: () => void = () => {};

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#watch = new Watch(options.limits, options.pingMs);
  }

  /** Begins a session on a connection; it ends with it. */
  begin({ ws, socket, from, results, named, leave }: Connected): void {
    const { engine, log, metrics, feeds = [], server } = this.#options;
    const id = crypto.randomUUID();
    let broken: number | undefined;
    ws.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code?.startsWith("WS_ERR_")) {
        broken = CODES_OF_ERRORS[error.code] ?? CloseCode.malformed;
      }
      log("session_error", { session: id, error: error.message });
    });
    const sequence = this.#openSequence(ws, id);
    if (!sequence) {
      named?.claim.release();
      return leave();
    }
    this.#watch.add(ws, socket, named?.claim.takeAsked);
    const adapted = adapt(ws, "encrypted" in socket && socket.encrypted === true, () => {
      this.#watch.resumed(ws);
    });
    const session = new Session(adapted, sequence, {
      ...this.#options,
      engine: engine.info,
      id,
      results,
      stream: named && new NamedStream({
        stream: named.name,
        session: id,
        epoch: named.claim.epoch,
        server,
        engine: engine.info,
        options: defaultOptions(),
      }, feeds),
    });
    this.#open.set(session, ws);
    metrics.sessions.inc();
    metrics.sessionsOpened.inc();
    log("session_opened", { session: id, from, ...named && { stream: named.name } });
    ws.on("message", (data: RawData, isBinary: boolean) => {
      if (isBinary) session.receiveBinary(data as Uint8Array);
      else session.receiveText(data.toString());
    });
    ws.on("ping", (data: Uint8Array) => adapted.pong(data));
    ws.on("close", (code) => {
      session.stream?.close(); // before the name is another's
      named?.claim.release();
      void this.#ended(session, id, broken ?? code, leave);
    });
  }

  failed(name: string, why: string): void {
    this.#options.log("engine_failed", { engine: name, error: why });
    this.#options.metrics.engineFailures.inc({ engine: name });
  }

  changed(info: FlowEngine["info"]): void {
    const { name, device, reason } = info;
    this.#options.log("engine_changed", { engine: name, device, reason });
    this.#options.metrics.engine(info);
    for (const session of this.#open.keys()) session.engineChanged(info);
  }

  /** Tells all that this server stops, and serves them until they have gone, or for `ms` at most. */
  async drain(ms: number): Promise<void> {
    if (this.#open.size === 0) return;
    for (const session of this.#open.keys()) session.going(ms / 1000);
    await within(ms, [new Promise<void>((emptied) => this.#emptied = emptied)]);
  }

  /** Ends all sessions, each frame in work being answered, and cuts off who does not go. */
  async close(code: number, reason: string): Promise<void> {
    const sessions = [...this.#open.keys()];
    const sockets = [...this.#open.values()];
    await within(FINISH_MS, sessions.map((session) => session.close(code, reason)));
    for (const ws of sockets) ws.close(code, reason); // those whose frame is still in work
    await within(CLOSE_MS, sockets.map(closed));
    for (const ws of sockets) ws.terminate();
    this.#watch[Symbol.dispose]();
  }

  #openSequence(ws: WebSocket, id: string): FlowSequence | null {
    try {
      return this.#options.engine.open();
    } catch (error) {
      this.#options.log("engine_failed", { session: id, error: `${error}` });
      ws.close(CloseCode.internal, "the engine cannot open a further sequence");
      return null;
    }
  }

  async #ended(session: Session, id: string, code: number, leave: () => void): Promise<void> {
    const { log, metrics } = this.#options;
    await session.close().catch((error) =>
      log("session_error", { session: id, error: `${error}` })
    );
    this.#open.delete(session); // not sooner: the engine may still be at work for it
    leave();
    if (this.#open.size === 0) this.#emptied();
    metrics.sessions.dec();
    metrics.sessionsClosed.inc({ code: COUNTED_CODES.has(code) ? code : "other" });
    const { received, processed, dropped, failed } = session.tally;
    log("session_closed", { session: id, code, received, processed, dropped, failed });
  }
}

function adapt(ws: WebSocket, isEncrypted: boolean, resumed: () => void) {
  let drained = () => {};
  const receipts = isEncrypted ? new Receipts(ws, () => drained()) : null;
  const mostUnread = MAX_UNREAD_PONGS + (receipts ? ASK_BYTES : 0);
  return {
    get bufferedAmount() {
      return Math.max(ws.bufferedAmount, receipts?.unread ?? 0);
    },
    send(data: string | Uint8Array, done: () => void) {
      drained = done;
      ws.send(data, done);
      receipts?.sent(data.length);
    },
    /** A ping that is not answered is followed by others; who reads nothing piles up no answers. */
    pong(data: Uint8Array) {
      if (this.bufferedAmount >= mostUnread || ws.readyState !== ws.OPEN) return;
      ws.pong(data);
      receipts?.sent(data.length);
    },
    close: (code: number, reason: string) => ws.close(code, reason),
    pause: () => ws.pause(),
    resume() {
      ws.resume();
      resumed();
    },
  };
}

function closed(ws: WebSocket): Promise<void> {
  if (ws.readyState === ws.CLOSED) return Promise.resolve();
  return new Promise((closed) => ws.once("close", () => closed()));
}

/** Waits for all of `work`, but no longer than `ms`. */
async function within(ms: number, work: Promise<unknown>[]): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, ms);
  await Promise.race([Promise.all(work), late.promise]);
  clearTimeout(timer);
}
