import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import {
  formOf,
  isStreamName,
  refuseStreamName,
  type ResultForm,
  SUBPROTOCOLS,
} from "../../protocol/mod.ts";
import { isAddress, isLoopback } from "../address.ts";

/** Why a connection was refused before it became a WebSocket. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  constructor(
    readonly status: 400 | 401 | 403 | 404 | 405 | 408 | 409 | 431 | 503,
    readonly code: string,
    message: string,
    readonly headers: Record<string, string> = {},
  ) {
    super(message);
  }
}

export interface Access {
  /** Address that the server listens on. */
  host: string;
  /** Null lets everybody in. */
  token: string | null;
  /** Further tokens, each for the streams of its names alone. */
  streamTokens?: readonly StreamToken[];
  /** Origins of pages that may connect; a host may begin with `*.` for any name below it. */
  allowOrigins: readonly string[];
}

/** A token that is bound to names of streams. */
export interface StreamToken {
  token: string;
  streams: readonly string[];
}

/**
 * Checks who asks to upgrade: Host, Origin, then token.
 *
 * @returns the names of streams that the token is bound to; null where it may have any
 * @throws {Refusal} 403 where Host or Origin is not allowed, 401 where the token is missing or wrong.
 */
export function admit(request: IncomingMessage, access: Access): readonly string[] | null {
  checkHost(request, access);
  const origin = request.headers.origin;
  if (origin !== undefined && !isOriginAllowed(origin, request.headers.host, access)) {
    throw new Refusal(
      403,
      "origin_not_allowed",
      `Cannot connect from ${
        shortened(origin)
      }: allowed are the server's own origin and those of ` +
        `--allow-origin; to let it in, start the server with --allow-origin ${shortened(origin)}`,
    );
  }
  const bound = boundStreams(request, access);
  if (!bound) checkToken(request, access);
  return bound;
}

/** The names that the presented token is bound to; null where it is bound to none. */
function boundStreams(
  request: IncomingMessage,
  { streamTokens = [] }: Access,
): readonly string[] | null {
  const presented = presentedTokens(request);
  const bound = streamTokens.filter(({ token }) => presented.some((t) => isEqual(t, token)));
  return bound.length > 0 ? bound.flatMap(({ streams }) => streams) : null;
}

/**
 * The name that a client gives its stream, where it gives one.
 *
 * @param bound the names that its token is bound to, see {@linkcode admit}
 * @throws {Refusal} 400 where it may be no name, 403 where the token is bound to others.
 */
export function chooseStream(
  request: IncomingMessage,
  bound: readonly string[] | null,
): string | undefined {
  const name = new URL(request.url ?? "/", "http://host").searchParams.get("stream") ?? undefined;
  if (name !== undefined && !isStreamName(name)) {
    throw new Refusal(400, "bad_stream", refuseStreamName(name));
  }
  if (bound === null || name !== undefined && bound.includes(name)) return name;
  throw new Refusal(
    403,
    "stream_not_allowed",
    `Cannot open ${
      name === undefined ? "a stream without a name" : `the stream ${name}`
    }: allowed ` +
      `with this token are ?stream= and ${bound.join(", ")}`,
  );
}

/** @throws {Refusal} 401 where there is a token and the request does not present it. */
export function checkToken(request: IncomingMessage, { token }: Pick<Access, "token">): void {
  if (token === null || presentedTokens(request).some((t) => isEqual(t, token))) return;
  throw new Refusal(
    401,
    "unauthorized",
    "Cannot connect without the server's token: present it as Authorization: Bearer, " +
      "as the subprotocol bearer.TOKEN or as ?token=",
    { "WWW-Authenticate": "Bearer" },
  );
}

/**
 * A site may let its own name point to this machine, and its page then has the
 * server's origin (DNS rebinding). Where only this machine is served, and no
 * token keeps others out, foreign names are refused.
 *
 * @throws {Refusal} 403 for such a name.
 */
export function checkHost(
  { headers: { host } }: IncomingMessage,
  { host: listens, token, allowOrigins }: Access,
): void {
  if (token !== null || !isLoopback(listens)) return;
  const to = URL.parse(`http://${host}`);
  if (to && (isLoopback(to.hostname) || isAddress(to.hostname))) return;
  const origins = ["http", "https"].map((scheme) => `${scheme}://${to?.host}`);
  if (origins.some((origin) => isNamed(origin, allowOrigins))) return; // a proxy's name
  throw new Refusal(
    403,
    "host_not_allowed",
    `Cannot connect to ${
      shortened(`${host}`)
    }: allowed are localhost, addresses and the hosts of ` +
      "--allow-origin",
  );
}

/**
 * Of two Host headers, a proxy before the server may go by the other one (RFC 9112, 3.2).
 *
 * @throws {Refusal} 400 where there is more than one.
 */
export function checkOneHost({ rawHeaders }: IncomingMessage): void {
  const hosts = rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === "host");
  if (hosts.length <= 1) return;
  throw new Refusal(
    400,
    "bad_request",
    `Cannot read a request with ${hosts.length} Host headers: allowed is one`,
  );
}

/** Whoever is refused writes what he likes: so much of it is told and logged. */
function shortened(origin: string): string {
  return origin.length > 100 ? `${origin.slice(0, 97)}...` : origin;
}

/**
 * Same origin, or one that was named, as `null` or `capacitor://localhost` may be, which are no
 * web origins. Clients that are not pages send no Origin.
 */
function isOriginAllowed(origin: string, host: string | undefined, access: Access): boolean {
  if (isNamed(origin, access.allowOrigins)) return true;
  const from = URL.parse(origin), to = URL.parse(`http://${host}`);
  if (from === null || to === null || !/^https?:$/.test(from.protocol)) return false;
  return from.host === to.host || areThisMachine(from, to);
}

/** Whether `origin` is one of `allowed`, or lies below the `*.` of one. */
function isNamed(origin: string, allowed: readonly string[]): boolean {
  return allowed.some((one) => {
    const [scheme, parent] = one.split("://*.");
    if (parent === undefined) return origin === one;
    return origin.startsWith(`${scheme}://`) && origin.endsWith(`.${parent}`);
  });
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
  const form = names.map(formOf).find((form) => form !== undefined);
  if (form) return form;
  throw new Refusal(
    400,
    "unknown_subprotocol",
    `Cannot speak ${names.join(", ")}: allowed are ${Object.values(SUBPROTOCOLS).join(" and ")}`,
  );
}
