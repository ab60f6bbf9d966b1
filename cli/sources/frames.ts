import type { Picture } from "../pictures/picture.ts";

/** A picture on its way into tracking. */
export interface SourceFrame {
  /** Its file, or its number in the stream. */
  name: string;
  picture: Picture;
  /** When it was taken, in milliseconds; null where nothing tells. */
  time: number | null;
}

/** Frames in order; runs through once. */
export interface Source {
  /** How many there are, as far as it is known now; null where only the end will tell. */
  count(): number | null;
  frames: AsyncIterable<SourceFrame>;
  /** Whether they come when they come, as a camera's. */
  isLive: boolean;
  /** Frames of a stream that were cut short or damaged, so far. */
  damaged(): number;
}
