import type { Flags } from "../flags.ts";
import type { FoxgloveConfig } from "./foxglove.ts";
import type { NatsConfig } from "./nats.ts";
import type { Sink, SinkEvents } from "./sink.ts";

/**
 * The sinks that there are, in the order in which they are opened: `read` gives null where the flags
 * are not given; `open` runs in the sink's worker, and loads what this sink alone needs. Their names
 * are labels of metrics.
 */
const KINDS = {
  nats: {
    flags: {
      publish: {
        value: "URL",
        text: "publish the tracks of streams with a name to this NATS server, such as " +
          "nats://127.0.0.1:4222, or tls://host for TLS; may be repeated for a cluster",
      },
      "publish-credentials": {
        value: "FILE",
        text: "a NATS user's credentials, or the seed of an nkey",
      },
      "publish-ca": {
        value: "FILE",
        text: "certificates (PEM) that those of the NATS servers are signed by",
      },
    },
    read: readPublish,
    async open(config: NatsConfig, events: SinkEvents): Promise<Sink> {
      const { NatsSink } = await import("./nats.ts");
      return new NatsSink(config, events);
    },
  },
  foxglove: {
    flags: {
      foxglove: {
        value: "PORT",
        text: "show streams with a name to Foxglove and Lichtblick at this port, by the same token",
      },
    },
    read: (flags: Flags<"foxglove">) =>
      flags.given("foxglove") === undefined ? null : { port: flags.whole("foxglove", 0, 65535) },
    async open(config: FoxgloveConfig, events: SinkEvents): Promise<Sink> {
      const { FoxgloveSink } = await import("./foxglove.ts");
      return await FoxgloveSink.open(config, events);
    },
  },
};
export const SINK_FLAGS = { ...KINDS.nats.flags, ...KINDS.foxglove.flags };

/** What flags say of a sink; `sink` is its name. */
export type AskedSink = { sink: "nats" } & NatsConfig | { sink: "foxglove"; port: number };
/** What a sink is opened with. */
export type SinkConfig = { sink: "nats" } & NatsConfig | { sink: "foxglove" } & FoxgloveConfig;

/** @throws {ConfigError} */
export function readSinks(flags: Flags<keyof typeof SINK_FLAGS>): AskedSink[] {
  return Object.entries(KINDS).flatMap(([sink, kind]) => {
    const asked = kind.read(flags);
    return asked ? [{ sink, ...asked } as AskedSink] : [];
  });
}

export function openSink(config: SinkConfig, events: SinkEvents): Promise<Sink> {
  return KINDS[config.sink].open(config as never, events);
}

function readPublish(
  flags: Flags<"publish" | "publish-credentials" | "publish-ca">,
): NatsConfig | null {
  const servers = flags.list("publish");
  const credentials = flags.text("publish-credentials"), ca = flags.text("publish-ca");
  if (servers.length === 0) {
    if (!credentials && !ca) return null;
    throw flags.bad("publish", "", "servers such as nats://127.0.0.1:4222, for --publish-…");
  }
  for (const server of servers) {
    const url = URL.parse(server);
    const isServer = url && /^(nats|tls):$/.test(url.protocol) && url.hostname &&
      !url.username && !url.password && !url.search && /^\/?$/.test(url.pathname);
    if (isServer) continue;
    throw flags.bad(
      "publish",
      hidden(server),
      "servers such as nats://host:4222 and tls://host:4222; a user goes into --publish-credentials",
    );
  }
  return { servers, credentials: credentials || null, ca: ca || null };
}

/** An address may have a password in it. */
function hidden(server: string): string {
  return server.replace(/\/\/.*@/, "//…@");
}
