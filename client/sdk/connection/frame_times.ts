import type { Timing, Tracks } from "../../../protocol/mod.ts";

/** What a frame cost before it was sent, in milliseconds. */
export interface Spent {
  /** Taking the picture from its source. */
  capture: number;
  /** Bringing it to the size to be sent and making that a JPEG; its way to the worker and back. */
  encode: number;
}

/**
 * Where the time of an answered frame went, in milliseconds. `roundTrip` is
 * measured from `send` to its tracks, and is `network` plus the server's stages
 * (`queue`, `decode`, `track`, `detect`, `other`), which the server measured.
 */
export interface FrameTimes {
  seq: number;
  /** Null where `send` was not told; see {@linkcode Spent}. */
  capture: number | null;
  encode: number | null;
  roundTrip: number;
  /** Both ways together, as measured: what the round trip has above the server's time. */
  network: number;
  /** The frame's way there. An estimate, as `downlink` is; see {@linkcode Ways}. */
  uplink: number;
  queue: number;
  decode: number;
  track: number;
  detect: number;
  /** The server's time outside its stages: reading and writing messages, waiting for the CPU. */
  other: number;
  /** The results' way back. */
  downlink: number;
}

/** A frame whose tracks came, as the sender saw it. */
export interface AnsweredFrame {
  roundTrip: number;
  /** Sizes of the two messages. */
  bytesUp: number;
  bytesDown: number;
  spent: Spent | undefined;
}

/** The stages of an answered frame; `ways` belongs to its connection. */
export function frameTimes(tracks: Tracks, frame: AnsweredFrame, ways: Ways): FrameTimes {
  const { queue, decode, track, detect, server }: Timing = tracks.timing;
  const network = Math.max(0, frame.roundTrip - server);
  const uplink = ways.uplink(network, frame.bytesUp, frame.bytesDown);
  return {
    seq: tracks.seq,
    capture: frame.spent?.capture ?? null,
    encode: frame.spent?.encode ?? null,
    roundTrip: frame.roundTrip,
    network,
    uplink,
    queue,
    decode,
    track,
    detect,
    other: Math.max(0, server - queue - decode - track - detect),
    downlink: network - uplink,
  };
}

/**
 * Estimates the two ways of a frame. The clocks of client and server are not the
 * same, so only the ways' sum is known. The least sum of the latest frames is
 * taken as the way of an empty message, the same in both directions; what a
 * frame took above it is shared by the messages' bytes. A link that is slower in
 * one direction is not seen.
 */
export class Ways {
  static readonly FRAMES = 120;
  readonly #latest: number[] = [];
  #next = 0;

  /** The frame's share of `network` milliseconds. */
  uplink(network: number, bytesUp: number, bytesDown: number): number {
    this.#latest[this.#next] = network;
    this.#next = (this.#next + 1) % Ways.FRAMES;
    const least = Math.min(...this.#latest);
    return least / 2 + (network - least) * bytesUp / (bytesUp + bytesDown);
  }
}
