import type { NatsConfig } from "../../server/sinks/nats.ts";
import type { SinkConfig } from "../../server/sinks/kinds.ts";
import { Sinks } from "../../server/sinks/sinks.ts";
import type { Client } from "./client.ts";
import { HEADER_ONLY_JPEG as JPEG } from "./header_only_jpeg.ts";
import type { Script } from "./scripted.ts";
import { withServer } from "./serving.ts";

export interface Publishing {
  url: string;
  /** Events of the sinks, in order. */
  log: string[];
  /** The event of this name that is the `count`th of its kind, once it was logged. */
  logged(event: string, count?: number): Promise<string>;
}

/** Runs `use` with a server that publishes to `servers`, over an engine that follows `script`. */
export async function publishing(
  servers: string[],
  script: Script[],
  use: (given: Publishing) => Promise<void>,
  change: Partial<NatsConfig> = {},
): Promise<void> {
  const log: string[] = [];
  let came = () => {};
  const config: SinkConfig = { sink: "nats", servers, credentials: null, ca: null, ...change };
  const sinks = await Sinks.open([config], (event, fields) => {
    log.push(`${event} ${JSON.stringify(fields)}`);
    came();
  });
  const logged = async (event: string, count = 1) => {
    for (;;) {
      const lines = log.filter((line) => line.startsWith(event));
      if (lines.length >= count) return lines[count - 1];
      await new Promise<void>((next) => came = next);
    }
  };
  try {
    await withServer({ feeds: sinks.connect() }, (url) => use({ url, log, logged }), script);
  } finally {
    await sinks.close();
    await sinks.close();
  }
}

/** Sends a frame and waits for its tracks. */
export async function track(client: Client): Promise<number> {
  client.send(JPEG);
  return (await client.nextOf("tracks"))!.tracks.seq;
}
