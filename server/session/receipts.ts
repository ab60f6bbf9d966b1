import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import type { WebSocket } from "ws";

/** A client is asked after so many bytes, one question at a time. */
export const ASK_BYTES = 1 << 18;
/** Nobody guesses it. */
const MARK_BYTES = 8;

/**
 * Counts what a client has not read yet. Deno's TLS takes all that is written at
 * once, so a socket's `bufferedAmount` says nothing of the reader; but who answers
 * a ping has read what was sent before it.
 */
export class Receipts {
  readonly #ws: WebSocket;
  readonly #read: () => void;
  #sent = 0;
  #acknowledged = 0;
  /** The ping that is not answered, and what had been sent before it. */
  #asked: { mark: Buffer; sent: number } | null = null;

  /** @param read called when a client has read what it was asked about */
  constructor(ws: WebSocket, read: () => void) {
    this.#ws = ws;
    this.#read = read;
    ws.on("pong", (data: Buffer) => this.#answered(data));
  }

  /** Bytes that were sent since the last ping that was answered. */
  get unread(): number {
    return this.#sent - this.#acknowledged;
  }

  sent(bytes: number): void {
    this.#sent += bytes;
    if (this.#asked || this.unread < ASK_BYTES || this.#ws.readyState !== this.#ws.OPEN) return;
    this.#asked = { mark: randomBytes(MARK_BYTES), sent: this.#sent };
    this.#ws.ping(this.#asked.mark);
  }

  #answered(data: Buffer): void {
    if (!this.#asked || !data.equals(this.#asked.mark)) return;
    this.#acknowledged = this.#asked.sent;
    this.#asked = null;
    this.sent(0); // there may be enough for the next question
    this.#read();
  }
}
