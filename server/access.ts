import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { type ResultForm, SUBPROTOCOLS } from "../protocol/mod.ts";

/** Why a connection was refused before it became a WebSocket. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  constructor(
    readonly status: 400 | 401 | 403 | 404 | 405 | 503,
    readonly code: string,
    message: string,
    readonly headers: Record<string, string> = {},
  ) {
    super(message);
  }
}

export interface Access {
  /** Null lets everybody in. */
  token: string | null;
  allowOrigins: readonly string[];
}

/**
 * Checks who asks to upgrade: Origin, then token.
 *
 * @throws {Refusal} 403 where the Origin is not allowed, 401 where the token is missing or wrong.
 */
export function admit(request: IncomingMessage, access: Access): void {
  const origin = request.headers.origin;
  if (origin !== undefined && !isOriginAllowed(origin, request.headers.host, access)) {
    throw new Refusal(
      403,
      "origin_not_allowed",
      `Cannot connect from ${origin}: allowed are the server's own origin and those of --allow-origin`,
    );
  }
  if (access.token === null || presentedTokens(request).some((t) => isEqual(t, access.token!))) {
    return;
  }
  throw new Refusal(
    401,
    "unauthorized",
    "Cannot connect without the server's token: present it as Authorization: Bearer, " +
      "as the subprotocol bearer.TOKEN or as ?token=",
    { "WWW-Authenticate": "Bearer" },
  );
}

/** Same origin, or one that was named. Clients that are not pages send no Origin. */
function isOriginAllowed(origin: string, host: string | undefined, access: Access): boolean {
  if (access.allowOrigins.includes(origin)) return true;
  const from = URL.parse(origin), to = URL.parse(`http://${host}`);
  return from !== null && to !== null && (from.host === to.host || areThisMachine(from, to));
}

/** localhost and 127.0.0.1 are one server to its user, though two origins to a browser. */
function areThisMachine(a: URL, b: URL): boolean {
  const names = ["localhost", "127.0.0.1", "[::1]"];
  return a.port === b.port && names.includes(a.hostname) && names.includes(b.hostname);
}

function presentedTokens(request: IncomingMessage): string[] {
  const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
  const inSubprotocol = offered(request)
    .filter((name) => name.startsWith("bearer."))
    .map((name) => name.slice("bearer.".length));
  const inQuery = new URL(request.url ?? "/", "http://host").searchParams.get("token");
  return [bearer, ...inSubprotocol, inQuery].filter((token) => token != null);
}

/** Compares in constant time; hashing makes the lengths equal. */
function isEqual(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function offered(request: IncomingMessage): string[] {
  const header = request.headers["sec-websocket-protocol"] ?? "";
  return header.split(",").map((name) => name.trim()).filter(Boolean);
}

/**
 * The form in which a client wants its results: the first subprotocol it offers
 * that the server knows, JSON where it offers none.
 *
 * @throws {Refusal} 400 where it offers only unknown ones.
 */
export function chooseResults(request: IncomingMessage): ResultForm {
  const names = offered(request).filter((name) => !name.startsWith("bearer."));
  if (names.length === 0) return "json";
  for (const name of names) {
    if (name === SUBPROTOCOLS.bin) return "bin";
    if (name === SUBPROTOCOLS.json) return "json";
  }
  throw new Refusal(
    400,
    "unknown_subprotocol",
    `Cannot speak ${names.join(", ")}: allowed are ${SUBPROTOCOLS.bin} and ${SUBPROTOCOLS.json}`,
  );
}
