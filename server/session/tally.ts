import {
  type ErrorCode,
  LOST_REASONS,
  type LostReason,
  type Percentiles,
  type Stats,
  type Tracks,
} from "../../protocol/mod.ts";
import type { Load } from "../load.ts";
import type { DropReason, Metrics } from "../metrics.ts";
import { Latency } from "./latency.ts";

const STAGES = ["queue", "decode", "track", "detect", "server"] as const;

/**
 * All that is counted of a session, each thing in one place: for the session's own
 * statistics, and for the metrics and the load of its event loop.
 */
export class Tally {
  /** Frames: that came, were answered with tracks, gave way, and were answered by an error. */
  received = 0;
  processed = 0;
  dropped = 0;
  failed = 0;
  readonly #metrics: Metrics;
  readonly #load: Load;
  /** Live points as the metrics have them. */
  #livePoints = 0;
  readonly #began = performance.now();
  readonly #lost = Object.fromEntries(LOST_REASONS.map((reason) => [reason, 0])) as Record<
    LostReason,
    number
  >;
  readonly #latency = {
    queue: new Latency(),
    decode: new Latency(),
    track: new Latency(),
    detect: new Latency(),
    server: new Latency(),
  };

  constructor(metrics: Metrics, load: Load) {
    this.#metrics = metrics;
    this.#load = load;
  }

  /** A frame has come, in a message of so many bytes. */
  frame(bytes: number): void {
    this.received++;
    this.#metrics.framesReceived.inc();
    this.#metrics.bytesReceived.inc(bytes);
  }

  /** A frame has given way. */
  drop(reason: DropReason): void {
    this.dropped++;
    this.#metrics.framesDropped.inc({ reason });
  }

  /** A control message has come. */
  control(): void {
    this.#metrics.controls.inc();
  }

  /** An error was sent; where it is about a frame, that one has no tracks. */
  error(code: ErrorCode, isOfFrame: boolean): void {
    if (isOfFrame) this.failed++;
    this.#metrics.errors.inc({ code });
  }

  /** The session is over: none of its points lives. */
  end(): void {
    this.#points(0);
  }

  /** A frame was processed. */
  tracks(tracks: Tracks): void {
    this.processed++;
    this.#metrics.processed(tracks);
    this.#load.queued(tracks.timing.queue);
    this.#points(tracks.points.id.length);
    for (const code of tracks.lost.reason) this.#lost[LOST_REASONS[code - 1]]++;
    for (const stage of STAGES) {
      if (stage !== "detect" || tracks.detected) this.#latency[stage].add(tracks.timing[stage]);
    }
  }

  #points(live: number): void {
    this.#metrics.points.inc(live - this.#livePoints);
    this.#livePoints = live;
  }

  /** @param points ids given out so far, and points that live now */
  toMessage(session: string, points: { found: number; live: number }): Stats {
    const { queue, decode, track, detect, server } = this.#latency;
    return {
      type: "stats",
      session,
      seconds: rounded((performance.now() - this.#began) / 1000),
      frames: {
        received: this.received,
        processed: this.processed,
        dropped: this.dropped,
        failed: this.failed,
      },
      points: { live: points.live, found: points.found, lost: { ...this.#lost } },
      latency: {
        queue: percentiles(queue),
        decode: percentiles(decode),
        track: percentiles(track),
        detect: percentiles(detect),
        server: percentiles(server),
      },
    };
  }
}

/** In whole microseconds. */
function percentiles(latency: Latency): Percentiles | null {
  const found = latency.percentiles();
  return found && { p50: rounded(found.p50), p95: rounded(found.p95), p99: rounded(found.p99) };
}

/** To three decimals. */
function rounded(value: number): number {
  return Math.round(1000 * value) / 1000;
}
