/** One of several event loops of a server: a worker that `threads.ts` starts and talks to. */
import type { MetricObject } from "prom-client";
import { Calls } from "./calls.ts";
import type { FromThread, ToThread } from "./threads.ts";
import { run, type Running } from "../run.ts";

let running: Running | undefined;
const metricsOfAll = new Calls<MetricObject[][]>();

self.onmessage = async ({ data }: MessageEvent<ToThread>) => {
  switch (data.type) {
    case "start":
      return await start(data);
    case "count":
      return tell({ type: "counted", call: data.call, values: await running?.metrics() ?? [] });
    case "metrics":
      return metricsOfAll.settle(data.call, data.values);
    case "renew":
      return running?.renew(data.credentials);
    case "close":
      await running?.close(data.drainMs);
      return tell({ type: "closed" });
  }
};

async function start({ config, tls, shared, feeds }: Extract<ToThread, { type: "start" }>) {
  try {
    const metrics = () => metricsOfAll.make((call) => tell({ type: "metrics", call }));
    running = await run(config, { tls, shared: { ...shared, metrics }, feeds });
    tell({ type: "listening", url: running.url, engine: running.engine });
  } catch (error) {
    tell({ type: "failed", message: error instanceof Error ? error.message : String(error) });
  }
}

function tell(message: FromThread): void {
  (self as unknown as Worker).postMessage(message);
}
