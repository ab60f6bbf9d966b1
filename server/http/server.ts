import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { MetricObject } from "prom-client";
import { WebSocketServer } from "ws";
import config from "../../deno.json" with { type: "json" };
import { CloseCode, formOf } from "../../protocol/mod.ts";
import { AcceptWatch } from "./accept_watch.ts";
import {
  type Access,
  admit,
  checkHost,
  checkOneHost,
  checkToken,
  chooseResults,
  chooseStream,
  Refusal,
} from "./access.ts";
import type { Credentials } from "../credentials.ts";
import { Census } from "../threads/census.ts";
import type { FlowEngine } from "../../tracking/engine.ts";
import type { EngineEvents } from "../../engines/failover.ts";
import { toldLimits } from "../limits.ts";
import { Load } from "../load.ts";
import { createAgent, type Room } from "./agent.ts";
import {
  createListener,
  listen,
  listenAgain,
  listenAt,
  type ListenOptions,
  renewCertificate,
} from "./listener.ts";
import { limited, type Log } from "../log.ts";
import { Metrics } from "../metrics.ts";
import type { PacedSocket } from "./paced_socket.ts";
import { type Ask, pages } from "./pages.ts";
import { RefusalLog } from "./refusal_log.ts";
import { describeClientError, refuse } from "./refuse.ts";
import { FramePace } from "../session/frame_pace.ts";
import { type Named, Sessions } from "../session/sessions.ts";
import { Feed, type FeedPort } from "../sinks/feed.ts";
import { Names } from "../threads/names.ts";

/** Name and version, as told to clients. */
export const SERVER = `lkstream/${config.version}`;
const PAGE_FOLDER = new URL("../../dist/client/", import.meta.url);
const PING_MS = 25_000;
/** Of each event of sessions. */
const SESSION_LINES_PER_SECOND = 20;

export interface ServeOptions extends Access, ListenOptions {
  engine: FlowEngine;
  /** Whether the engine can be used now; always, by default. */
  isEngineReady?: () => boolean;
  /** The client's address is the last one of X-Forwarded-For. */
  trustProxy?: boolean;
  /** A client that does not answer a ping before the next one is gone. */
  pingMs?: number;
  /** Where HAProxy's agent check is answered, on the same host; null: nowhere. */
  agentPort?: number | null;
  log: Log;
  /** Who else gets the tracks of streams that have a name. */
  feeds?: readonly FeedPort[];
  /** For one of several event loops that share the port. */
  shared?: Shared;
}

/** What several event loops of one server have in common. */
export interface Shared {
  /** Counters of {@linkcode Census.share}. */
  census: SharedArrayBuffer;
  /** How busy they are: {@linkcode Load.share}. */
  load: SharedArrayBuffer;
  /** The streams that have a name: {@linkcode Names.share}. */
  names: SharedArrayBuffer;
  /** The metrics of all of them. */
  metrics(): Promise<MetricObject[][]>;
}

export interface RunningServer {
  /** Where it listens, such as http://127.0.0.1:8000. */
  readonly url: string;
  /** To be told what happens to the engine. */
  readonly engineEvents: EngineEvents;
  /** What this event loop has counted. */
  metrics(): Promise<MetricObject[]>;
  /** Takes another token and certificate for whom connects from now on; sessions go on. */
  renew(credentials: Credentials): void;
  /**
   * Takes no new session, tells the others that it goes, and serves them for `drainMs` more; then
   * ends them with 1001 and stops listening. The engine stays open. Idempotent.
   */
  close(drainMs?: number): Promise<void>;
}

/** Listens, and resolves once it does. */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const server = new Server(options);
  try {
    await server.listen();
    return server;
  } catch (error) {
    await server.close();
    throw error;
  }
}

class Server implements RunningServer {
  url = "";
  readonly engineEvents: Sessions;
  #options: ServeOptions;
  readonly #census: Census;
  readonly #load: Load;
  readonly #names: Names;
  readonly #looking: ReturnType<typeof setInterval>;
  readonly #agent = createAgent(() => this.#room());
  readonly #metrics: Metrics;
  readonly #refusals: RefusalLog;
  readonly #feeds: readonly Feed[];
  readonly #sessions: Sessions;
  readonly #sockets: WebSocketServer;
  #listener: ReturnType<typeof createListener> | undefined;
  #acceptWatch: AcceptWatch | undefined;
  #closing: Promise<void> | null = null;
  /** Of a proxy whose word on addresses does not count. */
  #hasWarned = false;

  constructor(options: ServeOptions) {
    const { engine, limits, log, pingMs = PING_MS, shared, feeds = [] } = options;
    this.#options = options;
    this.#census = new Census(limits, shared?.census);
    this.#load = new Load(shared?.load);
    this.#names = new Names(shared?.names ?? Names.share(limits.maxSessions));
    this.#looking = setInterval(() => this.#load.look(performance.now()), Load.LOOK_MS);
    this.#metrics = new Metrics(() => engine.counters?.() ?? null, () => this.#room().free);
    this.#metrics.engine(engine.info);
    this.#refusals = new RefusalLog(log);
    this.#feeds = feeds.map((port) => new Feed(port, this.#metrics));
    this.#sessions = new Sessions({
      ...options,
      feeds: this.#feeds,
      server: SERVER,
      pingMs,
      log: limited(log, SESSION_LINES_PER_SECOND),
      metrics: this.#metrics,
      load: this.#load,
    });
    this.engineEvents = this.#sessions;
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: limits.maxFrameBytes,
      perMessageDeflate: false, // JPEGs do not shrink, and tracks must not wait
      autoPong: false, // sessions answer pings
      handleProtocols: (offered) => [...offered].find(formOf) ?? false,
    });
    this.#sockets.on("wsClientError", (error, socket) => {
      this.#turnAway(socket, new Refusal(400, "bad_request", `Cannot upgrade: ${error.message}`));
    });
  }

  async listen(): Promise<void> {
    const answer = await pages(PAGE_FOLDER, this.#asked());
    const listener = createListener(this.#options);
    listener.on("request", answer);
    listener.on("clientError", (error, socket) => {
      const refusal = describeClientError(error);
      this.#refusals.note((socket as Socket).remoteAddress ?? "", refusal);
      this.#turnAway(socket, refusal);
    });
    // nobody can read an answer, but who runs the server may want to know
    listener.prependListener("tlsClientError", (error: Error, { remoteAddress = "" }: Socket) => {
      this.#refusals.note(remoteAddress, describeClientError(error));
    });
    listener.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
    this.url = await listen(listener, this.#options, this.#options.shared !== undefined);
    this.#listener = listener;
    this.#acceptWatch = new AcceptWatch(listener, () => this.#listenAgain());
    const { agentPort = null, host } = this.#options;
    if (agentPort === null) return;
    const reusePort = this.#options.shared !== undefined;
    await listenAt(this.#agent, { host, port: agentPort, reusePort });
  }

  metrics(): Promise<MetricObject[]> {
    return this.#metrics.values();
  }

  renew({ token, streamTokens, tls }: Credentials): void {
    this.#options = { ...this.#options, token, streamTokens };
    if (tls && this.#listener) renewCertificate(this.#listener, tls);
  }

  async #listenAgain(): Promise<void> {
    if (!this.#listener || this.#closing) return;
    this.#options.log("listens_again", { reason: "it did not accept the connections that wait" });
    const port = Number(new URL(this.url).port); // the one that was picked, if 0 was asked for
    const { shared } = this.#options;
    await listenAgain(this.#listener, { ...this.#options, port }, shared !== undefined);
  }

  close(drainMs = 0): Promise<void> {
    return this.#closing ??= this.#shutDown(drainMs);
  }

  async #shutDown(drainMs: number): Promise<void> {
    if (drainMs > 0) await this.#sessions.drain(drainMs);
    clearInterval(this.#looking);
    this.#acceptWatch?.[Symbol.dispose]();
    this.#agent.close();
    this.#listener?.close();
    await this.#sessions.close(CloseCode.serverStopping, "server stopping");
    this.#listener?.closeAllConnections();
    for (const feed of this.#feeds) feed[Symbol.dispose]();
    this.#metrics[Symbol.dispose]();
  }

  /** For further sessions. */
  #room(): Room {
    const { isEngineReady = () => true } = this.#options;
    if (this.#closing || !isEngineReady()) return { state: "drain", free: 0 };
    const taken = this.#census.open / this.#options.limits.maxSessions;
    return { state: "ready", free: 1 - Math.max(Math.min(1, taken), this.#load.busy) };
  }

  /** What pages ask. */
  #asked(): Ask {
    const { engine, isEngineReady = () => true, limits, shared } = this.#options;
    return {
      info: (request) => {
        this.#check(request, checkHost);
        return {
          server: SERVER,
          protocol: "lkstream.v1",
          engine: engine.info,
          limits: toldLimits(limits),
          sessions: {
            open: this.#census.open,
            max: limits.maxSessions,
            full: this.#census.isFull(this.#addressOf(request)),
          },
          token: this.#options.token === null ? "none" : "required",
          ...this.#streamAskedFor(request),
        };
      },
      load: () => ({
        ...this.#room(),
        sessions: { open: this.#census.open, max: limits.maxSessions },
      }),
      notReady: () => this.#closing ? "stopping" : isEngineReady() ? null : "no engine runs",
      metrics: async (request) => {
        this.#check(request, checkHost);
        this.#check(request, checkToken);
        return await Metrics.text(shared ? await shared.metrics() : [await this.metrics()]);
      },
    };
  }

  /** A browser's client learns nothing of a refusal: so it asks whether its stream's name was free. */
  #streamAskedFor({ url }: IncomingMessage): { stream?: "free" | "taken" } {
    const name = new URL(url ?? "/", "http://host").searchParams.get("stream");
    return name === null ? {} : { stream: this.#names.has(name) ? "taken" : "free" };
  }

  /** @throws {Refusal} that `check` throws; it is counted and logged. */
  #check(request: IncomingMessage, check: (request: IncomingMessage, access: Access) => void) {
    try {
      check(request, this.#options);
    } catch (error) {
      this.#refusals.note(this.#addressOf(request), error);
      if (error instanceof Refusal) this.#metrics.refused.inc({ code: error.code });
      throw error;
    }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    const from = this.#addressOf(request);
    let leave = () => {};
    let named: Named | undefined;
    try {
      const stream = this.#checkUpgrade(request);
      leave = this.#census.enter(from);
      if (stream !== undefined) named = { name: stream, claim: this.#names.claim(stream) };
    } catch (error) {
      leave();
      this.#refusals.note(from, error);
      return this.#turnAway(socket, error);
    }
    const isGone = () => { // while it is no session yet
      named?.claim.release();
      leave();
    };
    socket.once("close", isGone);
    this.#sockets.handleUpgrade(request, socket, head as Buffer, (ws) => {
      socket.off("close", isGone);
      (socket as PacedSocket).pace = new FramePace(this.#options.limits);
      this.#sessions.begin({ ws, socket, from, results: chooseResults(request), named, leave });
    });
  }

  /**
   * @returns the name of the stream, where it has one
   * @throws {Refusal} where the request is not to become a session.
   */
  #checkUpgrade(request: IncomingMessage): string | undefined {
    checkOneHost(request);
    const path = new URL(request.url ?? "/", "http://host").pathname;
    if (path !== "/v1/stream") {
      throw new Refusal(404, "not_found", `Cannot upgrade ${path}: allowed is /v1/stream`);
    }
    const stream = chooseStream(request, admit(request, this.#options));
    chooseResults(request);
    if (!this.#closing) return stream;
    throw new Refusal(503, "stopping", "Cannot open a session: the server stops", {
      "Retry-After": "5",
    });
  }

  #turnAway(socket: Duplex, error: unknown): void {
    const refusal = error instanceof Refusal
      ? error
      : new Refusal(400, "bad_request", "Cannot read the upgrade request");
    this.#metrics.refused.inc({ code: refusal.code });
    refuse(socket, refusal);
  }

  #addressOf({ socket, headers }: IncomingMessage): string {
    const forwarded = headers["x-forwarded-for"];
    if (forwarded && this.#options.trustProxy) return `${forwarded}`.split(",").at(-1)!.trim();
    if (forwarded && !this.#hasWarned) {
      this.#hasWarned = true;
      this.#options.log("proxy_not_trusted", { header: "X-Forwarded-For", flag: "--trust-proxy" });
    }
    return socket.remoteAddress ?? "";
  }
}
