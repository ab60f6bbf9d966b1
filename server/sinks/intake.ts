import type { About, FromSink, News } from "./feed.ts";
import type { Delivery, Sink } from "./sink.ts";

/**
 * News are taken no more often: what comes meanwhile, of all streams, comes together. A message to
 * another thread, and a question to a broker, cost the same for many tracks as for one.
 */
const PAUSE_MS = 5;
/** While more than this is on its way, no further news are taken. */
export const MAX_UNSETTLED_BYTES = 8 << 20;

/** Gives a sink the news of one event loop, no more than it can settle, and tells what became of them. */
export class Intake {
  readonly #sink: Sink;
  readonly #tell: (message: FromSink) => void;
  readonly #failed: (error: unknown) => void;
  readonly #streams = new Map<number, About>();
  #unsettled = 0;
  #hasFailed = false;
  /** Runs until the next news may be taken, but for what is unsettled. */
  #pause: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param failed hears the first error of the sink: others are likely to come with every frame.
   *   What the sink was given is lost, and it is given the next.
   */
  constructor(
    sink: Sink,
    tell: (message: FromSink) => void,
    failed: (error: unknown) => void,
  ) {
    this.#sink = sink;
    this.#tell = tell;
    this.#failed = failed;
  }

  take(news: readonly News[]): void {
    const deliveries = news.flatMap((one) => this.#read(one));
    const bytes = deliveries.reduce(
      (sum, { tracks, jpeg }) => sum + tracks.length + (jpeg?.length ?? 0),
      0,
    );
    this.#unsettled += bytes;
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#tellRoom();
    }, PAUSE_MS);
    if (deliveries.length > 0) void this.#settle(deliveries, bytes);
  }

  #read({ key, about, tracks, jpeg, time = 0, isOver }: News): Delivery[] {
    if (about) {
      this.#streams.set(key, about);
      void this.#attempt(() => this.#sink.about(about));
    }
    const known = this.#streams.get(key)!;
    if (isOver) {
      this.#streams.delete(key);
      void this.#attempt(() => this.#sink.over(known));
    }
    return tracks ? [{ about: known, tracks, jpeg, time }] : [];
  }

  async #settle(deliveries: Delivery[], bytes: number): Promise<void> {
    const delivered = await this.#attempt(() => this.#sink.deliver(deliveries)) ?? 0;
    const wasFull = this.#isFull;
    this.#unsettled -= bytes;
    this.#tell({ type: "counted", delivered, lost: deliveries.length - delivered });
    if (wasFull && this.#pause === undefined) this.#tellRoom();
  }

  async #attempt<T>(call: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await call();
    } catch (error) {
      if (!this.#hasFailed) this.#failed(error);
      this.#hasFailed = true;
    }
  }

  get #isFull(): boolean {
    return this.#unsettled > MAX_UNSETTLED_BYTES;
  }

  #tellRoom(): void {
    if (!this.#isFull) this.#tell({ type: "room" });
  }
}
