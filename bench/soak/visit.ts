import { once } from "node:events";
import { WebSocket } from "ws";
import { encodeFrame, SUBPROTOCOLS } from "../../protocol/mod.ts";

/** One client's stay: sends frames at a rate, whether or not they are answered, and counts what it is told. */
export class Visit implements AsyncDisposable {
  readonly socket: WebSocket;
  #seq = 0;
  /** Tracks messages, errors and how it ended. */
  answered = 0;
  errors = 0;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("error", () => {}); // "close" follows
    socket.on("message", (_data, isBinary) => {
      if (isBinary) this.answered++;
    });
  }

  static async open(url: string): Promise<Visit> {
    const socket = new WebSocket(`${url.replace("http", "ws")}/v1/stream`, SUBPROTOCOLS.bin, {
      perMessageDeflate: false,
    });
    const visit = new Visit(socket);
    await once(socket, "open");
    return visit;
  }

  get isOpen(): boolean {
    return this.socket.readyState === WebSocket.OPEN;
  }

  say(message: unknown): void {
    this.socket.send(JSON.stringify(message));
  }

  sendFrame(jpeg: Uint8Array): void {
    this.socket.send(encodeFrame({ seq: this.#seq++, timestamp: performance.now(), jpeg }));
  }

  /** Sends `jpegs` in turn for some seconds, as far as the connection lives. */
  async film(jpegs: readonly Uint8Array[], fps: number, seconds: number): Promise<void> {
    const until = performance.now() + seconds * 1000;
    for (let i = 0; performance.now() < until && this.isOpen; i++) {
      this.sendFrame(jpegs[i % jpegs.length]);
      await pause(1000 / fps);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    const closed = once(this.socket, "close");
    this.socket.resume(); // or the server's close frame is never read
    this.socket.close();
    await closed;
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((later) => setTimeout(later, ms));
}
