import type { Pace } from "../http/paced_socket.ts";
import type { ServerLimits } from "../limits.ts";
import { Allowance } from "./allowance.ts";
import { FrameScanner } from "./frame_scanner.ts";

/** What a client may send of all kinds, pings and fragments too, is so many times what is worked on. */
const TIMES = 4;
const BYTES_PER_SECOND = 128 << 20;
const BYTES_AT_ONCE = 16 << 20;
/** Frames of the protocol in one turn of the event loop: no more than a millisecond's work. */
const FRAMES_A_TURN = 32;
/** Past the allowance, the least wait: what it gives meanwhile is taken together. */
const LEAST_WAIT_MS = 5;

/**
 * What a session receives, in messages and in bytes, whatever they are: frames,
 * control messages, pings, pongs, fragments. Past it the socket is not read.
 */
export class FramePace implements Pace {
  readonly #scanner = new FrameScanner();
  readonly #frames: Allowance;
  readonly #bytes = new Allowance(BYTES_PER_SECOND, BYTES_AT_ONCE);

  constructor({ maxFrameRate, maxControlRate }: ServerLimits) {
    this.#frames = new Allowance(TIMES * (maxFrameRate + maxControlRate));
  }

  next(received: Uint8Array): { bytes: number } | { waitMs: number } {
    const now = performance.now();
    const waitMs = Math.max(this.#frames.waitMs(now), this.#bytes.waitMs(now));
    if (waitMs > 0) return { waitMs: Math.max(waitMs, LEAST_WAIT_MS) };
    const { bytes, frames } = this.#scanner.cut(received, FRAMES_A_TURN);
    this.#frames.charge(frames);
    this.#bytes.charge(bytes);
    return { bytes };
  }
}
