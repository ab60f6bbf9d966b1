import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import { type AddressInfo, Server as NetServer, type Socket } from "node:net";
import type { ServerLimits } from "../limits.ts";
import { listenError } from "./listen_error.ts";
import { paceRequests } from "./request_pace.ts";

/** Connections for pages, and for requests that are yet to become sessions. */
const SPARE_CONNECTIONS = 512;

/**
 * Then the connection is ended. Deno's TLS takes all that is written at once, read by the client
 * or not: an unread answer counts as taken, and this bounds how many of them pile up.
 */
const REQUESTS_OVER_TLS = 32;

export interface ListenOptions {
  /** Address to listen on. */
  host: string;
  /** 0 picks a free one. */
  port: number;
  /** Certificate and key, PEM; without them it is plain HTTP. */
  tls?: { cert: string; key: string };
  limits: ServerLimits;
}

/** A server for HTTP or HTTPS that gives requests no more time and room than `limits` say. */
export function createListener({ tls, limits }: ListenOptions): Server {
  const options = {
    ...tls,
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: 0, // they go by the clock; paceRequests counts looks
    requestTimeout: 0,
    handshakeTimeout: limits.handshakeMs, // of TLS
    // any other upgrade, such as h2c, may be passed over, and is answered as plain HTTP
    shouldUpgradeCallback: ({ headers }: IncomingMessage) =>
      headers.upgrade?.toLowerCase() === "websocket",
  };
  const server = tls ? createSecureServer(options) : createServer(options);
  // a listener that finds no file descriptor accepts nothing until it listens again
  server.maxConnections = connectionsOf(limits);
  if (tls) server.maxRequestsPerSocket = REQUESTS_OVER_TLS;
  paceRequests(server, tls ? "secureConnection" : "connection", limits);
  server.removeAllListeners("tlsClientError"); // else told as clientError, to be answered in HTTP
  server.on("tlsClientError", (_error, socket: Socket) => socket.destroy());
  return server;
}

/** Shows further connections another certificate; open ones go on. */
export function renewCertificate(server: Server, tls: { cert: string; key: string }): void {
  (server as SecureServer).setSecureContext(tls);
}

/** How many connections are accepted at once. */
export function connectionsOf({ maxConnections, maxSessions }: ServerLimits): number {
  return maxConnections ?? maxSessions + SPARE_CONNECTIONS;
}

/**
 * Listens, and resolves once it does with where, such as http://127.0.0.1:8000.
 *
 * @param reusePort lets several event loops listen on one port
 * @throws {Error} that says why it cannot.
 */
export async function listen(
  server: Server,
  { host, port, tls }: ListenOptions,
  reusePort: boolean,
): Promise<string> {
  return urlOf(await listenAt(server, { host, port, reusePort }), tls ? "https" : "http");
}

/** Resolves once the server listens, with where. */
export function listenAt(
  server: NetServer,
  address: { host: string; port: number; reusePort: boolean },
): Promise<AddressInfo> {
  return new Promise((listening, failed) => {
    const fail = (error: Error) => failed(listenError(error, address.host, address.port));
    server.once("error", fail);
    server.listen(address, () => {
      server.off("error", fail);
      listening(server.address() as AddressInfo);
    });
  });
}

/** Listens anew where it did, if it does not accept any more; open connections go on. */
export function listenAgain(
  server: Server,
  options: ListenOptions,
  reusePort: boolean,
): Promise<string> {
  NetServer.prototype.close.call(server); // the listener alone: HTTP's own ends connections as well
  return listen(server, options, reusePort);
}

function urlOf({ address, port, family }: AddressInfo, scheme: "http" | "https"): string {
  return `${scheme}://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}
