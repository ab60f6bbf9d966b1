import type { Log } from "../log.ts";
import type { FeedPort } from "./feed.ts";
import type { Credentials } from "../credentials.ts";
import type { SinkConfig } from "./kinds.ts";

/** To a sink's worker. */
export type ToSinkWorker =
  | { type: "open"; config: SinkConfig }
  /** A further event loop. */
  | { type: "feed"; port: MessagePort }
  | { type: "renew"; credentials: Credentials }
  | { type: "close" };

/** From a sink's worker. */
export type FromSinkWorker =
  | { type: "opened" }
  | { type: "failed"; message: string }
  | { type: "log"; event: string; fields: Record<string, string | number> }
  | { type: "closed" };

/** A sink that is at the end of its time gets so long to say goodbye. */
const CLOSE_MS = 2000;

/** The sinks of a server, each in a worker of its own. */
export class Sinks {
  readonly #open: SinkWorker[] = [];

  /** @throws {Error} where one cannot be opened; a broker need not be there for that. */
  static async open(configs: readonly SinkConfig[], log: Log): Promise<Sinks> {
    const sinks = new Sinks();
    try {
      for (const config of configs) {
        const worker = new SinkWorker(config, log);
        sinks.#open.push(worker);
        await worker.opened;
      }
    } catch (error) {
      await sinks.close();
      throw error;
    }
    return sinks;
  }

  /** The ends for one event loop, of a channel to each sink. */
  connect(): FeedPort[] {
    return this.#open.map((worker) => ({ sink: worker.name, port: worker.connect() }));
  }

  renew(credentials: Credentials): void {
    for (const worker of this.#open) worker.renew(credentials);
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((worker) => worker.close()));
  }
}

/** A worker that runs `worker.ts`. */
class SinkWorker {
  readonly name: string;
  readonly #worker = new Worker(new URL("./worker.ts", import.meta.url), {
    type: "module",
    name: "lkstream-sink",
  });
  readonly #opened = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();

  constructor(config: SinkConfig, log: Log) {
    this.name = config.sink;
    this.#worker.onmessage = ({ data }: MessageEvent<FromSinkWorker>) => {
      switch (data.type) {
        case "opened":
          return this.#opened.resolve();
        case "failed":
          return this.#opened.reject(new Error(data.message));
        case "log":
          return log(data.event, { sink: this.name, ...data.fields });
        case "closed":
          return this.#closed.resolve();
      }
    };
    this.#worker.onerror = (event) => {
      event.preventDefault(); // or the server ends with it
      log("sink_failed", { sink: this.name, error: event.message });
      this.#opened.reject(new Error(event.message));
      this.#closed.resolve();
    };
    this.#tell({ type: "open", config });
  }

  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  connect(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.#tell({ type: "feed", port: port2 }, [port2]);
    return port1;
  }

  renew(credentials: Credentials): void {
    this.#tell({ type: "renew", credentials });
  }

  async close(): Promise<void> {
    this.#tell({ type: "close" });
    const late = setTimeout(this.#closed.resolve, CLOSE_MS);
    await this.#closed.promise;
    clearTimeout(late);
    this.#worker.terminate();
  }

  #tell(message: ToSinkWorker, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }
}
