/**
 * One thread's share of the sessions. Sends every frame when it is due, whether
 * or not the ones before were answered, and notes when each answer came. Frames
 * are masked with a random key each, as browsers do; `ws` does it, quickly
 * enough only where it finds `bufferutil`.
 */
import { WebSocket } from "ws"; // Deno's own holds back what is not acknowledged (Nagle): up to 40 ms
import { encodeFrame, type PartialOptions, SUBPROTOCOLS } from "../../protocol/mod.ts";
import { random } from "../../test/lib/random.ts";
import { LoopDelay } from "../loop_delay.ts";
import { Timings } from "../timings.ts";

export interface Share {
  /** The server's, http://… or https://… */
  url: string;
  token: string | null;
  sessions: number;
  fps: number;
  options: PartialOptions;
  jpegs: Uint8Array[];
  warmUpSeconds: number;
  seconds: number;
  /** Of the sessions' phases: cameras do not tick together. */
  seed: number;
}

/** Milliseconds that the server says it took, summed over answers. */
export const STAGES = ["queue", "decode", "track", "detect", "server"] as const;
const STAGES_AT = 32;

/** What became of the frames that were due in the seconds measured. */
export interface Outcome {
  due: number;
  /** Milliseconds from when a frame was due to its tracks; one for each answered frame. */
  latencies: Float64Array;
  /** The same from when it was sent: without what the generator was late itself. */
  sentLatencies: Float64Array;
  /** Replaced by a newer frame, as the server tells. */
  dropped: number;
  /** Not sent: the frame before had not left this process yet. */
  unsent: number;
  /** Error messages by code. */
  errors: Record<string, number>;
  /** Sessions that the server ended, by close code. */
  closes: Record<string, number>;
  stageSums: number[];
  /** Live points, summed over answers. */
  points: number;
  bytesSent: number;
  /** The generator's own faults: how late it sent, and how late its timers fired, in milliseconds. */
  lateness: Float64Array;
  loopDelay: Float64Array;
}

/** After the last frame, answers are waited for no longer than this; later ones count as missing. */
const LAST_ANSWERS_MS = 1000;
const OPEN_AT_ONCE = 8;
const OPEN_MS = 30_000;

export class Generator {
  readonly #share: Share;
  readonly #messages: MessagePool[];
  readonly #sockets: WebSocket[] = [];
  readonly #random: () => number;
  readonly #latencies: number[] = [];
  readonly #sentLatencies: number[] = [];
  /** When each frame that is on its way was sent, by when it was due. */
  readonly #sentAt = new Map<number, number>();
  readonly #lateness = new Timings();
  readonly #outcome = {
    due: 0,
    dropped: 0,
    unsent: 0,
    errors: {} as Record<string, number>,
    closes: {} as Record<string, number>,
    stageSums: STAGES.map(() => 0),
    points: 0,
    bytesSent: 0,
  };
  /** The frames that are due from `#from` to `#until` are measured. */
  #from = Infinity;
  #until = Infinity;
  #ending = false;

  private constructor(share: Share) {
    this.#share = share;
    this.#random = random(share.seed);
    this.#messages = share.jpegs.map((jpeg) => new MessagePool(jpeg));
  }

  /** Opens all sessions and sets their options. */
  static async open(share: Share): Promise<Generator> {
    const generator = new Generator(share);
    try {
      while (generator.#sockets.length < share.sessions) {
        const more = Math.min(OPEN_AT_ONCE, share.sessions - generator.#sockets.length);
        const opened = await Promise.allSettled(
          Array.from({ length: more }, () => generator.#openOne()),
        );
        const failed = opened.find((result) => result.status === "rejected");
        if (failed) throw failed.reason;
      }
      return generator;
    } catch (error) {
      generator.close();
      throw error;
    }
  }

  #openOne(): Promise<void> {
    const { url, token, options } = this.#share;
    const protocols = [SUBPROTOCOLS.bin, ...(token === null ? [] : [`bearer.${token}`])];
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/v1/stream`, protocols, {
      handshakeTimeout: OPEN_MS,
      perMessageDeflate: false,
      rejectUnauthorized: false, // whose certificate it is does not matter here
    });
    this.#sockets.push(socket);
    return new Promise((opened, failed) => {
      const fail = (why: string) => failed(new Error(`Cannot open a session at ${url}: ${why}`));
      socket.on("message", (data: Uint8Array<ArrayBuffer>, isBinary) => {
        if (isBinary) return this.#take(data);
        const message = JSON.parse(data.toString());
        if (message.type === "hello") {
          socket.send(JSON.stringify({ type: "configure", ...options }));
        } else if (message.type === "configured") {
          opened();
        } else if (message.type === "error") {
          count(this.#outcome.errors, message.code);
          fail(message.message);
        }
      });
      socket.on("error", (error) => fail(error.message));
      socket.on("close", (code) => {
        fail(`closed with ${code}`);
        if (!this.#ending) count(this.#outcome.closes, `${code}`);
      });
    });
  }

  /** Sends for as long as the share says. */
  async run(): Promise<Outcome> {
    const { fps, sessions, warmUpSeconds, seconds } = this.#share;
    const loopDelay = new LoopDelay();
    const interval = 1000 / fps;
    const start = performance.now() + interval;
    this.#from = start + warmUpSeconds * 1000;
    this.#until = this.#from + seconds * 1000;
    const phases = Array.from({ length: sessions }, () => this.#random() * interval)
      .sort((a, b) => a - b);
    const firstFrames = phases.map(() => Math.floor(this.#random() * this.#messages.length));

    for (let k = 0;; k++) {
      const session = k % sessions, round = Math.floor(k / sessions);
      const due = start + phases[session] + round * interval;
      if (due >= this.#until) break;
      const early = due - performance.now();
      if (early > 0) await new Promise((later) => setTimeout(later, early));
      this.#send(this.#sockets[session], firstFrames[session] + round, round, due);
    }
    await new Promise((later) => setTimeout(later, LAST_ANSWERS_MS));
    loopDelay.stop();
    return {
      ...this.#outcome,
      latencies: Float64Array.from(this.#latencies),
      sentLatencies: Float64Array.from(this.#sentLatencies),
      lateness: this.#lateness.sorted(),
      loopDelay: loopDelay.timings.sorted(),
    };
  }

  #send(socket: WebSocket, frame: number, seq: number, due: number): void {
    const measured = due >= this.#from;
    const now = performance.now();
    if (measured) {
      this.#outcome.due++;
      this.#lateness.add(now - due);
    }
    if (socket.readyState !== WebSocket.OPEN) return;
    const pool = this.#messages[backAndForth(frame, this.#messages.length)];
    if (socket.bufferedAmount > pool.bytes) {
      if (measured) this.#outcome.unsent++;
      return;
    }
    const message = pool.take(seq, due); // comes back with the tracks
    socket.send(message, () => pool.giveBack(message));
    if (measured) {
      this.#sentAt.set(due, now);
      this.#outcome.bytesSent += message.length;
    }
  }

  /** Takes a tracks message; only its header is of interest. */
  #take(tracks: Uint8Array<ArrayBuffer>): void {
    const view = new DataView(tracks.buffer, tracks.byteOffset, tracks.byteLength);
    const due = view.getFloat64(8, true);
    if (due < this.#from) return;
    const now = performance.now();
    this.#latencies.push(now - due);
    this.#sentLatencies.push(now - this.#sentAt.get(due)!);
    this.#sentAt.delete(due);
    this.#outcome.points += view.getUint32(20, true);
    this.#outcome.dropped += view.getUint32(28, true);
    STAGES.forEach((_, i) =>
      this.#outcome.stageSums[i] += view.getFloat32(STAGES_AT + 4 * i, true)
    );
  }

  /** Ends all sessions. Idempotent. */
  close(): void {
    this.#ending = true;
    for (const socket of this.#sockets) socket.close();
  }
}

/** Copies of one frame's message: as many as are on their way at once, each only patched to be sent again. */
class MessagePool {
  readonly bytes: number;
  readonly #message: Uint8Array<ArrayBuffer>;
  readonly #free: Uint8Array<ArrayBuffer>[] = [];

  constructor(jpeg: Uint8Array) {
    this.#message = encodeFrame({ seq: 0, timestamp: 0, jpeg });
    this.bytes = this.#message.length;
  }

  take(seq: number, timestamp: number): Uint8Array<ArrayBuffer> {
    const message = this.#free.pop() ?? this.#message.slice();
    const view = new DataView(message.buffer);
    view.setUint32(4, seq, true);
    view.setFloat64(8, timestamp, true);
    return message;
  }

  giveBack(message: Uint8Array<ArrayBuffer>): void {
    this.#free.push(message);
  }
}

/** 0, 1, 2, 1, 0, 1, …: a clip that is played back and forth has no jump. */
function backAndForth(i: number, length: number): number {
  if (length === 1) return 0;
  const at = i % (2 * length - 2);
  return at < length ? at : 2 * length - 2 - at;
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
