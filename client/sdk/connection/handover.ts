import type { Hello } from "../../../protocol/mod.ts";
import type { Stream, StreamEvents } from "./stream.ts";

/** A stream that said hello, and what it said. */
export interface Arrived {
  stream: Stream;
  hello: Hello;
}

/**
 * The next stream, opened while the one before it still serves: a server that goes says so. It is
 * tried until it is there, or closed.
 */
export class Handover {
  #stream: Stream | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #arrived: Arrived | undefined;
  #attempt = 0;

  /**
   * @param open opens a stream at the next address
   * @param pauseMs before the n-th further try
   * @param arrived called once the stream is there; it then says nothing before it is sent to
   */
  constructor(
    readonly open: (events: Pick<StreamEvents, "hello" | "ended">) => Stream,
    readonly pauseMs: (attempt: number) => number,
    readonly arrived: () => void,
  ) {
    this.#try();
  }

  /** The stream that is there, the caller's from now on. */
  take(): Arrived | undefined {
    const arrived = this.#arrived;
    this.#arrived = this.#stream = undefined;
    return arrived;
  }

  get hasArrived(): boolean {
    return this.#arrived !== undefined;
  }

  /** Idempotent. */
  close(): void {
    clearTimeout(this.#retry);
    this.#stream?.close();
    this.#arrived = this.#stream = undefined;
  }

  #try(): void {
    const stream: Stream = this.open({
      hello: (hello) => {
        this.#arrived = { stream, hello };
        this.arrived();
      },
      ended: () => {
        this.#arrived = this.#stream = undefined;
        this.#retry = setTimeout(() => this.#try(), this.pauseMs(++this.#attempt));
      },
    });
    this.#stream = stream;
  }
}
