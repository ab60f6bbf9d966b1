import { type EngineChoice, ENGINES } from "../protocol/mod.ts";
import { checkNames, ConfigError, type Flag, flagLines, Flags } from "./flags.ts";
import { DEFAULT_LIMITS, type ServerLimits } from "./limits.ts";
import { isLoopback } from "./address.ts";
import { isStreamName, refuseStreamName } from "../protocol/mod.ts";
import type { StreamToken } from "./http/access.ts";
import { type AskedSink, readSinks, SINK_FLAGS } from "./sinks/kinds.ts";

export { ConfigError };

/** Where the certificate for HTTPS is from; `off` serves plain HTTP. */
export type Tls = "off" | "self-signed" | { cert: string; key: string };

/** What the command line and the `LKSTREAM_…` variables say. */
export interface Config {
  host: string;
  port: number;
  tls: Tls;
  engine: EngineChoice;
  /** A native library to use instead of the one that is built here; the variable LKSTREAM_LIBRARY. */
  library: string | null;
  /** Milliseconds for a frame in the engine. */
  deadlineMs: number;
  /** Event loops that share the port. */
  threads: number;
  token: string | null;
  /** Further tokens, bound to names of streams. */
  streamTokens: StreamToken[];
  /** Who else gets the tracks of streams with a name. */
  sinks: AskedSink[];
  /** Exact, such as https://example.org or null, or with a wildcard, such as https://*.example.org. */
  allowOrigins: string[];
  /** The client's address is the last one of X-Forwarded-For. */
  trustProxy: boolean;
  /** Sessions are served for so long after SIGTERM, so that their clients can go elsewhere. */
  drainMs: number;
  /** Where HAProxy's agent check is answered; null: nowhere. */
  agentPort: number | null;
  limits: ServerLimits;
  log: "text" | "json";
}

/** Others reach `host`, and nothing keeps them out. */
export class UnprotectedError extends ConfigError {
  constructor(readonly host: string) {
    super(
      `Cannot listen on ${host} without a token, for others reach it: set LKSTREAM_TOKEN or ` +
        "--token-file, or let everybody in with --open",
    );
  }
}

/** The native library takes no larger frames. */
const LK_MAX_PIXELS = 2 ** 28;

const D = DEFAULT_LIMITS;
const FLAGS = {
  host: { value: "ADDRESS", fallback: "127.0.0.1", text: "address to listen on" },
  port: { value: "N", fallback: "8000", text: "port to listen on; 0 picks a free one" },
  tls: { value: "self-signed", text: "serve HTTPS by a certificate made at the start, for phones" },
  cert: {
    value: "FILE",
    text: "serve HTTPS by this certificate (PEM, with its chain)",
  },
  key: { value: "FILE", text: "and its private key (PEM)" },
  engine: { value: "NAME", fallback: "auto", text: `one of ${ENGINES.join(", ")}` },
  library: { value: "PATH", text: "native library to use, not the one built here" },
  "engine-deadline": {
    value: "S",
    fallback: "10",
    text: "seconds that an engine may take for a frame; what is more work ends its session",
  },
  threads: { value: "N", fallback: "1", text: "event loops that share the port" },
  token: { value: "T", text: "clients must present it; LKSTREAM_TOKEN hides it better" },
  "token-file": { value: "FILE", text: "the token is the first line of this file" },
  "stream-tokens": {
    value: "FILE",
    text: "further tokens: each line is one, and after it the ?stream= names that it is for",
  },
  open: { text: "let everybody in without a token, beyond this machine too" },
  "allow-origin": {
    value: "O",
    text: "a further origin whose pages may connect, such as https://example.org, " +
      "https://*.example.org, capacitor://localhost, or null for pages from files; may be " +
      "repeated (in the variable: commas)",
  },
  "trust-proxy": { text: "take clients' addresses from X-Forwarded-For" },
  "max-sessions": { value: "N", fallback: `${D.maxSessions}`, text: "sessions at once" },
  "max-sessions-per-address": {
    value: "N",
    text: "sessions at once of one address (default 16, this machine's own not counted)",
  },
  "max-connections": {
    value: "N",
    text: "TCP connections at once, those of sessions among them (default 512 more than sessions)",
  },
  "max-frame-bytes": { value: "N", fallback: `${D.maxFrameBytes}`, text: "bytes of one message" },
  "max-frame-pixels": { value: "N", fallback: `${D.maxFramePixels}`, text: "pixels of one frame" },
  "max-frame-rate": {
    value: "N",
    fallback: `${D.maxFrameRate}`,
    text: "frames a second worked on for one session",
  },
  "max-control-rate": {
    value: "N",
    fallback: `${D.maxControlRate}`,
    text: "control messages a second of one session",
  },
  "max-points": { value: "N", fallback: `${D.maxPoints}`, text: "live points of one session" },
  "max-mask-polygons": { value: "N", fallback: `${D.maxMaskPolygons}`, text: "polygons of a mask" },
  "max-mask-corners": {
    value: "N",
    fallback: `${D.maxMaskCorners}`,
    text: "corners of a mask's polygons together",
  },
  "max-header-bytes": {
    value: "N",
    fallback: `${D.maxHeaderBytes}`,
    text: "bytes of a request's header",
  },
  "handshake-timeout": {
    value: "S",
    fallback: `${D.handshakeMs / 1000}`,
    text: "seconds for a request's header to arrive",
  },
  "message-timeout": {
    value: "S",
    fallback: `${D.messageMs / 1000}`,
    text: "seconds for a message to arrive, from its first byte",
  },
  "idle-timeout": {
    value: "S",
    fallback: `${D.idleMs / 1000}`,
    text: "seconds that a session may be silent",
  },
  drain: {
    value: "S",
    fallback: "10",
    text: "seconds that sessions are served after SIGTERM, while their clients go elsewhere",
  },
  "agent-port": {
    value: "N",
    text: "port that answers HAProxy's agent-check, on the same address",
  },
  ...SINK_FLAGS,
  log: { value: "FORM", fallback: "text", text: "text or json" },
} satisfies Record<string, Flag>;
type Name = keyof typeof FLAGS;
type Read = Flags<Name>;
const FILE_FLAGS = (Object.keys(FLAGS) as Name[]).filter((name) =>
  (FLAGS[name] as Flag).value === "FILE"
);

/** The text of `--help`. */
export function helpText(): string {
  return [
    "Usage: deno task start [flags]",
    "",
    "Serves the page and the WebSocket endpoint that tracks points.",
    "",
    ...flagLines(FLAGS),
    "  --help                         this text",
    "  --version                      the version",
    "",
    "Each flag is also a variable: --max-sessions is LKSTREAM_MAX_SESSIONS. A flag wins.",
  ].join("\n");
}

/** @throws {ConfigError} where one of `names` is a misspelled variable of the server. */
export function checkVariables(names: readonly string[]): void {
  checkNames(FLAGS, names);
}

/**
 * The files that the server reads because a flag or variable names them.
 *
 * @throws {ConfigError} where the command line cannot be read, or the permission for one not be told.
 */
export function filesOf(
  args: string[],
  env: (name: string) => string | undefined,
): string[] {
  const flags: Read = new Flags(FLAGS, args, env);
  return FILE_FLAGS.map((name) => {
    const path = flags.text(name);
    if (path.includes(",")) throw flags.bad(name, path, "paths without a comma");
    return path;
  }).filter(Boolean);
}

/**
 * Reads flags, then variables, then defaults.
 *
 * @param readFile reads a text file, for --token-file
 * @returns null where help or the version was asked for
 * @throws {ConfigError} naming the flag or variable, its value and what is allowed.
 */
export function readConfig(
  args: string[],
  env: (name: string) => string | undefined,
  readFile: (path: string) => string = Deno.readTextFileSync,
): Config | null {
  const flags: Read = new Flags(FLAGS, args, env);
  if (flags.wantsHelp || flags.wantsVersion) return null;
  const host = flags.text("host");
  const token = readToken(flags, readFile);
  if (token === null && !isLoopback(host) && !flags.isOn("open")) {
    throw new UnprotectedError(host);
  }
  return {
    host,
    port: flags.whole("port", 0, 65535),
    tls: readTls(flags),
    engine: flags.oneOf("engine", ENGINES),
    library: flags.text("library") || null,
    deadlineMs: 1000 * flags.whole("engine-deadline", 1, 3600),
    threads: flags.whole("threads", 1, 256),
    token,
    streamTokens: readStreamTokens(flags, token, readFile),
    sinks: readSinks(flags),
    allowOrigins: readOrigins(flags),
    trustProxy: flags.isOn("trust-proxy"),
    drainMs: 1000 * flags.whole("drain", 0, 3600),
    agentPort: flags.given("agent-port") === undefined ? null : flags.whole("agent-port", 1, 65535),
    limits: readLimits(flags),
    log: flags.oneOf("log", ["text", "json"] as const),
  };
}

function readLimits(flags: Read): ServerLimits {
  return {
    maxFrameBytes: flags.whole("max-frame-bytes", 1024, 1 << 30),
    maxFramePixels: flags.whole("max-frame-pixels", 256, LK_MAX_PIXELS),
    maxPoints: flags.whole("max-points", 1, 10_000),
    maxSessions: flags.whole("max-sessions", 1, 100_000),
    maxSessionsPerAddress: optional(flags, "max-sessions-per-address"),
    maxConnections: optional(flags, "max-connections"),
    maxFrameRate: flags.whole("max-frame-rate", 1, 100_000),
    maxControlRate: flags.whole("max-control-rate", 1, 100_000),
    maxMaskPolygons: flags.whole("max-mask-polygons", 1, 10_000),
    maxMaskCorners: flags.whole("max-mask-corners", 3, 100_000),
    maxHeaderBytes: flags.whole("max-header-bytes", 1024, 1 << 20),
    handshakeMs: 1000 * flags.whole("handshake-timeout", 1, 3600),
    messageMs: 1000 * flags.whole("message-timeout", 1, 3600),
    idleMs: 1000 * flags.whole("idle-timeout", 1, 7 * 24 * 3600),
  };
}

function optional(flags: Read, name: "max-sessions-per-address" | "max-connections") {
  return flags.given(name) === undefined ? null : flags.whole(name, 1, 100_000);
}

/** What a subprotocol's name may hold. */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;

/** An empty one is refused: a variable that was set wrong must not let everybody in. */
function readToken(flags: Read, readFile: (path: string) => string): string | null {
  const file = flags.given("token-file");
  const token = flags.given("token") ??
    (file && readLines(flags, "token-file", file, readFile)[0].trim());
  if (token === undefined) return null;
  if (TOKEN.test(token)) return token;
  throw flags.bad(
    flags.given("token") === undefined ? "token-file" : "token",
    "…",
    "letters, digits and any of !#$%&'*+-.^_`|~, at least one",
  );
}

/** Lines of a token and the names that it is for; an empty one, or a comment, begins with # or nothing. */
function readStreamTokens(
  flags: Read,
  token: string | null,
  readFile: (path: string) => string,
): StreamToken[] {
  const file = flags.text("stream-tokens");
  if (!file) return [];
  if (token === null) {
    throw flags.bad(
      "stream-tokens",
      file,
      "files for a server that has a token: without one it lets everybody in",
    );
  }
  const lines = readLines(flags, "stream-tokens", file, readFile).map((line) => line.trim());
  return lines.filter((line) => line && !line.startsWith("# ")).map((line) => {
    const [token, ...streams] = line.split(/\s+/);
    const bad = streams.find((name) => !isStreamName(name));
    if (bad !== undefined) throw new ConfigError(refuseStreamName(bad));
    if (TOKEN.test(token) && streams.length > 0) return { token, streams };
    throw flags.bad("stream-tokens", file, "lines of a token and one or more names of streams");
  });
}

function readLines(
  flags: Read,
  flag: "token-file" | "stream-tokens",
  file: string,
  readFile: (path: string) => string,
): string[] {
  try {
    return readFile(file).split("\n");
  } catch (error) {
    throw flags.bad(flag, file, `files that can be read (${reasonOf(error)})`);
  }
}

/** Without the advice that Deno adds for those who wrote the program. */
function reasonOf(error: unknown): string {
  return (error as Error).message.split(",")[0];
}

function readTls(flags: Read): Tls {
  const cert = flags.text("cert"), key = flags.text("key");
  if (cert || key) {
    if (cert && key) return { cert, key };
    throw flags.bad(cert ? "key" : "cert", "", "a file: certificate and key go together");
  }
  const tls = flags.text("tls");
  if (tls === "" || tls === "off") return "off";
  if (tls === "self-signed") return tls;
  throw flags.bad("tls", tls, "self-signed and off; --cert and --key take a certificate of yours");
}

/** As apps and extensions have them, whose schemes no web origin has: capacitor://localhost, file://. */
const APP_ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#*@]*$/;

/**
 * An origin as browsers write it: a web origin, whose host may begin with `*.` for any name below
 * it; `null`, which all pages from files and in sandboxes have; that of an app or an extension.
 */
function readOrigins(flags: Read): string[] {
  return flags.list("allow-origin").map((origin) => {
    if (origin === "null") return origin;
    if (!/^https?:/i.test(origin) && APP_ORIGIN.test(origin)) return origin;
    const plain = origin.replace(/\/$/, "");
    const below = plain.replace("://*.", "://any.");
    const url = URL.parse(below);
    if (url && url.origin === below && !below.includes("*")) return plain;
    throw flags.bad(
      "allow-origin",
      origin,
      "null and origins such as https://example.org, https://*.example.org, capacitor://localhost " +
        "or chrome-extension://ID",
    );
  });
}
