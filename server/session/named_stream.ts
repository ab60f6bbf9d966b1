import type { EngineInfo, Options, Tracks } from "../../protocol/mod.ts";
import type { About, Feed, FeedStream } from "../sinks/feed.ts";

/** What is known of a stream when it begins. */
type Beginning = Pick<About, "stream" | "session" | "epoch" | "server" | "engine" | "options">;

/** A stream with a name: whoever else wants its tracks gets them. Nobody is waited for. */
export class NamedStream {
  readonly name: string;
  readonly #feeds: FeedStream[];
  #about: About;

  constructor(beginning: Beginning, feeds: readonly Feed[]) {
    this.name = beginning.stream;
    this.#about = { ...beginning, width: 0, height: 0 };
    this.#feeds = feeds.map((feed) => feed.open());
  }

  /** Grows when ids begin anew. */
  get epoch(): number {
    return this.#about.epoch;
  }

  /** Engine or options are others now. */
  change(part: { engine?: EngineInfo; options?: Options }): void {
    this.#about = { ...this.#about, ...part };
    if (this.#about.width > 0) this.#tell(); // else with the first tracks
  }

  /** It goes on with the ids of this epoch; without one, nobody knows whether these ids are new. */
  resume(epoch: number | undefined): void {
    if (epoch !== undefined) this.#about = { ...this.#about, epoch };
  }

  /**
   * Passes tracks on, at once: the columns are the tracker's own.
   *
   * @param jpeg the frame that they are of
   */
  tracks(tracks: Tracks, jpeg: Uint8Array): void {
    const { width, height } = tracks;
    if (width !== this.#about.width || height !== this.#about.height) {
      this.#about = { ...this.#about, width, height };
      this.#tell();
    }
    for (const feed of this.#feeds) feed.tracks(tracks, jpeg);
  }

  /** Idempotent; tracks that come later go nowhere. */
  close(): void {
    for (const feed of this.#feeds.splice(0)) feed.close();
  }

  #tell(): void {
    for (const feed of this.#feeds) feed.about(this.#about);
  }
}
