import type { Limits } from "../protocol/mod.ts";

/** What the server takes from its clients at most. Each is a flag; `config.ts` has ranges and texts. */
export interface ServerLimits extends Limits {
  /** Sessions at once. */
  maxSessions: number;
  /** Sessions at once of one address; null: 16, but any number of this machine's own. */
  maxSessionsPerAddress: number | null;
  /** TCP connections at once, those of sessions among them; null: 512 more than sessions. */
  maxConnections: number | null;
  /** Frames a second that are worked on for one session; more wait, and give way to newer ones. */
  maxFrameRate: number;
  /** Control messages a second of one session. */
  maxControlRate: number;
  /** Polygons of a mask, and corners of them all together. */
  maxMaskPolygons: number;
  maxMaskCorners: number;
  /** Bytes of a request's header. */
  maxHeaderBytes: number;
  /** From connecting to the end of the request's header. */
  handshakeMs: number;
  /** From the first byte of a message to its last. */
  messageMs: number;
  /** A session may be silent for so long. */
  idleMs: number;
}

export const DEFAULT_LIMITS: Readonly<ServerLimits> = {
  maxFrameBytes: 8 << 20,
  maxFramePixels: 3840 * 2160,
  maxPoints: 10_000,
  maxSessions: 64,
  maxSessionsPerAddress: null,
  maxConnections: null,
  maxFrameRate: 240,
  maxControlRate: 200,
  maxMaskPolygons: 100,
  maxMaskCorners: 1000,
  maxHeaderBytes: 16 << 10,
  handshakeMs: 10_000,
  messageMs: 15_000,
  idleMs: 300_000,
};

/** The part of the limits that a client is told in `hello`. */
export function toldLimits({ maxFrameBytes, maxFramePixels, maxPoints }: Limits): Limits {
  return { maxFrameBytes, maxFramePixels, maxPoints };
}
