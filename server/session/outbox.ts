import { ENCODE, type ResultForm, type ServerMessage, type Tracks } from "../../protocol/mod.ts";

/** What the outbox needs of a WebSocket. */
export interface Sender {
  /** Bytes that were sent and have not left this process. */
  readonly bufferedAmount: number;
  /** `done` is called when the message has left this process, or never will. */
  send(data: string | Uint8Array, done: () => void): void;
}

/** While more than this waits for a reader that does not drain, nothing is worked on. */
const MAX_BUFFERED_BYTES = 1 << 20;

/** What goes to the client, tracks in the form that it asked for. */
export class Outbox {
  readonly #sender: Sender;
  readonly #results: ResultForm;
  readonly #drained: () => void;

  /** @param drained called whenever a message has left */
  constructor(sender: Sender, results: ResultForm, drained: () => void) {
    this.#sender = sender;
    this.#results = results;
    this.#drained = drained;
  }

  /** The client does not read what it is sent. */
  get isLagging(): boolean {
    return this.#sender.bufferedAmount > MAX_BUFFERED_BYTES;
  }

  say(message: ServerMessage): void {
    this.#sender.send(JSON.stringify(message), this.#drained);
  }

  /** Encodes at once: the columns are the tracker's own. */
  tracks(tracks: Tracks): void {
    this.#sender.send(ENCODE[this.#results](tracks), this.#drained);
  }
}
