import { CameraError } from "./camera_error.ts";
import { playStream, stopStream } from "./stream.ts";
import type { Source } from "./source.ts";

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
 * Opens a camera, asking the user where that is needed.
 *
 * @throws {CameraError} that says what is wrong and what helps.
 */
export async function openCamera(options: CameraOptions = {}): Promise<Camera> {
  if (!navigator.mediaDevices?.getUserMedia) throw CameraError.insecure();
  let stream: MediaStream | undefined;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: wishes(options) });
    return new Camera(await playStream(stream), stream);
  } catch (error) {
    if (stream) stopStream(stream);
    throw CameraError.from(error);
  }
}

/** The cameras there are. Their names are empty until the user has allowed one. */
export async function listCameras(): Promise<MediaDeviceInfo[]> {
  const devices = await navigator.mediaDevices?.enumerateDevices() ?? [];
  return devices.filter((device) => device.kind === "videoinput");
}

/** An open camera. */
export class Camera implements Source {
  readonly label: string;
  readonly #track: MediaStreamTrack;

  constructor(readonly picture: HTMLVideoElement, readonly stream: MediaStream) {
    this.#track = stream.getVideoTracks()[0];
    this.label = this.#track.label || "Camera";
    document.addEventListener("visibilitychange", this.#resume);
  }

  /** The device and the size that the browser chose. */
  get settings(): MediaTrackSettings {
    return this.#track.getSettings();
  }

  /** Called when the camera is unplugged or taken away; not after {@linkcode close}. */
  onEnded(callback: () => void): void {
    this.#track.addEventListener("ended", callback, { once: true });
  }

  close(): void {
    document.removeEventListener("visibilitychange", this.#resume);
    stopStream(this.stream);
    this.picture.srcObject = null;
    this.picture.remove();
  }

  [Symbol.dispose](): void {
    this.close();
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
