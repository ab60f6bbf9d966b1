import {
  LOST_REASONS,
  type LostReason,
  type Percentiles,
  type Stats,
  type Tracks,
} from "../../protocol/mod.ts";
import { Latency } from "./latency.ts";

const STAGES = ["queue", "decode", "track", "detect", "server"] as const;

/** A session's counters since it began. */
export class SessionStats {
  received = 0;
  processed = 0;
  dropped = 0;
  failed = 0;
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

  /** Counts a processed frame. */
  count(tracks: Tracks): void {
    this.processed++;
    for (const code of tracks.lost.reason) this.#lost[LOST_REASONS[code - 1]]++;
    for (const stage of STAGES) {
      if (stage !== "detect" || tracks.detected) this.#latency[stage].add(tracks.timing[stage]);
    }
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
