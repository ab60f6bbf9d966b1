import {
  type Capture,
  capture,
  type Connection,
  Images,
  type Source,
  type Tracks,
} from "../../sdk/mod.ts";
import type { Mode, Stage } from "../stage/stage.ts";

/** What is sent at most: pixels of the longest side, frames a second. */
export interface SendLimits {
  maxSide: number;
  maxRate: number;
}

/**
 * One run, from Start to Stop: a connection, and a source whose frames go over
 * it. Sources can be exchanged on the way.
 */
export class Live implements Disposable {
  capture: Capture | undefined;
  source: Source | undefined;
  #mode: Mode = "synchronised";
  #limits: SendLimits = { maxSide: 640, maxRate: 30 };
  #closed = false;
  /** Counts the sources asked for: one that opens after a later one was asked for is unwanted. */
  #asked = 0;

  /** @param shown called with each result of the source in use, and its frame to look at meanwhile */
  constructor(
    readonly connection: Connection,
    readonly stage: Stage,
    shown: (tracks: Tracks, frame: ImageBitmap | null) => void,
  ) {
    connection.on("tracks", (tracks) => {
      if (!this.capture?.hasSent(tracks.seq)) return; // of the source before this one
      const frame = this.capture.take(tracks.seq);
      shown(tracks, frame);
      stage.result(tracks, frame); // and the frame is gone
    });
  }

  /** Frames are kept only where results are shown on them. */
  set mode(mode: Mode) {
    this.#mode = mode;
    if (this.capture) this.capture.keepFrames = mode === "synchronised";
  }

  limit({ maxSide, maxRate }: SendLimits): void {
    this.#limits = { maxSide, maxRate };
    if (this.capture) Object.assign(this.capture, this.#limits);
    if (this.source instanceof Images) this.source.rate = maxRate;
  }

  /** Goes on with another source. Undefined where Stop or a later choice came first, also if it failed. */
  async use(open: () => Source | Promise<Source>): Promise<Source | undefined> {
    const asked = ++this.#asked;
    const isUnwanted = () => this.#closed || asked !== this.#asked;
    this.#closeSource(); // first: many cameras cannot be opened twice
    let source: Source;
    try {
      source = await open();
    } catch (error) {
      if (isUnwanted()) return undefined;
      throw error;
    }
    if (isUnwanted()) {
      source.close();
      return undefined;
    }
    this.source = source;
    this.stage.show(source.picture);
    this.capture = capture(source.picture, this.connection, {
      ...this.#limits,
      keepFrames: this.#mode === "synchronised",
    });
    return source;
  }

  /** Ends everything. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#closeSource();
    this.connection.close();
    this.stage.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #closeSource(): void {
    this.capture?.close();
    this.source?.close();
    this.capture = this.source = undefined;
  }
}
