import { monitorEventLoopDelay } from "node:perf_hooks";
import { AggregatorRegistry, Counter, Gauge, type MetricObject, Registry } from "prom-client";
import { type EngineInfo, LOST_REASONS, type Tracks } from "../protocol/mod.ts";
import type { EngineCounters } from "../tracking/engine.ts";
import { Durations, Tally } from "./counting.ts";

/** Why a frame was dropped: a newer one came, while the engine, the reader or the rate held it up; or the session ended. */
export type DropReason = "newer" | "slow_reader" | "rate" | "closed";

/** Bounds in seconds: a frame at 60 Hz, at 30 Hz, and what a person notices. */
const SECONDS = [
  0.0005,
  0.001,
  0.002,
  0.005,
  0.01,
  0.0167,
  0.0333,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  10,
];
const STAGES = ["queue", "decode", "track", "detect", "server"] as const;

/** What one event loop counts for `/metrics`, in Prometheus' text form. */
export class Metrics implements Disposable {
  readonly #registry = new Registry();
  readonly #register = { registers: [this.#registry] };
  readonly #loop = monitorEventLoopDelay({ resolution: 10 });

  readonly sessions = new Gauge({
    name: "lkstream_sessions",
    help: "Sessions that are open",
    ...this.#register,
  });
  readonly sessionsOpened = new Counter({
    name: "lkstream_sessions_opened_total",
    help: "Sessions opened",
    ...this.#register,
  });
  readonly sessionsClosed = new Counter({
    name: "lkstream_sessions_closed_total",
    help: "Sessions closed, by WebSocket close code",
    labelNames: ["code"],
    ...this.#register,
  });
  readonly refused = new Counter({
    name: "lkstream_refused_total",
    help: "Connections refused before they became a session, by code",
    labelNames: ["code"],
    ...this.#register,
  });
  readonly framesReceived = new Tally({
    name: "lkstream_frames_received_total",
    help: "Frames received",
    ...this.#register,
  });
  readonly bytesReceived = new Tally({
    name: "lkstream_frame_bytes_received_total",
    help: "Bytes of the frames received",
    ...this.#register,
  });
  readonly framesProcessed = new Tally({
    name: "lkstream_frames_processed_total",
    help: "Frames answered with tracks",
    ...this.#register,
  });
  readonly framesDropped = new Counter({
    name: "lkstream_frames_dropped_total",
    help: "Frames that gave way to a newer one or to the end of their session, by reason",
    labelNames: ["reason"],
    ...this.#register,
  });
  readonly errors = new Counter({
    name: "lkstream_errors_total",
    help: "Errors told to clients, by code",
    labelNames: ["code"],
    ...this.#register,
  });
  readonly controls = new Counter({
    name: "lkstream_control_messages_total",
    help: "Control messages received",
    ...this.#register,
  });
  readonly points = new Gauge({
    name: "lkstream_points",
    help: "Points that live, in all sessions",
    ...this.#register,
  });
  readonly pointsTracked = new Tally({
    name: "lkstream_points_tracked_total",
    help: "Points told with frames, new ones included",
    ...this.#register,
  });
  readonly pointsLost = new Counter({
    name: "lkstream_points_lost_total",
    help: "Points lost, by reason",
    labelNames: ["reason"],
    ...this.#register,
  });
  readonly engineFailures = new Counter({
    name: "lkstream_engine_failures_total",
    help: "Engines taken out because they failed or missed their deadline, by engine",
    labelNames: ["engine"],
    ...this.#register,
  });
  readonly sinkDelivered = new Counter({
    name: "lkstream_sink_delivered_total",
    help: "Tracks messages that reached a sink's broker or its viewers, by sink",
    labelNames: ["sink"],
    ...this.#register,
  });
  readonly sinkDropped = new Counter({
    name: "lkstream_sink_dropped_total",
    help: "Tracks messages that a sink did not get: a newer one of the stream came (newer), or " +
      "nobody was there to take it (lost)",
    labelNames: ["sink", "reason"],
    ...this.#register,
  });
  readonly sinkConnected = new Gauge({
    name: "lkstream_sink_connected",
    help: "Who is at a sink's other end: 1 while the broker is there, or the number of viewers",
    labelNames: ["sink"],
    aggregator: "max",
    ...this.#register,
  });
  readonly #latency = new Durations(
    "lkstream_latency_seconds",
    "Time a frame spent, by stage; server is from receipt to the tracks message",
    STAGES,
    SECONDS,
    this.#registry,
  );
  readonly #engine = new Gauge({
    name: "lkstream_engine",
    help: "1 for the engine in use",
    labelNames: ["engine", "device"],
    aggregator: "max",
    ...this.#register,
  });

  /**
   * @param counters what the engine has counted, asked whenever the metrics are
   * @param free how much room there is for further sessions, from 0 to 1
   */
  constructor(
    counters: () => EngineCounters | null = () => null,
    free: () => number = () => 1,
  ) {
    this.#loop.enable();
    for (const code of ["session_limit", "address_limit", "unauthorized"]) {
      this.refused.inc({ code }, 0);
    }
    new Gauge({
      name: "lkstream_engine_jpegs",
      help:
        "JPEGs that the engine in use has decoded, by decoder; refused: given by the GPU to libjpeg",
      labelNames: ["decoder"],
      collect: collectInto((gauge) => {
        gauge.reset();
        const counted = counters();
        if (!counted) return;
        gauge.set({ decoder: "gpu" }, counted.jpegsOnGpu);
        gauge.set({ decoder: "libjpeg" }, counted.jpegsOnCpu);
        gauge.set({ decoder: "refused" }, counted.jpegsRefused);
      }),
      ...this.#register,
    });
    new Gauge({
      name: "lkstream_engine_devices",
      help: "GPUs of the engine in use: those that work, and those given up",
      labelNames: ["state"],
      aggregator: "max",
      collect: collectInto((gauge) => {
        gauge.reset();
        const counted = counters();
        if (!counted) return;
        gauge.set({ state: "working" }, counted.devices - counted.failedDevices);
        gauge.set({ state: "failed" }, counted.failedDevices);
      }),
      ...this.#register,
    });
    new Gauge({
      name: "lkstream_loop_delay_seconds",
      help: "99th percentile of the event loop's delay since the last look; the worst of all loops",
      aggregator: "max",
      collect: collectInto((gauge) => {
        gauge.set(this.#loop.percentile(99) / 1e9);
        this.#loop.reset();
      }),
      ...this.#register,
    });
    new Gauge({
      name: "lkstream_free",
      help:
        "How much room there is for further sessions, from 0 to 1, as /v1/load says; 0 while stopping",
      aggregator: "min",
      collect: collectInto((gauge) => gauge.set(free())),
      ...this.#register,
    });
    new Gauge({
      name: "lkstream_memory_bytes",
      help: "Memory of the process: resident, and the largest JavaScript heap of its event loops",
      labelNames: ["kind"],
      aggregator: "max",
      collect: collectInto((gauge) => {
        const { rss, heapUsed } = Deno.memoryUsage();
        gauge.set({ kind: "resident" }, rss);
        gauge.set({ kind: "heap" }, heapUsed);
      }),
      ...this.#register,
    });
  }

  engine({ name, device }: EngineInfo): void {
    this.#engine.reset();
    this.#engine.set({ engine: name, device }, 1);
    this.engineFailures.inc({ engine: name }, 0); // a rise from nothing is none to Prometheus
  }

  /** Counts a frame that was answered. */
  processed({ timing, detected, points, lost }: Tracks): void {
    this.framesProcessed.inc();
    this.pointsTracked.inc(points.id.length);
    for (const code of lost.reason) this.pointsLost.inc({ reason: LOST_REASONS[code - 1] });
    for (let i = 0; i < STAGES.length; i++) {
      const stage = STAGES[i];
      if (stage !== "detect" || detected) this.#latency.add(i, timing[stage] / 1000);
    }
  }

  /** All values, to be merged with those of other event loops. */
  values(): Promise<MetricObject[]> {
    return this.#registry.getMetricsAsJSON() as unknown as Promise<MetricObject[]>;
  }

  /** The text form of several loops' values together. */
  static text(values: MetricObject[][]): Promise<string> {
    return AggregatorRegistry.aggregate(values).metrics();
  }

  [Symbol.dispose](): void {
    this.#loop.disable();
  }
}

/** prom-client gives the gauge as `this`. */
function collectInto(collect: (gauge: Gauge) => void): (this: Gauge) => void {
  return function () {
    collect(this);
  };
}
