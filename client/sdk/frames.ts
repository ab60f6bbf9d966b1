/** What frames are taken from. */
export type Picture = HTMLVideoElement | HTMLCanvasElement;

/** Size in pixels as shown: a phone that is turned swaps the two. 0 × 0 before the first frame. */
export function pictureSize(picture: Picture): { width: number; height: number } {
  return picture instanceof HTMLVideoElement
    ? { width: picture.videoWidth, height: picture.videoHeight }
    : { width: picture.width, height: picture.height };
}

/**
 * Calls back when the picture shows a new frame: a video says when, a canvas may
 * have changed at every repaint. Nothing is called while the page is hidden.
 * Returns how to end it.
 */
export function watchFrames(picture: Picture, callback: (now: number) => void): () => void {
  if (picture instanceof HTMLVideoElement && "requestVideoFrameCallback" in picture) {
    let handle = picture.requestVideoFrameCallback(function seen(now) {
      handle = picture.requestVideoFrameCallback(seen);
      callback(now);
    });
    return () => picture.cancelVideoFrameCallback(handle);
  }
  let handle = requestAnimationFrame(function repaint(now) {
    handle = requestAnimationFrame(repaint);
    callback(now);
  });
  return () => cancelAnimationFrame(handle);
}
