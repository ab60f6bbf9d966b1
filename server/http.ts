import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { MetricObject } from "prom-client";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import config from "../deno.json" with { type: "json" };
import { CloseCode, SUBPROTOCOLS } from "../protocol/mod.ts";
import { type Access, admit, checkToken, chooseResults, Refusal } from "./access.ts";
import { Census } from "./census.ts";
import type { FlowEngine, FlowSequence } from "./engines/engine.ts";
import type { EngineEvents } from "./engines/failover.ts";
import { type ServerLimits, toldLimits } from "./limits.ts";
import type { Log } from "./log.ts";
import { Metrics } from "./metrics.ts";
import { type Info, pages } from "./pages.ts";
import { describeClientError, refuse } from "./refuse.ts";
import { Session, type SessionSocket } from "./session.ts";
import { Watch } from "./watch.ts";

/** Name and version, as told to clients. */
export const SERVER = `lkstream/${config.version}`;
const PAGE_FOLDER = new URL("../dist/client/", import.meta.url);
/** When stopping: frames in work have this long to be answered. */
const FINISH_MS = 2500;
/** A client that does not answer the close frame within this is cut off. */
const CLOSE_MS = 1500;
const PING_MS = 25_000;
/** For pages, and for requests that are yet to become sessions. */
const SPARE_CONNECTIONS = 512;

export interface ServeOptions extends Access {
  /** 0 picks a free one. */
  port: number;
  /** Certificate and key, PEM; without them it is plain HTTP. */
  tls?: { cert: string; key: string };
  engine: FlowEngine;
  /** Whether the engine can be used now; always, by default. */
  isEngineReady?: () => boolean;
  limits: ServerLimits;
  /** The client's address is the last one of X-Forwarded-For. */
  trustProxy?: boolean;
  /** A client that does not answer a ping before the next one is gone. */
  pingMs?: number;
  log: Log;
  /** For one of several event loops that share the port. */
  shared?: Shared;
}

/** What several event loops of one server have in common. */
export interface Shared {
  /** Counters of {@linkcode Census.share}. */
  census: SharedArrayBuffer;
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
  /** Ends all sessions with 1001 and stops listening; the engine stays open. Idempotent. */
  close(): Promise<void>;
}

/** Listens, and resolves once it does. */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const { engine, limits, log, shared, isEngineReady = () => true } = options;
  const sessions = new Set<Session>();
  const census = new Census(limits, shared?.census);
  const metrics = new Metrics();
  const watch = new Watch(limits, options.pingMs ?? PING_MS);
  let closing: Promise<void> | null = null;
  metrics.engine(engine.info);

  const server = createListener(
    options,
    await pages(PAGE_FOLDER, {
      info: (): Info => ({
        server: SERVER,
        protocol: "lkstream.v1",
        engine: engine.info,
        limits: toldLimits(limits),
        sessions: { open: census.open, max: limits.maxSessions },
        token: options.token === null ? "none" : "required",
      }),
      notReady: () => closing ? "stopping" : isEngineReady() ? null : "no engine runs",
      async metrics(request) {
        checkToken(request, options);
        return await Metrics.text(shared ? await shared.metrics() : [await metrics.values()]);
      },
    }),
  );
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: limits.maxFrameBytes,
    perMessageDeflate: false, // JPEGs do not shrink, and tracks must not wait
    handleProtocols: (offered) =>
      [...offered].find((name) => Object.values<string>(SUBPROTOCOLS).includes(name)) ?? false,
  });

  sockets.on("wsClientError", (error, socket) => {
    turnAway(socket, new Refusal(400, "bad_request", `Cannot upgrade: ${error.message}`));
  });
  server.on("clientError", (error, socket) => turnAway(socket, describeClientError(error)));
  server.on("upgrade", (request, socket, head) => {
    let leave = () => {};
    try {
      check(request);
      leave = census.enter(addressOf(request));
    } catch (error) {
      return turnAway(socket, error);
    }
    socket.once("close", leave); // while it is no session yet
    sockets.handleUpgrade(request, socket, head, (ws) => {
      socket.off("close", leave);
      begin(ws, request, socket, leave);
    });
  });

  function turnAway(socket: Duplex, error: unknown): void {
    const refusal = error instanceof Refusal
      ? error
      : new Refusal(400, "bad_request", "Cannot read the upgrade request");
    metrics.refused.inc({ code: refusal.code });
    refuse(socket, refusal);
  }

  function addressOf({ socket, headers }: IncomingMessage): string {
    const forwarded = options.trustProxy && headers["x-forwarded-for"];
    return forwarded ? `${forwarded}`.split(",").at(-1)!.trim() : socket.remoteAddress ?? "";
  }

  function check(request: IncomingMessage): void {
    const path = new URL(request.url ?? "/", "http://host").pathname;
    if (path !== "/v1/stream") {
      throw new Refusal(404, "not_found", `Cannot upgrade ${path}: allowed is /v1/stream`);
    }
    admit(request, options);
    chooseResults(request);
    if (closing) {
      throw new Refusal(503, "stopping", "Cannot open a session: the server stops", {
        "Retry-After": "5",
      });
    }
  }

  function begin(ws: WebSocket, request: IncomingMessage, socket: Duplex, leave: () => void): void {
    const id = crypto.randomUUID();
    ws.on("error", (error) => log("session_error", { session: id, error: error.message }));
    const sequence = openSequence(ws, id);
    if (!sequence) return leave();
    watch.add(ws, socket);
    const session = new Session(adapt(ws), sequence, {
      id,
      server: SERVER,
      engine: engine.info,
      limits,
      results: chooseResults(request),
      log,
      metrics,
    });
    sessions.add(session);
    metrics.sessions.inc();
    metrics.sessionsOpened.inc();
    log("session_opened", { session: id, from: addressOf(request) });
    ws.on("message", (data: RawData, isBinary: boolean) => {
      if (isBinary) session.receiveBinary(data as Uint8Array);
      else session.receiveText(data.toString());
    });
    ws.on("close", async (code) => {
      await session.close().catch((error) =>
        log("session_error", { session: id, error: `${error}` })
      );
      sessions.delete(session); // not sooner: the engine may still be at work for it
      leave();
      metrics.sessions.dec();
      metrics.sessionsClosed.inc({ code });
      const { received, processed, dropped, failed } = session.stats;
      log("session_closed", { session: id, code, received, processed, dropped, failed });
    });
  }

  function openSequence(ws: WebSocket, id: string): FlowSequence | null {
    try {
      return engine.open();
    } catch (error) {
      log("engine_failed", { session: id, error: `${error}` });
      ws.close(CloseCode.internal, "the engine cannot open a further sequence");
      return null;
    }
  }

  function adapt(ws: WebSocket): SessionSocket {
    return {
      get bufferedAmount() {
        return ws.bufferedAmount;
      },
      send: (data, done) => ws.send(data, done),
      close: (code, reason) => ws.close(code, reason),
      pause: () => ws.pause(),
      resume: () => {
        ws.resume();
        watch.resumed(ws);
      },
    };
  }

  const engineEvents: EngineEvents = {
    failed(name, why) {
      log("engine_failed", { engine: name, error: why });
      metrics.engineFailures.inc({ engine: name });
    },
    changed(info) {
      log("engine_changed", { engine: info.name, device: info.device, reason: info.reason });
      metrics.engine(info);
      for (const session of sessions) session.engineChanged(info);
    },
  };

  async function close(): Promise<void> {
    const code = CloseCode.serverStopping, reason = "server stopping";
    server.close();
    await within(
      FINISH_MS,
      Promise.all([...sessions].map((session) => session.close(code, reason))),
    );
    for (const ws of sockets.clients) ws.close(code, reason); // those whose frame is still in work
    await within(CLOSE_MS, Promise.all([...sockets.clients].map(closed)));
    for (const ws of sockets.clients) ws.terminate();
    server.closeAllConnections();
    watch[Symbol.dispose]();
    metrics[Symbol.dispose]();
  }

  await listen(server, options).catch((error) => {
    watch[Symbol.dispose]();
    metrics[Symbol.dispose]();
    throw error;
  });
  return {
    url: urlOf(server.address() as AddressInfo, options.tls ? "https" : "http"),
    engineEvents,
    metrics: () => metrics.values(),
    close: () => closing ??= close(),
  };
}

function createListener({ tls, limits }: ServeOptions, listener: RequestListener): Server {
  const options = {
    ...tls,
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.handshakeMs,
    requestTimeout: limits.handshakeMs, // nothing here reads a body
    connectionsCheckingInterval: Math.min(1000, limits.handshakeMs / 4),
    // any other upgrade, such as h2c, may be passed over, and is answered as plain HTTP
    shouldUpgradeCallback: ({ headers }: IncomingMessage) =>
      headers.upgrade?.toLowerCase() === "websocket",
  };
  const server = tls ? createSecureServer(options, listener) : createServer(options, listener);
  // a process without file descriptors would never accept again
  server.maxConnections = limits.maxConnections ?? limits.maxSessions + SPARE_CONNECTIONS;
  return server;
}

function closed(ws: WebSocket): Promise<void> {
  return new Promise((closed) => ws.once("close", () => closed()));
}

/** Waits for `work`, but no longer than `ms`. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, ms);
  await Promise.race([work, late.promise]);
  clearTimeout(timer);
}

function listen(server: Server, { host, port, shared }: ServeOptions): Promise<void> {
  return new Promise((listening, failed) => {
    server.once("error", failed);
    server.listen({ port, host, reusePort: shared !== undefined }, () => {
      server.off("error", failed);
      listening();
    });
  });
}

function urlOf({ address, port, family }: AddressInfo, scheme: "http" | "https"): string {
  return `${scheme}://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}
