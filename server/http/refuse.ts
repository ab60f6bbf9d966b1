import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { Refusal } from "./access.ts";

/** A peer that does not take its refusal within this is cut off. */
const TAKE_MS = 2000;

/** Answers a request that became neither a WebSocket nor a page: HTTP with a JSON body, then the end. */
export function refuse(socket: Duplex, { status, code, message, headers }: Refusal): void {
  const body = JSON.stringify({ error: { code, message } });
  const lines = Object.entries({
    ...headers,
    "Content-Type": "application/json",
    "Content-Length": `${new TextEncoder().encode(body).length}`,
    Connection: "close",
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.on("error", () => {}); // the peer may have gone already
  const late = setTimeout(() => socket.destroy(), TAKE_MS);
  socket.once("close", () => clearTimeout(late));
  socket.once("finish", () => socket.destroy()); // without waiting for the peer to end it
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${body}`);
}

/** An error of `node:http` or `node:https` before there is a request. */
export interface ClientError extends NodeJS.ErrnoException {
  /** What could not be read. */
  rawPacket?: Uint8Array;
}

/** How a TLS connection begins: a handshake record. */
const TLS_HANDSHAKE = 0x16;

/** What is told to a peer whose bytes are no request, or come too slowly. */
export function describeClientError({ code, rawPacket }: ClientError): Refusal {
  if (rawPacket?.[0] === TLS_HANDSHAKE) {
    return new Refusal(
      400,
      "https_on_http",
      "Cannot read TLS: this server speaks http; use http:// or ws://, or start it with " +
        "--tls self-signed",
    );
  }
  switch (code) {
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_HTTP_REQUEST":
      return new Refusal(
        400,
        "http_on_https",
        "Cannot read plain http: this server speaks https; use https:// or wss://",
      );
    case "HPE_HEADER_OVERFLOW":
      return new Refusal(431, "header_too_large", "Cannot read a request whose header is so large");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new Refusal(408, "handshake_timeout", "Cannot wait longer for the request's header");
    default:
      return new Refusal(400, "bad_request", "Cannot read this as an HTTP request");
  }
}
