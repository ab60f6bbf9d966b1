import type { Credentials } from "../credentials.ts";
import type { About, Want } from "./feed.ts";

/** Tracks of a stream on their way to a sink's other end. */
export interface Delivery {
  about: About;
  /** In the binary form of the wire. */
  tracks: Uint8Array<ArrayBuffer>;
  /** The frame that they are of, where it was wanted. */
  jpeg?: Uint8Array<ArrayBuffer>;
  /** Milliseconds since 1970. */
  time: number;
}

/** What a sink tells of itself. */
export interface SinkEvents {
  log(event: string, fields?: Record<string, string | number>): void;
  /** Who is at its other end: a broker, or so many viewers. */
  connected(count: number): void;
  /** What it wants of streams: of those named that, of any other `others`. */
  wanted(named: ReadonlyMap<string, Want>, others: Want): void;
}

/**
 * Who else than the client gets tracks: a broker, viewers. Lives in a worker of its own, so what
 * it does costs sessions nothing. A sink need not bound what it holds: it is given no more while
 * deliveries of a few MB are unsettled.
 */
export interface Sink {
  /** A stream is new, or its size, engine or options are. Returns at once. */
  about(about: About): void;
  /** The stream ended. Returns at once. */
  over(about: About): void;
  /** Resolves with how many reached the other end, once that is known. Where it rejects, none did. */
  deliver(deliveries: readonly Delivery[]): Promise<number>;
  /** Takes another token and certificate for whom connects from now on; where anybody connects. */
  renew?(credentials: Credentials): void;
  /** Idempotent. */
  close(): Promise<void>;
}
