import { once } from "node:events";
import { WebSocket } from "ws";
import { encodeFrame, SUBPROTOCOLS } from "../../protocol/mod.ts";
import { makeClip } from "../clip.ts";

const FRAME_MS = 30;

/**
 * A client that behaves: sends a frame every 30 ms, and notes how long it waits
 * for tracks, of the frame or of a newer one.
 */
export class GoodClient implements AsyncDisposable {
  readonly #clip = makeClip(320, 240);
  readonly #socket: WebSocket;
  readonly #timer: ReturnType<typeof setInterval>;
  /** When each frame was sent that waits for its tracks, by seq. */
  readonly #waiting = new Map<number, number>();
  #seq = 0;
  #longestMs = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Uint8Array, isBinary) => {
      if (isBinary) this.#answered(new DataView(data.buffer, data.byteOffset).getUint32(4, true));
    });
    this.#timer = setInterval(() => this.#send(), FRAME_MS);
  }

  static async open(url: string): Promise<GoodClient> {
    const socket = new WebSocket(`${url.replace("http", "ws")}/v1/stream`, SUBPROTOCOLS.bin, {
      perMessageDeflate: false,
      rejectUnauthorized: false,
    });
    await once(socket, "open");
    return new GoodClient(socket);
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** The longest wait since this was asked last, in milliseconds; who still waits counts. */
  takeLongestMs(): number {
    const now = performance.now();
    const longest = Math.max(this.#longestMs, ...[...this.#waiting.values()].map((at) => now - at));
    this.#longestMs = 0;
    return longest;
  }

  #send(): void {
    if (!this.isOpen) return;
    const seq = this.#seq++;
    const jpeg = this.#clip.jpegs[seq % this.#clip.jpegs.length];
    this.#waiting.set(seq, performance.now());
    this.#socket.send(encodeFrame({ seq, timestamp: 0, jpeg }));
  }

  #answered(seq: number): void {
    const now = performance.now();
    for (const [waiting, at] of this.#waiting) {
      if (waiting > seq) continue;
      this.#waiting.delete(waiting);
      this.#longestMs = Math.max(this.#longestMs, now - at);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    const closed = once(this.#socket, "close");
    this.#socket.terminate();
    await closed;
  }
}
