import type { Picture } from "../capture/frames.ts";

/** Where pictures come from: a camera, a screen, a file, the sample. Closing it stops its tracks and its drawing. */
export interface Source extends Disposable {
  /** For people: the camera's name, for example. */
  readonly label: string;
  /** What it shows; put it into the page, some browsers stop a video that is in none. */
  readonly picture: Picture;
  /** Calls back when it ends by itself, as an unplugged camera does. */
  onEnded(callback: () => void): void;
  /** Idempotent. */
  close(): void;
}

/** A source that can be held and goes on where it stood. */
export interface Playable extends Source {
  readonly playing: boolean;
  play(): void;
  pause(): void;
}

/** True for a source that can be held. */
export function isPlayable(source: Source): source is Playable {
  return "pause" in source;
}
