import { atEveryFrame } from "../capture/every_frame.ts";
import { CameraHealth, type TroubleName } from "./camera_health.ts";
import type { Explanation } from "./source_error.ts";

/** Why an open camera shows nothing that can be tracked. It goes on by itself when that ends. */
export interface Trouble extends Explanation {
  name: TroubleName;
}

const EXPLANATIONS: Record<TroubleName, Explanation> = {
  no_picture: {
    message: "The camera is on, but no picture comes",
    remedy: "Another program may hold it, or it is still starting. Tracking begins by itself.",
  },
  muted: {
    message: "The camera is held back",
    remedy: "A call, another app or its own switch does that. Tracking goes on by itself.",
  },
  frozen: {
    message: "The camera's picture stands still",
    remedy: "If it does not go on by itself, press Stop and Start, or unplug the camera.",
  },
  black: {
    message: "The camera's picture is black",
    remedy: "Is its cover open, and is there light? Tracking goes on by itself.",
  },
};

const LOOK_MS = 500;
/** Parts of the picture that are looked at: across, down. */
const PARTS = [16, 12] as const;

/**
 * Watches a video that plays a camera, and calls back when it is in trouble, when in another one,
 * and with null when that is over. A video that the browser stopped with its camera is played again.
 *
 * @returns ends it
 */
export function watchCamera(
  video: HTMLVideoElement,
  callback: (trouble: Trouble | null) => void,
): () => void {
  const [track] = (video.srcObject as MediaStream).getVideoTracks();
  const { frameRate } = track.getSettings();
  const health = new CameraHealth(performance.now(), frameRate ? 1000 / frameRate : 0);
  const parts = new Parts();
  let frameAt: number | undefined;
  let isNew = false;
  let name: TroubleName | null = null;

  const stopFrames = atEveryFrame(video, () => {
    frameAt = performance.now();
    isNew = true;
  });
  const look = () => {
    const isBlind = document.hidden || video.paused && !track.muted;
    const brightest = isNew && !isBlind ? parts.brightest(video) : undefined;
    isNew = false;
    const now = performance.now();
    const judged = health.judge({ now, frameAt, isMuted: track.muted, isBlind, brightest });
    if (judged === name) return;
    name = judged;
    callback(name && { name, ...EXPLANATIONS[name] });
  };
  const play = () => void video.play().catch(() => {}); // closed meanwhile
  const timer = setInterval(look, LOOK_MS);
  track.addEventListener("unmute", play);
  return () => {
    clearInterval(timer);
    stopFrames();
    track.removeEventListener("unmute", play);
  };
}

/** The picture made small, so that noise is averaged away. */
class Parts {
  readonly #context = new OffscreenCanvas(...PARTS)
    .getContext("2d", { alpha: false, willReadFrequently: true })!;

  constructor() {
    this.#context.imageSmoothingQuality = "high";
  }

  /** 0 to 255. */
  brightest(video: HTMLVideoElement): number {
    this.#context.drawImage(video, 0, 0, ...PARTS);
    const { data } = this.#context.getImageData(0, 0, ...PARTS);
    let brightest = 0;
    for (let i = 0; i < data.length; i += 4) {
      brightest = Math.max(brightest, data[i], data[i + 1], data[i + 2]);
    }
    return brightest;
  }
}
