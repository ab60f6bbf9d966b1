import type { MetricObject } from "prom-client";
import type { EngineInfo } from "../../protocol/mod.ts";
import { Calls } from "./calls.ts";
import { Census } from "./census.ts";
import type { Config } from "../config.ts";
import type { Credentials } from "../credentials.ts";
import type { ServeOptions, Shared } from "../http/server.ts";
import { Load } from "../load.ts";
import type { FeedPort } from "../sinks/feed.ts";
import { Names } from "./names.ts";
import { connectionsOf } from "../http/listener.ts";
import type { Running } from "../run.ts";

/** To a thread. */
export type ToThread =
  | {
    type: "start";
    config: Config;
    tls: ServeOptions["tls"];
    shared: SharedBuffers;
    feeds: FeedPort[];
  }
  /** Asks for what this thread has counted. */
  | { type: "count"; call: number }
  /** Answers its `metrics`. */
  | { type: "metrics"; call: number; values: MetricObject[][] }
  | { type: "renew"; credentials: Credentials }
  | { type: "close"; drainMs: number };

/** What all event loops count in. */
type SharedBuffers = Pick<Shared, "census" | "load" | "names">;

/** From a thread. */
export type FromThread =
  | { type: "listening"; url: string; engine: EngineInfo }
  | { type: "failed"; message: string }
  | { type: "counted"; call: number; values: MetricObject[] }
  /** Asks for what all threads have counted. */
  | { type: "metrics"; call: number }
  | { type: "closed" };

/**
 * Serves with several event loops in one process: the system spreads the
 * connections to the port among them. Each has an engine of its own over the
 * same library; sessions are counted together, connections are
 * shared out.
 *
 * @param connect makes the ends of channels to the sinks, for one event loop
 */
export async function runThreads(
  config: Config,
  tls: ServeOptions["tls"],
  connect: () => FeedPort[],
): Promise<Running> {
  const shared = {
    census: Census.share(),
    load: Load.share(),
    names: Names.share(config.limits.maxSessions),
  };
  const maxConnections = Math.ceil(connectionsOf(config.limits) / config.threads);
  const limits = { ...config.limits, maxConnections };
  const all: Thread[] = [];
  const metrics = () => Promise.all(all.map((thread) => thread.count()));
  const start = (port: number): Promise<Thread> => {
    const thread = new Thread(metrics);
    all.push(thread);
    return thread.start({ ...config, port, limits }, tls, shared, connect());
  };
  try {
    const first = await start(config.port);
    const port = Number(new URL(first.url).port); // the one that was picked, if 0 was asked for
    await Promise.all(Array.from({ length: config.threads - 1 }, () => start(port)));
    return {
      url: first.url,
      engine: first.engine,
      metrics: async () => (await metrics()).flat(),
      renew: (credentials) => all.forEach((thread) => thread.renew(credentials)),
      close: async (drainMs) => {
        await Promise.all(all.map((thread) => thread.close(drainMs)));
      },
    };
  } catch (error) {
    await Promise.all(all.map((thread) => thread.close()));
    throw error;
  }
}

/** A worker that runs `thread.ts`. */
class Thread {
  url = "";
  engine!: EngineInfo;
  readonly #worker = new Worker(new URL("./thread.ts", import.meta.url), {
    type: "module",
    name: "lkstream-thread",
  });
  readonly #counts = new Calls<MetricObject[]>();
  readonly #started = Promise.withResolvers<this>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #metrics: () => Promise<MetricObject[][]>;

  constructor(metrics: () => Promise<MetricObject[][]>) {
    this.#metrics = metrics;
    this.#worker.onmessage = ({ data }: MessageEvent<FromThread>) => this.#receive(data);
  }

  start(
    config: Config,
    tls: ServeOptions["tls"],
    shared: SharedBuffers,
    feeds: FeedPort[],
  ): Promise<this> {
    this.#tell({ type: "start", config, tls, shared, feeds }, feeds.map(({ port }) => port));
    return this.#started.promise;
  }

  count(): Promise<MetricObject[]> {
    return this.#counts.make((call) => this.#tell({ type: "count", call }));
  }

  renew(credentials: Credentials): void {
    this.#tell({ type: "renew", credentials });
  }

  async close(drainMs = 0): Promise<void> {
    this.#tell({ type: "close", drainMs });
    await this.#closed.promise;
    this.#worker.terminate();
  }

  async #receive(message: FromThread): Promise<void> {
    switch (message.type) {
      case "listening":
        this.url = message.url;
        this.engine = message.engine;
        return this.#started.resolve(this);
      case "failed":
        return this.#started.reject(new Error(message.message));
      case "counted":
        return this.#counts.settle(message.call, message.values);
      case "metrics":
        return this.#tell({ type: "metrics", call: message.call, values: await this.#metrics() });
      case "closed":
        return this.#closed.resolve();
    }
  }

  #tell(message: ToThread, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }
}
