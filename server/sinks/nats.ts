import {
  type Authenticator,
  connect,
  credsAuthenticator,
  headers,
  type MsgHdrs,
  type NatsConnection,
  nkeyAuthenticator,
  type Payload,
} from "@nats-io/transport-node";
import { type About, Want } from "./feed.ts";
import type { Delivery, Sink, SinkEvents } from "./sink.ts";

export interface NatsConfig {
  /** Servers of one cluster, such as nats://host:4222, or tls://host for TLS or none. */
  servers: string[];
  /** A file with the credentials of a user, or the seed of an nkey. */
  credentials: string | null;
  /** A file with the certificates (PEM) that the servers' are signed by; else those of the system. */
  ca: string | null;
}

/** Before the first further try, and at most. */
const FIRST_PAUSE_MS = 250, LAST_PAUSE_MS = 5000;
/** A connection on which pings are unanswered for two of these is dead. */
const PING_MS = 5000;
const CONNECT_MS = 5000;

/** How the subjects of a stream begin. */
export function subjectOf(stream: string): string {
  return `lk.v1.${stream}`;
}

/**
 * Publishes to a NATS server: tracks in the binary form of the wire on `lk.v1.<stream>.tracks`, what
 * is known of the stream on `lk.v1.<stream>.info`. What it publishes while no server is there is
 * lost: readers want what is, not what was.
 */
export class NatsSink implements Sink {
  readonly #config: NatsConfig;
  readonly #events: SinkEvents;
  readonly #live = new Map<string, About>();
  #connection: NatsConnection | null = null;
  #closing = Promise.withResolvers<void>();
  #isClosed = false;
  readonly #ended: Promise<void>;

  constructor(config: NatsConfig, events: SinkEvents) {
    this.#config = config;
    this.#events = events;
    events.wanted(new Map(), Want.tracks);
    this.#ended = this.#stayConnected();
  }

  about(about: About): void {
    this.#live.set(about.stream, about);
    if (this.#connection) publishInfo(this.#connection, about);
  }

  over({ stream, session }: About): void {
    if (this.#live.get(stream)?.session === session) this.#live.delete(stream);
  }

  async deliver(deliveries: readonly Delivery[]): Promise<number> {
    const connection = this.#connection;
    if (!connection) return 0;
    const published =
      deliveries.filter(({ about, tracks }) => publish(connection, "tracks", about, tracks)).length;
    try {
      await Promise.race([connection.flush(), failure(connection)]); // the server answers it after what came before
      return published;
    } catch {
      return 0; // some may have arrived; nobody can say
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#closing.resolve();
    await this.#connection?.close();
    await this.#ended;
  }

  /** One connection after the other: none of them keeps anything of the one before. */
  async #stayConnected(): Promise<void> {
    let problem = "", pauseMs = FIRST_PAUSE_MS;
    while (!this.#isClosed) {
      try {
        const connection = await this.#connect();
        this.#events.log("sink_connected", { server: connection.getServer() });
        problem = "";
        pauseMs = FIRST_PAUSE_MS;
        await this.#use(connection);
      } catch (error) {
        const why = error instanceof Error ? error.message : `${error}`;
        if (why !== problem && !this.#isClosed) {
          this.#events.log("sink_unreachable", { error: why });
        }
        problem = why;
      }
      await this.#pause(pauseMs);
      pauseMs = Math.min(2 * pauseMs, LAST_PAUSE_MS);
    }
  }

  /** Resolves once the connection has ended. @throws {Error} that ended it. */
  async #use(connection: NatsConnection): Promise<void> {
    if (this.#isClosed) return await connection.close();
    this.#connection = connection;
    this.#events.connected(1);
    for (const about of this.#live.values()) publishInfo(connection, about);
    const error = await connection.closed();
    this.#connection = null;
    this.#events.connected(0);
    if (!this.#isClosed) throw error ?? new Error("the server closed the connection");
  }

  async #connect(): Promise<NatsConnection> {
    const { servers, credentials, ca } = this.#config;
    const isTls = servers.some((server) => server.startsWith("tls://"));
    return await connect({
      name: "lkstream",
      servers: servers.map((server) => server.replace(/^\w+:\/\//, "")),
      reconnect: false,
      timeout: CONNECT_MS,
      pingInterval: PING_MS,
      maxPingOut: 2,
      tls: isTls ? { ca: ca === null ? undefined : await Deno.readTextFile(ca) } : undefined,
      authenticator: credentials === null ? undefined : await readCredentials(credentials),
    });
  }

  async #pause(ms: number): Promise<void> {
    const over = Promise.withResolvers<void>();
    const timer = setTimeout(over.resolve, ms);
    await Promise.race([over.promise, this.#closing.promise]);
    clearTimeout(timer);
  }
}

function publishInfo(connection: NatsConnection, about: About): void {
  publish(connection, "info", about, JSON.stringify({ type: "info", ...about }));
}

/** False where the connection has just ended, or the server takes no message of this size. */
function publish(
  connection: NatsConnection,
  what: "tracks" | "info",
  about: About,
  payload: Payload,
): boolean {
  try {
    connection.publish(`${subjectOf(about.stream)}.${what}`, payload, {
      headers: headersOf(about),
    });
    return true;
  } catch {
    return false;
  }
}

function headersOf({ session, epoch }: About): MsgHdrs {
  const all = headers();
  all.set("Lk-Form", "lkstream.v1.bin");
  all.set("Lk-Session", session);
  all.set("Lk-Epoch", `${epoch}`);
  return all;
}

/** Read anew for each connection: what was renewed on disk counts. */
async function readCredentials(file: string): Promise<Authenticator> {
  const text = await Deno.readTextFile(file);
  const bytes = new TextEncoder().encode(text);
  if (text.includes("BEGIN NATS USER JWT")) return credsAuthenticator(bytes);
  return nkeyAuthenticator(new TextEncoder().encode(text.trim()));
}

async function failure(connection: NatsConnection): Promise<never> {
  throw await connection.closed() ?? new Error("closed");
}
