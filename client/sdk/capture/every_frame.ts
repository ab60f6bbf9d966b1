/** How often a video is looked at that does not say when it shows a new frame. */
const LOOK_MS = 1000 / 60;
/** A video that has played for so long has shown a frame. */
const SILENT_MS = 1000;

/**
 * Calls back at each new frame of a video. Where the browser does not say when that is, the video is
 * looked at by a timer, while the page is seen: older browsers have no `requestVideoFrameCallback`,
 * and WebKit never calls it where it paints without a compositor.
 *
 * @param callback told the frame's place in a video file, in seconds
 * @returns ends it
 */
export function atEveryFrame(
  video: HTMLVideoElement,
  callback: (now: number, place: number) => void,
): () => void {
  if (!("requestVideoFrameCallback" in video)) return atEveryLook(video, callback);
  let stopLooking = () => {};
  let isTold = false;
  let handle = video.requestVideoFrameCallback(function seen(now, { mediaTime }) {
    if (!isTold) stopLooking(); // it does say
    isTold = true;
    handle = video.requestVideoFrameCallback(seen);
    callback(now, mediaTime);
  });
  let movedAt: number | undefined;
  stopLooking = atEveryLook(video, (now, place) => {
    movedAt ??= now;
    if (now - movedAt > SILENT_MS) callback(now, place);
  });
  return () => {
    stopLooking();
    video.cancelVideoFrameCallback(handle);
  };
}

/** Calls back where the video has moved on; held, it shows nothing new. */
function atEveryLook(
  video: HTMLVideoElement,
  callback: (now: number, place: number) => void,
): () => void {
  let latest = video.currentTime;
  const timer = setInterval(() => {
    const { currentTime } = video;
    if (document.hidden || video.readyState < video.HAVE_CURRENT_DATA) return;
    if (currentTime !== latest) callback(performance.now(), latest = currentTime);
  }, LOOK_MS);
  return () => clearInterval(timer);
}

/** Calls back at each repaint of the page; the result ends it. */
export function atEveryRepaint(callback: (now: number) => void): () => void {
  let handle = requestAnimationFrame(function repaint(now) {
    handle = requestAnimationFrame(repaint);
    callback(now);
  });
  return () => cancelAnimationFrame(handle);
}
