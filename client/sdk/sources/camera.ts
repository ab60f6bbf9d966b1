import { CameraError } from "./camera_error.ts";
import { isPage } from "./page_only.ts";
import type { Source } from "./source.ts";
import { named } from "./source_error.ts";
import { playStream, stopStream } from "./stream.ts";
import { type Trouble, watchCamera } from "./watch_camera.ts";

/** Which camera {@linkcode openCamera} opens, and how. Sizes are wishes: the nearest one is taken. */
export interface CameraOptions {
  deviceId?: string;
  /** On phones: towards the user, or away from them. */
  facing?: "user" | "environment";
  width?: number;
  height?: number;
  frameRate?: number;
}

/**
 * Opens a camera, asking the user where that is needed. One that shows nothing for two seconds is
 * open all the same, and {@linkcode Camera.onTrouble} tells why.
 *
 * @throws {CameraError} that says what is wrong and what helps.
 */
export async function openCamera(options: CameraOptions = {}): Promise<Camera> {
  if (!isPage) throw CameraError.elsewhere();
  if (!navigator.mediaDevices?.getUserMedia) throw CameraError.insecure();
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: wishes(options) });
  } catch (error) {
    throw await hasNone(error) ? CameraError.none(error) : CameraError.from(error);
  }
  try {
    return new Camera(await playStream(stream), stream);
  } catch (error) {
    stopStream(stream);
    const isBlocked = named(error).name === "NotAllowedError"; // the video, not the camera
    throw isBlocked ? CameraError.noAutoplay(error) : CameraError.from(error);
  }
}

/** WebKit says of a machine without cameras that none can do what was asked for. */
async function hasNone(error: unknown): Promise<boolean> {
  if (named(error).name !== "OverconstrainedError") return false;
  const cameras = await listCameras().catch(() => null);
  return cameras?.length === 0;
}

/** The cameras there are. Their names are empty until the user has allowed one. */
export async function listCameras(): Promise<MediaDeviceInfo[]> {
  const devices = await globalThis.navigator?.mediaDevices?.enumerateDevices() ?? [];
  return devices.filter((device) => device.kind === "videoinput");
}

/** What a camera lets be set while it runs; most on phones have both, most others neither. */
export interface Lens {
  /** Whether it has a light. */
  torch: boolean;
  /** How far it zooms, 1 being not at all; null where it does not. */
  zoom: { min: number; max: number; step: number } | null;
}

/** What browsers know of tracks and the platform's types do not, yet. */
type TrackLens = { torch?: boolean; zoom?: { min: number; max: number; step: number } };

/** An open camera. */
export class Camera implements Source {
  readonly label: string;
  readonly #track: MediaStreamTrack;
  readonly #unwatch: () => void;
  #trouble: Trouble | null = null;
  #told: (trouble: Trouble | null) => void = () => {};

  constructor(readonly picture: HTMLVideoElement, readonly stream: MediaStream) {
    this.#track = stream.getVideoTracks()[0];
    this.label = this.#track.label || "Camera";
    document.addEventListener("visibilitychange", this.#resume);
    this.#unwatch = watchCamera(picture, (trouble) => {
      this.#trouble = trouble;
      this.#told(trouble);
    });
  }

  /** Why it shows nothing that can be tracked; null where it does. */
  get trouble(): Trouble | null {
    return this.#trouble;
  }

  /** Called when it comes into trouble, or into another one, and with null when that is over. */
  onTrouble(callback: (trouble: Trouble | null) => void): void {
    this.#told = callback;
  }

  /** The device and the size that the browser chose. */
  get settings(): MediaTrackSettings {
    return this.#track.getSettings();
  }

  /** What can be set by {@linkcode light} and {@linkcode zoom}. */
  get lens(): Lens {
    // Firefox has no capabilities before its version 132, nor WebKit those of all cameras.
    const { torch, zoom } = (this.#track.getCapabilities?.() ?? {}) as TrackLens;
    return { torch: torch === true, zoom: zoom && zoom.max > zoom.min ? zoom : null };
  }

  /**
   * Switches the camera's light.
   *
   * @throws {CameraError} where it has none, or the system keeps it off.
   */
  light(on: boolean): Promise<void> {
    return this.#set({ torch: on });
  }

  /**
   * Zooms, within `lens.zoom`.
   *
   * @throws {CameraError} where it cannot.
   */
  zoom(factor: number): Promise<void> {
    return this.#set({ zoom: factor });
  }

  /** Called when the camera is unplugged or taken away; not after {@linkcode close}. */
  onEnded(callback: () => void): void {
    this.#track.addEventListener("ended", callback, { once: true });
  }

  close(): void {
    document.removeEventListener("visibilitychange", this.#resume);
    this.#unwatch();
    stopStream(this.stream);
    this.picture.srcObject = null;
    this.picture.remove();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #set(wish: { torch: boolean } | { zoom: number }): Promise<void> {
    try {
      await this.#track.applyConstraints({ advanced: [wish as MediaTrackConstraintSet] });
    } catch (error) {
      throw CameraError.from(error);
    }
  }

  /** iOS pauses a video whose page goes to the background, and leaves it so. */
  readonly #resume = (): void => {
    if (!document.hidden) this.picture.play().catch(() => {}); // closed meanwhile
  };
}

function wishes(options: CameraOptions): MediaTrackConstraints {
  const { deviceId, facing, width, height, frameRate = 30 } = options;
  return {
    ...(deviceId ? { deviceId: { exact: deviceId } } : { facingMode: { ideal: facing ?? "user" } }),
    width: width === undefined ? undefined : { ideal: width },
    height: height === undefined ? undefined : { ideal: height },
    frameRate: { ideal: frameRate },
  };
}
