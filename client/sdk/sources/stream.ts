import { deferred } from "../deferred.ts";
import type { Explanation } from "./source_error.ts";

/** Some browsers start no video by themselves, not even a silent one: to save power, or as told to. */
export const NO_AUTOPLAY: Explanation = {
  message: "The browser did not let the video start by itself",
  remedy: "Press Try again. If that does not help, allow this page in the browser's settings to " +
    "play videos by itself, and end the phone's power saving.",
};

/** A camera that is held back gives no first frame, perhaps for ever: nobody waits longer for it. */
const FIRST_FRAME_MS = 2000;

/**
 * A video that plays this stream. It has no size yet where the first frame is late.
 *
 * @throws {DOMException} `NotAllowedError` where the browser lets no video start by itself.
 */
export async function playStream(stream: MediaStream): Promise<HTMLVideoElement> {
  const video = Object.assign(document.createElement("video"), {
    muted: true,
    playsInline: true, // else an iPhone shows it full screen
    srcObject: stream,
  });
  const late = deferred<void>();
  const timer = setTimeout(late.resolve, FIRST_FRAME_MS);
  const playing = video.play();
  playing.catch(() => {}); // also after that
  try {
    await Promise.race([playing, late.promise]);
  } finally {
    clearTimeout(timer);
  }
  return video;
}

/** Ends all its tracks: the camera's light goes out. */
export function stopStream(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
