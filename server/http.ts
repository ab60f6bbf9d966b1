import { createServer, type IncomingMessage, STATUS_CODES } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import config from "../deno.json" with { type: "json" };
import { CloseCode, type Limits, SUBPROTOCOLS } from "../protocol/mod.ts";
import { type Access, admit, chooseResults, Refusal } from "./access.ts";
import type { FlowEngine, FlowSequence } from "./engines/engine.ts";
import type { Log } from "./log.ts";
import { type Info, pages } from "./pages.ts";
import { Session, type SessionSocket } from "./session.ts";

/** Name and version, as told to clients. */
export const SERVER = `lkstream/${config.version}`;
const PAGE_FOLDER = new URL("../dist/client/", import.meta.url);
/** When stopping: frames in work have this long to be answered. */
const FINISH_MS = 2500;
/** A client that does not answer the close frame within this is cut off. */
const CLOSE_MS = 1500;
const RETRY_AFTER_S = 5;

export interface ServeOptions extends Access {
  host: string;
  /** 0 picks a free one. */
  port: number;
  engine: FlowEngine;
  limits: Limits;
  maxSessions: number;
  /** A client that does not answer a ping before the next one is gone; 25 s by default. */
  pingMs?: number;
  log: Log;
}

export interface RunningServer {
  /** Where it listens, such as http://127.0.0.1:8000. */
  readonly url: string;
  /** Ends all sessions with 1001 and stops listening; the engine stays open. Idempotent. */
  close(): Promise<void>;
}

/** Listens, and resolves once it does. */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const { engine, limits, log, pingMs = 25_000 } = options;
  const sessions = new Set<Session>();
  let closing: Promise<void> | null = null;

  const info = (): Info => ({
    server: SERVER,
    protocol: "lkstream.v1",
    engine: engine.info,
    limits,
    sessions: { open: sessions.size, max: options.maxSessions },
    token: options.token === null ? "none" : "required",
  });
  const server = createServer(
    // any other upgrade, such as h2c, may be passed over, and is answered as plain HTTP
    { shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === "websocket" },
    await pages(PAGE_FOLDER, info, () => closing === null),
  );
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: limits.maxFrameBytes,
    perMessageDeflate: false, // JPEGs do not shrink, and tracks must not wait
    handleProtocols: (offered) =>
      [...offered].find((name) => Object.values<string>(SUBPROTOCOLS).includes(name)) ?? false,
  });

  const alive = new WeakSet<WebSocket>();
  const heartbeat = setInterval(() => {
    for (const ws of sockets.clients) {
      if (!alive.delete(ws)) ws.terminate();
      else ws.ping();
    }
  }, pingMs);

  sockets.on("wsClientError", (error, socket) => {
    refuse(socket, new Refusal(400, "bad_request", `Cannot upgrade: ${error.message}`));
  });
  server.on("upgrade", (request, socket, head) => {
    try {
      check(request);
    } catch (error) {
      refuse(socket, error);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (ws) => begin(ws, request));
  });

  function check(request: IncomingMessage): void {
    const path = new URL(request.url ?? "/", "http://host").pathname;
    if (path !== "/v1/stream") {
      throw new Refusal(404, "not_found", `Cannot upgrade ${path}: allowed is /v1/stream`);
    }
    admit(request, options);
    chooseResults(request);
    if (closing || sessions.size >= options.maxSessions) {
      throw new Refusal(
        503,
        "session_limit",
        `Cannot open a further session: allowed are ${options.maxSessions} at once`,
        { "Retry-After": `${RETRY_AFTER_S}` },
      );
    }
  }

  function begin(ws: WebSocket, request: IncomingMessage): void {
    const id = crypto.randomUUID();
    ws.on("error", (error) => log("session_error", { session: id, error: error.message }));
    alive.add(ws);
    ws.on("pong", () => alive.add(ws));
    const sequence = openSequence(ws, id);
    if (!sequence) return;
    const session = new Session(adapt(ws), sequence, {
      id,
      server: SERVER,
      engine: engine.info,
      limits,
      results: chooseResults(request),
      log,
    });
    sessions.add(session);
    log("session_opened", { session: id, from: request.socket.remoteAddress ?? "" });
    ws.on("message", (data: RawData, isBinary: boolean) => {
      if (isBinary) session.receiveBinary(data as Uint8Array);
      else session.receiveText(data.toString());
    });
    ws.on("close", async (code) => {
      await session.close().catch((error) =>
        log("session_error", { session: id, error: `${error}` })
      );
      sessions.delete(session); // not sooner: the engine may still be at work for it
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

  async function close(): Promise<void> {
    const code = CloseCode.serverStopping, reason = "server stopping";
    clearInterval(heartbeat);
    server.close();
    await within(
      FINISH_MS,
      Promise.all([...sessions].map((session) => session.close(code, reason))),
    );
    for (const ws of sockets.clients) ws.close(code, reason); // those whose frame is still in work
    await within(CLOSE_MS, Promise.all([...sockets.clients].map(closed)));
    for (const ws of sockets.clients) ws.terminate();
    server.closeAllConnections();
  }

  await listen(server, options.host, options.port).catch((error) => {
    clearInterval(heartbeat);
    throw error;
  });
  return {
    url: urlOf(server.address() as AddressInfo),
    close: () => closing ??= close(),
  };
}

function adapt(ws: WebSocket): SessionSocket {
  return {
    get bufferedAmount() {
      return ws.bufferedAmount;
    },
    send: (data, done) => ws.send(data, done),
    close: (code, reason) => ws.close(code, reason),
    pause: () => ws.pause(),
    resume: () => ws.resume(),
  };
}

function refuse(socket: Duplex, error: unknown): void {
  const refusal = error instanceof Refusal
    ? error
    : new Refusal(400, "bad_request", "Cannot read the upgrade request");
  const { status, code, message, headers } = refusal;
  const body = JSON.stringify({ error: { code, message } });
  const lines = Object.entries({
    ...headers,
    "Content-Type": "application/json",
    "Content-Length": `${new TextEncoder().encode(body).length}`,
    Connection: "close",
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.on("error", () => {}); // the peer may have gone already
  socket.once("finish", () => socket.destroy()); // without waiting for the peer to end it
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${body}`);
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

function listen(
  server: ReturnType<typeof createServer>,
  host: string,
  port: number,
): Promise<void> {
  return new Promise((listening, failed) => {
    server.once("error", failed);
    server.listen(port, host, () => {
      server.off("error", failed);
      listening();
    });
  });
}

function urlOf({ address, port, family }: AddressInfo): string {
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}
