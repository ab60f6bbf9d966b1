import type { EngineInfo } from "../protocol/mod.ts";
import type { Config } from "./config.ts";
import { selectEngine } from "../engines/select.ts";
import { type RunningServer, serve, type ServeOptions, type Shared } from "./http/server.ts";
import { openLog } from "./log.ts";
import type { FeedPort } from "./sinks/feed.ts";

/** A log that nobody reads keeps nobody from stopping. */
const FLUSH_MS = 500;

/** What threads need beside the configuration. */
export interface RunOptions {
  tls: ServeOptions["tls"];
  shared?: Shared;
  /** To the sinks. */
  feeds?: FeedPort[];
}

export interface Running extends Omit<RunningServer, "engineEvents"> {
  readonly engine: EngineInfo;
}

/** Opens an engine and serves with it, in this event loop. */
export async function run(config: Config, { tls, shared, feeds }: RunOptions): Promise<Running> {
  const { threads, deadlineMs, library, limits } = config;
  const workers = Math.max(1, Math.floor((navigator.hardwareConcurrency - 1) / threads));
  const engine = await selectEngine(config.engine, {
    library,
    maxFramePixels: limits.maxFramePixels,
    deadlineMs,
    workers,
  });
  try {
    const { log, flush } = openLog(config.log);
    const isEngineReady = () => engine.isReady;
    const server = await serve({ ...config, tls, engine, isEngineReady, shared, feeds, log });
    engine.events = server.engineEvents;
    return {
      url: server.url,
      engine: engine.info,
      metrics: () => server.metrics(),
      renew: (credentials) => server.renew(credentials),
      async close(drainMs) {
        await server.close(drainMs);
        await flush(FLUSH_MS);
      },
    };
  } catch (error) {
    await engine.close();
    throw error;
  }
}
