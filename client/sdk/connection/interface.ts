import type {
  EngineInfo,
  Hello,
  Options,
  PartialOptions,
  ResultForm,
  Stats,
  Tracks,
} from "../../../protocol/mod.ts";
import type { LkstreamError } from "./errors.ts";
import type { FrameTimes, Spent } from "./frame_times.ts";
import type { Resumed } from "./resuming.ts";
import type { SocketClass } from "./stream.ts";

/** How `connect` connects; all of it may be left out. */
export interface ConnectOptions {
  /** For a server that was started with one. */
  token?: string;
  /**
   * A name for the stream: a server that publishes tracks does so under it. Letters, digits, `-` and
   * `_`, 64 at most; no two streams of a server have the same one.
   */
  stream?: string;
  /** Tracking options to begin with; the others have their defaults. */
  options?: PartialOptions;
  /** How tracks travel: binary columns, the default, or JSON. The `tracks` event is the same. */
  results?: ResultForm;
  /** A link on which nothing comes for so long while frames are unanswered is dead; 10 s by default. */
  silentMs?: number;
  /** A server that does not begin a session for so long is not there; 5 s by default. */
  connectMs?: number;
  /**
   * Go on with the same points after a gap, at whichever server is there; true by default. Frames
   * of the gap are kept for that, 2 s and 8 MiB at most.
   */
  resume?: boolean;
  /** How long to wait before the n-th try to reconnect, from 1; at most 0.1 s, then 0.5 to 10 s by default. */
  pauseMs?: (attempt: number) => number;
  /** A class like the platform's `WebSocket`, where there is none: that of the package `ws`. */
  WebSocket?: SocketClass;
}

/** Where a connection stands. */
export type ConnectionState =
  | { name: "connecting" }
  | { name: "open" }
  | { name: "reconnecting"; attempt: number; inMs: number; error: LkstreamError }
  | { name: "closed"; error?: LkstreamError };

/** Events of a `Connection`. */
export interface ConnectionEvents {
  state: ConnectionState;
  hello: Hello;
  /** Another engine goes on in the server; its `reason` says why. Points live on, unless tracks say reset. */
  engine: EngineInfo;
  tracks: Tracks;
  /** Where the time of the frame went whose tracks came just before. */
  frame: FrameTimes;
  configured: Options;
  added: number[];
  /** Share of the frame that is allowed; null before the first frame. */
  masked: number | null;
  stats: Stats;
  /** After a gap the points live on, under their ids, and the frames of the gap are answered. */
  resumed: Resumed;
  /** After a gap the points begin anew; no id that was given out before comes again. */
  anew: Anew;
  error: LkstreamError;
}

/** Why a stream could not go on: more was missed than is kept, or the server cannot or would not. */
export interface Anew {
  reason: "gap" | "server";
}

/** A frame's number and time, and whether tracking begins anew with it. */
export interface SendOptions {
  /** The next number if left out. */
  seq?: number;
  /** The client's clock in milliseconds; `performance.now()` if left out. */
  timestamp?: number;
  reset?: boolean;
  /** Comes back in the `frame` event. */
  spent?: Spent;
}
