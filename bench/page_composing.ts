import { drawTracks } from "../client/page/stage/draw_tracks.ts";
import { DRAWING } from "../client/page/stage/drawing.ts";
import { FrameView } from "../client/page/stage/frame_view.ts";
import { Strokes } from "../client/page/stage/strokes.ts";
import { Trails } from "../client/page/stage/trails.ts";
import type { Tracks } from "../protocol/mod.ts";
import { Timings } from "./timings.ts";

const FRAMES = 100;
/** What the WebGL surface takes. */
const MAX_SEGMENTS = 60_000;

/** What a frame costs before a graphics card gets it: following the trails, and laying out the strokes. */
export function composing(points: number): Timings {
  const timings = new Timings();
  const trails = new Trails(), strokes = new Strokes();
  const view = new FrameView({ width: 640, height: 480 }, { width: 960, height: 720 });
  for (let seq = 0; seq < FRAMES; seq++) {
    const tracks = drifting(points, seq);
    const started = performance.now();
    trails.update(tracks, started);
    strokes.clear();
    drawTracks(strokes, tracks.points, trails, {
      ...{ drawing: DRAWING, view, unit: 1, now: started, still: false },
      maxSegments: MAX_SEGMENTS,
    });
    if (seq > 20) timings.add(performance.now() - started); // trails have their length
  }
  return timings;
}

/** Points of 640 × 480 that drift, ids and all. */
function drifting(points: number, seq: number): Tracks {
  return {
    ...{ seq, timestamp: 0, width: 640, height: 480, dropped: 0, detected: false, reset: false },
    timing: { queue: 0, decode: 0, track: 0, detect: 0, server: 0 },
    flow: null,
    points: {
      id: Uint32Array.from({ length: points }, (_, i) => i),
      xy: Float32Array.from({ length: 2 * points }, (_, i) => (i * 3959.5 + seq * 1.5) % 480),
      dxy: new Float32Array(2 * points).fill(1.5),
      error: new Float32Array(points),
      fb: new Float32Array(points),
      age: new Uint32Array(points).fill(seq),
    },
    lost: { id: new Uint32Array(), reason: new Uint8Array() },
  };
}
