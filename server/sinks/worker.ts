/** A sink in a thread of its own, fed by all event loops of the server. */
import type { FromSink, News } from "./feed.ts";
import { Intake } from "./intake.ts";
import { openSink } from "./kinds.ts";
import type { Sink, SinkEvents } from "./sink.ts";
import type { FromSinkWorker, ToSinkWorker } from "./sinks.ts";

const ports: MessagePort[] = [];
/** The latest of each kind, for ports that come later. */
const told = new Map<string, FromSink>();
let sink: Promise<Sink>;

const events: SinkEvents = {
  log: (event, fields = {}) => tell({ type: "log", event, fields }),
  connected: (count) => tellLoops({ type: "connected", count }),
  wanted: (named, others) => tellLoops({ type: "wanted", named: [...named], others }),
};

self.onmessage = async ({ data }: MessageEvent<ToSinkWorker>) => {
  switch (data.type) {
    case "open":
      sink = openSink(data.config, events);
      return await sink.then(
        () => tell({ type: "opened" }),
        (error) => tell({ type: "failed", message: error.message }),
      );
    case "feed":
      return feed(data.port, await sink);
    case "renew":
      return (await sink).renew?.(data.credentials);
    case "close":
      await (await sink).close();
      return tell({ type: "closed" });
  }
};

function feed(port: MessagePort, sink: Sink): void {
  const intake = new Intake(sink, (message) => port.postMessage(message), sayFailed);
  port.onmessage = ({ data }: MessageEvent<News[]>) => intake.take(data);
  for (const message of told.values()) port.postMessage(message);
  ports.push(port);
}

function tellLoops(message: FromSink): void {
  told.set(message.type, message);
  for (const port of ports) port.postMessage(message);
}

function tell(message: FromSinkWorker): void {
  (self as unknown as Worker).postMessage(message);
}

function sayFailed(error: unknown): void {
  events.log("sink_failed", { error: `${error}` });
}

// Whatever fails in here, the server serves on, and so does the sink: a socket that is reset while
// it opens says so to nobody but these.
self.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  sayFailed(event.reason);
});
self.addEventListener("error", (event) => {
  event.preventDefault();
  sayFailed(event.message);
});
