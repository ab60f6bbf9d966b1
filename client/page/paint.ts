import { FADE_MS, type Trails } from "./trails.ts";

/** Where frame pixels lie on the canvas. */
export interface Placement {
  x: number;
  y: number;
  scale: number;
}

/** Colours by age in frames: a point comes warm and settles cool. */
const AGES = [
  { until: 4, colour: "#ffe08a" },
  { until: 15, colour: "#b9f08a" },
  { until: 45, colour: "#6ff0b4" },
  { until: Infinity, colour: "#45dff0" },
];
const LOST_COLOUR = "#ff8f70";
/** A trail thins out towards its end in so many steps. */
const BANDS = [0.85, 0.5, 0.22];
const POP_MS = 220;
/** A stage narrower than this, in CSS pixels, is a small one. */
const SMALL = 640;
const TURN = 2 * Math.PI;

/**
 * Draws trails and points. `unit` is one CSS pixel on the canvas. Everything of
 * one look is one path: what a frame costs grows with the looks, not the points.
 */
export function paintTrails(
  context: OffscreenCanvasRenderingContext2D,
  trails: Trails,
  at: Placement,
  unit: number,
  now: number,
  still: boolean,
): void {
  // Smaller dots on a small stage, or they would hide the picture.
  const size = unit * Math.min(1, Math.max(0.6, context.canvas.width / unit / SMALL));
  const lines = AGES.map(() => BANDS.map(() => new Path2D()));
  const dots = AGES.map(() => new Path2D());
  const shade = new Path2D();
  // (0, 0) is the centre of the top-left pixel, so half a pixel lies before it.
  const px = (x: number) => at.x + (x + 0.5) * at.scale;
  const py = (y: number) => at.y + (y + 0.5) * at.scale;
  const { reach } = trails;
  for (const trail of trails.live.values()) {
    const age = AGES.findIndex(({ until }) => trail.age < until);
    const x = px(trail.x(0)), y = py(trail.y(0));
    const radius = 2.3 * size * (still ? 1 : pop((now - trail.bornAt) / POP_MS));
    circle(dots[age], x, y, radius);
    circle(shade, x, y, radius + size);
    for (let back = 1, fromX = x, fromY = y; back < Math.min(trail.count, reach); back++) {
      const toX = px(trail.x(back)), toY = py(trail.y(back));
      const line = lines[age][Math.floor(back * BANDS.length / reach)];
      line.moveTo(fromX, fromY);
      line.lineTo(toX, toY);
      fromX = toX;
      fromY = toY;
    }
  }
  context.lineCap = "butt";
  context.lineWidth = 1.6 * size;
  for (const [age, { colour }] of AGES.entries()) {
    context.strokeStyle = colour;
    for (const [band, alpha] of BANDS.entries()) {
      context.globalAlpha = alpha;
      context.stroke(lines[age][band]);
    }
  }
  context.globalAlpha = 0.45;
  context.fillStyle = "#06110f";
  context.fill(shade);
  context.globalAlpha = 1;
  for (const [age, { colour }] of AGES.entries()) {
    context.fillStyle = colour;
    context.fill(dots[age]);
  }
  if (!still) paintLost(context, trails, px, py, size, now);
}

function paintLost(
  context: OffscreenCanvasRenderingContext2D,
  trails: Trails,
  px: (x: number) => number,
  py: (y: number) => number,
  unit: number,
  now: number,
): void {
  context.strokeStyle = LOST_COLOUR;
  context.lineWidth = 1.2 * unit;
  for (const { x, y, lostAt } of trails.faded) {
    const gone = Math.min(1, (now - lostAt) / FADE_MS);
    context.globalAlpha = 0.7 * (1 - gone);
    context.beginPath();
    context.arc(px(x), py(y), unit * (2.5 + 4 * gone), 0, TURN);
    context.stroke();
  }
  context.globalAlpha = 1;
}

function circle(path: Path2D, x: number, y: number, radius: number): void {
  path.moveTo(x + radius, y);
  path.arc(x, y, radius, 0, TURN);
}

/** From 0 to 1 with a slight overshoot. */
function pop(t: number): number {
  if (t >= 1) return 1;
  const rest = t - 1;
  return 1 + 2.2 * rest ** 3 + 1.2 * rest ** 2;
}
