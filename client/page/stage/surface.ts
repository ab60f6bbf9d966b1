import type { FrameView } from "./frame_view.ts";
import type { Strokes } from "./strokes.ts";

/** What frames and strokes are painted on: the whole canvas anew each time. */
export interface Surface {
  /** More segments than this cost frames. */
  readonly maxSegments: number;
  /** @param frame drawn where `view` says; both null to leave the picture below to be seen */
  paint(frame: ImageBitmap | null, view: FrameView | null, strokes: Strokes): void;
}
