import type { Grey } from "../tracking/engine.ts";
import { shift, Texture } from "../test/lib/images.ts";
import { encodeJpeg } from "../test/lib/jpeg.ts";

/** Frames of one texture that wanders: what moved where is known exactly. */
export interface Clip {
  width: number;
  height: number;
  greys: Grey[];
  jpegs: Uint8Array[];
  /** Where frame `i` has moved from frame 0, in pixels. */
  offset(i: number): [dx: number, dy: number];
}

const FRAMES = 24;

/** Played round and round, the clip has no jump: its path is a closed curve. */
function offset(i: number): [number, number] {
  const angle = 2 * Math.PI * i / FRAMES;
  return [12 * Math.sin(angle), 9 * Math.sin(2 * angle)];
}

export function makeClip(width: number, height: number): Clip {
  const texture = new Texture(21);
  const greys = Array.from(
    { length: FRAMES },
    (_, i) => texture.draw(width, height, shift(...offset(i))),
  );
  return {
    width,
    height,
    greys,
    jpegs: greys.map((grey) => encodeJpeg(grey, { quality: 85 })),
    offset,
  };
}
