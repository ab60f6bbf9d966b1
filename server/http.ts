import { createServer, type IncomingMessage, STATUS_CODES } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import config from "../deno.json" with { type: "json" };
import { CloseCode, type Limits, SUBPROTOCOLS } from "../protocol/mod.ts";
import { type Access, admit, chooseResults, Refusal } from "./access.ts";
import type { FlowEngine } from "./engines/engine.ts";
import type { Log } from "./log.ts";
import { pages } from "./pages.ts";
import { Session, type SessionSocket } from "./session.ts";

/** Name and version, as told to clients. */
export const SERVER = `lkstream/${config.version}`;
const PAGE_FOLDER = new URL("../dist/client/", import.meta.url);
/** A client that does not answer the close frame within this is cut off. */
const CLOSE_TIMEOUT_MS = 2000;
const RETRY_AFTER_S = 5;

export interface ServeOptions extends Access {
  host: string;
  /** 0 picks a free one. */
  port: number;
  engine: FlowEngine;
  limits: Limits;
  maxSessions: number;
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
  const { engine, limits, log } = options;
  const sessions = new Set<Session>();
  let closing: Promise<void> | null = null;

  const server = createServer(
    await pages(PAGE_FOLDER, () => ({
      server: SERVER,
      protocol: "lkstream.v1",
      engine: engine.info,
      limits,
      sessions: { open: sessions.size, max: options.maxSessions },
      token: options.token === null ? "none" : "required",
    }), () => closing === null),
  );
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: limits.maxFrameBytes,
    perMessageDeflate: false, // JPEGs do not shrink, and tracks must not wait
    handleProtocols: (offered) =>
      [...offered].find((name) => Object.values<string>(SUBPROTOCOLS).includes(name)) ?? false,
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
    const session = new Session(adapt(ws), engine.open(), {
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
    ws.on("error", (error) => log("session_error", { session: id, error: error.message }));
    ws.on("close", async (code) => {
      sessions.delete(session);
      await session.close();
      const { received, processed, dropped, failed } = session.stats;
      log("session_closed", { session: id, code, received, processed, dropped, failed });
    });
  }

  async function close(): Promise<void> {
    server.close();
    await Promise.all(
      [...sessions].map((session) => session.close(CloseCode.serverStopping, "server stopping")),
    );
    await allClosed(sockets.clients);
    server.closeAllConnections();
  }

  await listen(server, options.host, options.port);
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
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${body}`);
}

async function allClosed(clients: Set<WebSocket>): Promise<void> {
  const timer = setTimeout(() => clients.forEach((ws) => ws.terminate()), CLOSE_TIMEOUT_MS);
  await Promise.all(
    [...clients].map((ws) => new Promise<void>((closed) => ws.once("close", () => closed()))),
  );
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
