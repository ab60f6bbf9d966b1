import type { Capture, Connection, Tracks } from "../../sdk/mod.ts";
import type { Live } from "../run/live.ts";

/** A part of the column beside the stage: of what happens it is told what it has a method for. */
export interface Panel {
  /** A run with a server has begun; one before it was left. */
  follow?(live: Live): void;
  /** The run has ended. What was seen last stays to be read. */
  leave?(): void;
  /** Frames are captured, under the limits that the capture has now; an earlier one was let go. */
  govern?(capture: Capture, connection: Connection): void;
  /** The capture is let go: it has its best again, and can be given other limits. */
  release?(): void;
  /** A result, and its frame where there is one; the frame stays the caller's. */
  take?(tracks: Tracks, frame: ImageBitmap | null): void;
}
