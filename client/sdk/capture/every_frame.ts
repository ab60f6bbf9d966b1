/**
 * Calls back at each new frame of a video, or at each repaint where the browser does not say.
 *
 * @param callback told the frame's place in a video file, in seconds
 * @returns ends it
 */
export function atEveryFrame(
  video: HTMLVideoElement,
  callback: (now: number, place: number) => void,
): () => void {
  if (!("requestVideoFrameCallback" in video)) {
    let latest: number | undefined;
    return atEveryRepaint((now) => {
      const { currentTime } = video as HTMLVideoElement;
      if (currentTime !== latest) callback(now, latest = currentTime); // held, it shows nothing new
    });
  }
  let handle = video.requestVideoFrameCallback(function seen(now, { mediaTime }) {
    handle = video.requestVideoFrameCallback(seen);
    callback(now, mediaTime);
  });
  return () => video.cancelVideoFrameCallback(handle);
}

/** Calls back at each repaint of the page; the result ends it. */
export function atEveryRepaint(callback: (now: number) => void): () => void {
  let handle = requestAnimationFrame(function repaint(now) {
    handle = requestAnimationFrame(repaint);
    callback(now);
  });
  return () => cancelAnimationFrame(handle);
}
