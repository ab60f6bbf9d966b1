/**
 * What a page shows: frames are taken from it. A canvas is taken to change at every
 * repaint, unless it numbers its frames in `data-frame`: then each of them is told of once.
 */
export type Picture = HTMLVideoElement | HTMLCanvasElement;

/**
 * Whatever frames can be taken from. In workers these are canvases, and tracks
 * where the browser has `MediaStreamTrackProcessor` there.
 */
export type Attachable = Picture | OffscreenCanvas | MediaStreamTrack;

/**
 * Told of a frame: `now` by the page's clock, and `timestamp`, the frame's own time,
 * which is its place in a video file and else `now`, milliseconds. It `follows` the frame
 * before it, or else shows another scene, as the first one does.
 */
export type FrameCallback = (now: number, timestamp: number, follows: boolean) => void;

/** Frames as they are shown. Closing it leaves what it watches as it is. */
export interface Frames extends Disposable {
  /** The frame that is shown now, upright, the caller's to close; null while there is none. */
  take(): Promise<ImageBitmap | VideoFrame | null>;
  /** Size in pixels as shown: a phone that is turned swaps the two. 0 × 0 before the first frame. */
  size(): { width: number; height: number };
}
