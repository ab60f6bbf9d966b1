import { clearImmediate, setImmediate } from "node:timers";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";

/** Says how much of what a connection received is given on, and when. */
export interface Pace {
  /**
   * @param received what is there and was not given on, at least a byte
   * @returns how many bytes of it are given on now; where none, when to ask again: Infinity waits
   * for {@linkcode PacedSocket.goOn}
   */
  next(received: Uint8Array): { bytes: number } | { waitMs: number };
}

const NOTHING = new Uint8Array(0);
/** After so many bytes others have their turn, even where the pace gives on all that comes. */
const BYTES_A_TURN = 128 << 10;

/**
 * A TCP or TLS socket whose reader is given what was received in portions, one a
 * turn of the event loop: other connections have their turn between. What is not
 * given on stays with the sender, but for one chunk: meanwhile the socket is not read.
 */
export class PacedSocket extends Duplex {
  readonly #socket: Socket;
  #pace: Pace;
  #held: Uint8Array = NOTHING;
  /** Bytes since others had their turn. */
  #given = 0;
  #hasEnded = false;
  /** The reader takes more. */
  #isWanted = true;
  #turn: ReturnType<typeof setImmediate> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param pace how it begins */
  constructor(socket: Socket, pace: Pace) {
    super({ decodeStrings: false });
    this.#socket = socket;
    this.#pace = pace;
    socket.on("data", (chunk: Uint8Array) => {
      this.#held = this.#held.length === 0 ? chunk : joined(this.#held, chunk);
      this.#giveOn();
    });
    socket.on("end", () => {
      this.#hasEnded = true;
      this.#giveOn();
    });
    socket.on("timeout", () => this.emit("timeout"));
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
  }

  /** The pace that counts from now on. */
  set pace(pace: Pace) {
    this.#pace = pace;
    this.goOn();
  }

  /** Asks the pace again. */
  goOn(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#later();
  }

  get encrypted(): boolean {
    return "encrypted" in this.#socket;
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  setTimeout(ms: number): this {
    this.#socket.setTimeout(ms);
    return this;
  }

  setNoDelay(noDelay?: boolean): this {
    this.#socket.setNoDelay(noDelay);
    return this;
  }

  /** Ends, and waits for nothing but that what was written has left. */
  destroySoon(): void {
    this.end(() => this.destroy());
  }

  #giveOn(): void {
    if (this.#turn || this.#timer !== undefined || !this.#isWanted) return this.#hold();
    if (this.#held.length > 0) {
      const portion = this.#pace.next(this.#held);
      if ("waitMs" in portion) this.#wait(portion.waitMs);
      else {
        const given = this.#held.subarray(0, portion.bytes);
        this.#held = this.#held.subarray(portion.bytes);
        this.#isWanted = this.push(given);
        this.#given += given.length;
        if (this.#held.length > 0 || this.#given >= BYTES_A_TURN) this.#later();
      }
    }
    if (this.#held.length > 0) return this.#hold();
    if (this.#hasEnded) this.push(null);
    else if (this.#isWanted && !this.#turn) this.#socket.resume();
    else this.#hold();
  }

  #hold(): void {
    if (!this.#hasEnded) this.#socket.pause();
  }

  #later(): void {
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      this.#given = 0;
      this.#giveOn();
    });
  }

  #wait(ms: number): void {
    if (ms === Infinity) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#giveOn();
    }, ms);
  }

  override _read(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#later();
  }

  override _write(chunk: Uint8Array | string, encoding: BufferEncoding, done: Done): void {
    this.#socket.write(chunk, encoding, done);
  }

  override _writev(
    chunks: { chunk: Uint8Array | string; encoding: BufferEncoding }[],
    done: Done,
  ): void {
    this.#socket.cork();
    chunks.forEach(({ chunk, encoding }, i) =>
      this.#socket.write(chunk, encoding, i === chunks.length - 1 ? done : undefined)
    );
    this.#socket.uncork();
  }

  override _final(done: Done): void {
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: Done): void {
    clearImmediate(this.#turn);
    clearTimeout(this.#timer);
    this.#held = NOTHING;
    this.#socket.destroy();
    done(error);
  }
}

type Done = (error?: Error | null) => void;

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
