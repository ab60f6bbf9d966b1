import type { Connection } from "../client/sdk/connection/connection.ts";
import { LkstreamError } from "../client/sdk/connection/errors.ts";
import { MAX_UNANSWERED } from "../client/sdk/connection/flight.ts";

/** A frame to be sent. */
export interface PlayedFrame {
  jpeg: Uint8Array;
  /** When it was taken, in milliseconds; null where nothing tells. */
  time: number | null;
}

/** Frames a second where neither flag nor frames say how many. */
const USUAL_FPS = 30;

/** What became of the frames that were played. */
export interface Played {
  sent: number;
  /** Due while two frames were unanswered, or no stream was open: passed by, as a camera's would be. */
  skipped: number;
}

/** They take about two seconds. */
const LAST_TRIES = 3;

/**
 * Plays frames to a server. Resolves when all that was sent is answered. Frames carry their times.
 *
 * @param fps frames a second; 0 sends each when the one before is answered, so the server has none
 * to drop; Infinity sends each when it comes; null keeps the distances of the frames' times
 * @param signal ends the play
 * @param sent told of each frame that was sent, with its number
 * @throws {LkstreamError} where the server does not let us in, or closes for good.
 */
export async function play(
  frames: AsyncIterable<PlayedFrame>,
  connection: Connection,
  fps: number | null,
  signal: AbortSignal,
  sent: (seq: number, jpeg: Uint8Array) => void = () => {},
): Promise<Played> {
  using changes = new Changes(connection, signal);
  await changes.until(() => connection.state.name === "open");
  const played = { sent: 0, skipped: 0 };
  const startedAt = performance.now();
  let number = 0, first: number | null = null;
  for await (const { jpeg, time } of frames) {
    first ??= time;
    const due = fps === null && time !== null ? time - first! : 1000 * number / (fps ?? USUAL_FPS);
    number++;
    if (fps === 0) await changes.until(() => connection.free === MAX_UNANSWERED);
    else if (fps !== Infinity) await changes.pauseUntil(startedAt + due);
    if (signal.aborted) break;
    const timestamp = time ?? undefined;
    const seq = connection.send(jpeg, { timestamp });
    if (seq === null) {
      played.skipped++;
      continue;
    }
    played.sent++;
    sent(seq, jpeg);
  }
  await changes.until(() => connection.free === MAX_UNANSWERED || isGivenUp(connection));
  return played;
}

/** The last frames wait for a server that is there again soon: later they could not be gone on with. */
function isGivenUp({ state }: Connection): boolean {
  return state.name === "reconnecting" && state.attempt > LAST_TRIES;
}

/** Waits for what the events of a connection bring about. */
class Changes implements Disposable {
  readonly #connection: Connection;
  readonly #signal: AbortSignal;
  readonly #off: (() => void)[];
  #look: () => void = () => {};

  constructor(connection: Connection, signal: AbortSignal) {
    this.#connection = connection;
    this.#signal = signal;
    const look = () => this.#look();
    signal.addEventListener("abort", look);
    this.#off = [
      connection.on("state", look),
      connection.on("tracks", look),
      connection.on("resumed", look),
      connection.on("anew", look),
      connection.on("error", look),
      () => signal.removeEventListener("abort", look),
    ];
  }

  /** Resolves when `holds`, or the play is to end. */
  async until(holds: () => boolean): Promise<void> {
    for (;;) {
      this.#check();
      if (this.#signal.aborted || holds()) return;
      await new Promise<void>((look) => this.#look = look);
    }
  }

  /** Resolves at a time of `performance.now()`, or when the play is to end. */
  async pauseUntil(time: number): Promise<void> {
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
      this.#look();
    }, Math.max(0, time - performance.now()));
    try {
      await this.until(() => isOver);
    } finally {
      clearTimeout(timer);
    }
  }

  [Symbol.dispose](): void {
    for (const off of this.#off) off();
  }

  /** Who was never let in is told so; a stream that is lost later is opened again. */
  #check(): void {
    const { state, hello } = this.#connection;
    if (state.name === "closed") throw state.error ?? closed();
    if (state.name === "reconnecting" && !hello) throw state.error;
  }
}

function closed(): LkstreamError {
  return new LkstreamError("disconnected", "The connection was closed");
}
