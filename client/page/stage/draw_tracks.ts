import type { PointColumns } from "../../sdk/mod.ts";
import { colourOf } from "./colouring.ts";
import type { Drawing } from "./drawing.ts";
import type { FrameView } from "./frame_view.ts";
import { LOST_SHAPES } from "./lost_shapes.ts";
import { packed, type Strokes, withAlpha } from "./strokes.ts";
import { FLASH_MS, POP_MS, type Trail, type Trails } from "./trails.ts";

/** How it is to look, and when. */
export interface Look {
  drawing: Drawing;
  view: FrameView;
  /** Canvas pixels of one CSS pixel. */
  unit: number;
  /** Milliseconds, on the clock of the trails. */
  now: number;
  /** Nothing pops or fades. */
  still: boolean;
  /** Trails get shorter where points are so many that this would be exceeded. */
  maxSegments: number;
}

const LOST_COLOUR = packed("#ff8f70");
/** A trail thins out towards its end in so many steps. */
const BANDS = [0.85, 0.5, 0.22];
/** A stage narrower than this, in CSS pixels, is a small one. */
const SMALL = 640;

/** Draws a result's points, trails, arrows and the points lost lately. */
export function drawTracks(
  strokes: Strokes,
  points: PointColumns,
  trails: Trails,
  look: Look,
): void {
  const { drawing, view, unit, still, now, maxSegments } = look;
  // Smaller on a small stage, or it would hide the picture.
  const size = unit * Math.min(1, Math.max(0.6, view.box.width / unit / SMALL));
  strokes.rim = size;
  const reach = Math.min(drawing.trail, Math.floor(maxSegments / Math.max(1, points.id.length)));
  for (let i = 0; i < points.id.length; i++) {
    const trail = trails.live.get(points.id[i])!;
    const colour = colourOf(drawing.colour, points, i);
    if (reach > 0) drawTrail(strokes, trail, reach, view, 1.6 * size, colour);
    if (drawing.arrows > 0) drawArrow(strokes, points, i, look, size, colour);
    if (!drawing.points) continue;
    const radius = 2.3 * size * (still ? 1 : pop((now - trail.bornAt) / POP_MS));
    strokes.disc(view.x(points.xy[2 * i]), view.y(points.xy[2 * i + 1]), radius, colour);
  }
  if (drawing.lost) drawLost(strokes, trails, look, size);
}

function drawTrail(
  strokes: Strokes,
  trail: Trail,
  reach: number,
  view: FrameView,
  width: number,
  colour: number,
): void {
  const end = Math.min(trail.count - 1, reach);
  let x = view.x(trail.x(0)), y = view.y(trail.y(0));
  for (let back = 1; back <= end; back++) {
    const toX = view.x(trail.x(back)), toY = view.y(trail.y(back));
    const alpha = BANDS[Math.floor((back - 1) * BANDS.length / reach)];
    strokes.segment(x, y, toX, toY, width, withAlpha(colour, alpha));
    x = toX;
    y = toY;
  }
}

/** From the point on, as far as it went since the frame before, times the scale. */
function drawArrow(
  strokes: Strokes,
  { xy, dxy }: PointColumns,
  i: number,
  { drawing, view }: Look,
  size: number,
  colour: number,
): void {
  const [x, y] = xy.subarray(2 * i, 2 * i + 2);
  const fromX = view.x(x), fromY = view.y(y);
  const toX = view.x(x + drawing.arrows * dxy[2 * i]);
  const toY = view.y(y + drawing.arrows * dxy[2 * i + 1]);
  const dx = toX - fromX, dy = toY - fromY;
  const length = Math.hypot(dx, dy);
  if (length < 2 * size) return; // shorter than the point is large
  const head = Math.min(7 * size, length / 2) / length;
  strokes.segment(fromX, fromY, toX, toY, 1.6 * size, colour);
  for (const side of [-0.5, 0.5]) {
    const backX = toX - head * (dx - side * dy), backY = toY - head * (dy + side * dx);
    strokes.segment(toX, toY, backX, backY, 1.6 * size, colour);
  }
}

function drawLost(strokes: Strokes, { lost }: Trails, { view, now, still }: Look, size: number) {
  for (const { x, y, reason, at } of lost) {
    const shape = LOST_SHAPES[reason];
    const gone = Math.min(1, (now - at) / FLASH_MS);
    if (!shape || gone === 1) continue;
    const colour = still ? LOST_COLOUR : withAlpha(LOST_COLOUR, 1 - gone * gone);
    const grown = size * (still ? 4.5 : 3.5 + 2.5 * gone);
    strokes.lines(view.x(x), view.y(y), grown, shape.lines, 1.5 * size, colour);
  }
}

/** From 0 to 1 with a slight overshoot; never below 0, which is no radius. */
function pop(t: number): number {
  return t >= 1 ? 1 : t * (4.2 - 5.4 * t + 2.2 * t * t);
}
