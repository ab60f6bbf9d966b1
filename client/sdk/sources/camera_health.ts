/** Why an open camera shows nothing that can be tracked. */
export type TroubleName = "no_picture" | "muted" | "frozen" | "black";

/** What is seen of a camera at one moment. */
export interface Look {
  /** Milliseconds, as `frameAt`. */
  now: number;
  /** When the latest frame came; undefined before the first. */
  frameAt: number | undefined;
  /** The system or the browser holds the camera back. */
  isMuted: boolean;
  /** Nothing can be told: the page is hidden, which browsers show no frames, or the video is held. */
  isBlind: boolean;
  /** The brightest part of the picture, 0 to 255; undefined where it was not looked at. */
  brightest: number | undefined;
}

/** A camera that is muted for a moment only is changing hands. */
const MUTED_MS = 1000;
const SILENT_MS = 3000;
/** So dark is the image of a closed cover, noise included, and no room with a light in it. */
const BLACK = 24;
const BLACK_MS = 2000;

/** Judges a camera by what is seen of it from time to time; it knows no browser. */
export class CameraHealth {
  /** Since when a frame is due. */
  #dueSince: number;
  #blackSince: number | undefined;
  #trouble: TroubleName | null = null;

  /** @param interval between two frames, in ms: a camera that is as slow is not frozen */
  constructor(now: number, readonly interval = 0) {
    this.#dueSince = now;
  }

  /** What is wrong; null where nothing is. While nothing can be told, it stays what it was. */
  judge(look: Look): TroubleName | null {
    const { now, frameAt = -Infinity, isBlind } = look;
    if (isBlind) this.#dueSince = now;
    else this.#trouble = this.#silence(look) ?? this.#darkness(look);
    this.#dueSince = Math.max(this.#dueSince, frameAt);
    return this.#trouble;
  }

  #silence({ now, frameAt, isMuted }: Look): TroubleName | null {
    const silent = now - Math.max(this.#dueSince, frameAt ?? -Infinity);
    if (isMuted && silent > MUTED_MS) return "muted";
    if (silent <= Math.max(SILENT_MS, 3 * this.interval)) return null;
    return frameAt === undefined ? "no_picture" : "frozen";
  }

  #darkness({ now, brightest }: Look): TroubleName | null {
    if (brightest === undefined) return this.#trouble === "black" ? "black" : null;
    if (brightest >= BLACK) {
      this.#blackSince = undefined;
      return null;
    }
    this.#blackSince ??= now;
    return now - this.#blackSince >= BLACK_MS ? "black" : null;
  }
}
