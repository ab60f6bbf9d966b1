import type { Tracks } from "../../protocol/mod.ts";

/** Tracks of a frame of 100×80 pixels without points. */
export function emptyTracks(seq: number, change: Partial<Tracks> = {}): Tracks {
  return {
    seq,
    timestamp: 0,
    width: 100,
    height: 80,
    dropped: 0,
    detected: false,
    reset: false,
    flow: null,
    timing: { queue: 0, decode: 0, track: 0, detect: 0, server: 0 },
    points: {
      id: new Uint32Array(),
      xy: new Float32Array(),
      dxy: new Float32Array(),
      error: new Float32Array(),
      fb: new Float32Array(),
      age: new Uint32Array(),
    },
    lost: { id: new Uint32Array(), reason: new Uint8Array() },
    ...change,
  };
}
