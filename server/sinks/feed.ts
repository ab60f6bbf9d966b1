import { encodeTracks, type EngineInfo, type Options, type Tracks } from "../../protocol/mod.ts";
import type { Metrics } from "../metrics.ts";

/** What a sink is told of a stream, once and whenever it changes. */
export interface About {
  /** Its name. */
  stream: string;
  session: string;
  /** Ids mean the same points as long as it stays. */
  epoch: number;
  /** Name and version. */
  server: string;
  engine: EngineInfo;
  options: Options;
  /** Frame size in pixels. */
  width: number;
  height: number;
}

/** What is new of one stream: of several tracks the newest, in the binary form of the wire. */
export interface News {
  /** The stream's number among those of its event loop. */
  key: number;
  about?: About;
  tracks?: Uint8Array<ArrayBuffer>;
  /** The frame of these tracks, where somebody wants it. */
  jpeg?: Uint8Array<ArrayBuffer>;
  /** When they were made: milliseconds since 1970. */
  time?: number;
  /** It ended; what else is new came before that. */
  isOver?: true;
}

/** What a sink wants of a stream. */
export const Want = { nothing: 0, tracks: 1, frames: 2 } as const;
export type Want = typeof Want[keyof typeof Want];

/** From the sink's worker to an event loop. */
export type FromSink =
  /** There is room for further news. */
  | { type: "room" }
  /** What became of tracks since this was last told. */
  | { type: "counted"; delivered: number; lost: number }
  /** Who is at the other end: a broker, or so many viewers. */
  | { type: "connected"; count: number }
  /** What is wanted of streams: of each that is named that, of any other `others`. */
  | { type: "wanted"; named: [string, Want][]; others: Want };

/** The end of a channel to a sink's worker. */
export interface FeedPort {
  /** The sink's name, such as nats. */
  sink: string;
  port: MessagePort;
}

/** Where it is counted what becomes of tracks. */
type Counters = Pick<Metrics, "sinkDelivered" | "sinkDropped" | "sinkConnected">;

/** One stream, as its session feeds it to a sink. */
export interface FeedStream {
  about(about: About): void;
  /** Copies at once. @param jpeg the frame that the tracks are of */
  tracks(tracks: Tracks, jpeg: Uint8Array): void;
  /** Idempotent. */
  close(): void;
}

/**
 * Feeds a sink, which lives in a worker, with the tracks of one event loop. Never waits: what the
 * sink has no room for stays here, the newest of each stream, and what gives way is counted. So it
 * holds one message a stream at most, whatever the sink does.
 */
export class Feed implements Disposable {
  readonly #sink: string;
  readonly #port: MessagePort;
  readonly #metrics: Counters;
  /** What the sink is yet to be told. */
  #news = new Map<number, News>();
  /** Streams of which it was told, by their keys. */
  readonly #told = new Set<number>();
  #hasRoom = true;
  #streams = 0;
  #named = new Map<string, Want>();
  #others: Want = Want.nothing;

  constructor({ sink, port }: FeedPort, metrics: Counters) {
    this.#sink = sink;
    this.#port = port;
    this.#metrics = metrics;
    metrics.sinkConnected.set({ sink }, 0);
    metrics.sinkDelivered.inc({ sink }, 0);
    for (const reason of ["newer", "lost"]) metrics.sinkDropped.inc({ sink, reason }, 0);
    port.onmessage = ({ data }: MessageEvent<FromSink>) => this.#hear(data);
  }

  open(): FeedStream {
    const key = this.#streams++;
    let about: About | undefined;
    let isOver = false;
    return {
      about: (is) => {
        if (isOver) return;
        about = is;
        this.#put({ key, about });
      },
      tracks: (tracks, jpeg) => {
        const want = isOver || !about ? Want.nothing : this.#wantOf(about.stream);
        if (want === Want.nothing) return;
        const frame = want === Want.frames ? jpeg.slice() : undefined;
        this.#put({ key, tracks: encodeTracks(tracks), jpeg: frame, time: Date.now() });
      },
      close: () => {
        if (!isOver) this.#end(key);
        isOver = true;
      },
    };
  }

  /** Lets go of the sink. Idempotent. */
  [Symbol.dispose](): void {
    this.#port.close();
    this.#news.clear();
  }

  #wantOf(stream: string): Want {
    return this.#named.get(stream) ?? this.#others;
  }

  #put(news: News): void {
    const before = this.#news.get(news.key);
    if (before?.tracks && news.tracks) this.#dropped("newer", 1);
    this.#news.set(news.key, { ...before, ...news });
    this.#send();
  }

  /** A sink that takes nothing is not told of all streams that came and went. */
  #end(key: number): void {
    if (this.#told.has(key)) return this.#put({ key, isOver: true });
    if (this.#news.get(key)?.tracks) this.#dropped("lost", 1);
    this.#news.delete(key);
  }

  #send(): void {
    if (!this.#hasRoom || this.#news.size === 0) return;
    this.#hasRoom = false;
    const news = [...this.#news.values()];
    this.#news = new Map();
    for (const { key, isOver } of news) isOver ? this.#told.delete(key) : this.#told.add(key);
    const buffers = news.flatMap(({ tracks, jpeg }) =>
      [tracks, jpeg].flatMap((bytes) => bytes ? [bytes.buffer] : [])
    );
    this.#port.postMessage(news, buffers);
  }

  #hear(message: FromSink): void {
    const sink = this.#sink;
    switch (message.type) {
      case "room":
        this.#hasRoom = true;
        return this.#send();
      case "counted":
        this.#metrics.sinkDelivered.inc({ sink }, message.delivered);
        return this.#dropped("lost", message.lost);
      case "connected":
        return this.#metrics.sinkConnected.set({ sink }, message.count);
      case "wanted":
        this.#named = new Map(message.named);
        this.#others = message.others;
    }
  }

  #dropped(reason: "newer" | "lost", count: number): void {
    this.#metrics.sinkDropped.inc({ sink: this.#sink, reason }, count);
  }
}
