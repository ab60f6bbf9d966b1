import type { Size } from "./frame_view.ts";
import { type Strokes, withAlpha } from "./strokes.ts";

const SPACING = 26;

/**
 * The stage before the first frame: a still field of little trails around two
 * swirls. `unit` is one CSS pixel on the canvas.
 */
export function drawIdle(
  strokes: Strokes,
  { width, height }: Size,
  unit: number,
  colour: number,
): void {
  strokes.rim = 0;
  const step = SPACING * unit;
  for (let y = step / 2; y < height; y += step) {
    for (let x = step / 2; x < width; x += step) {
      const [u, v] = flow(x / width, y / height);
      const length = Math.hypot(u, v);
      const nearEdge = Math.min(1, 2.2 * Math.hypot(x / width - 0.5, y / height - 0.5));
      const ink = withAlpha(colour, Math.min(1, nearEdge * (0.12 + 0.4 * length)));
      strokes.segment(x - u * step * 0.8, y - v * step * 0.8, x, y, 1.4 * unit, ink);
      strokes.disc(x, y, 1.5 * unit, ink);
    }
  }
}

/** Two swirls that turn against each other. */
function flow(x: number, y: number): [u: number, v: number] {
  let u = 0, v = 0;
  for (const [cx, cy, turn] of [[0.22, 0.35, 1], [0.8, 0.62, -1]]) {
    const dx = x - cx, dy = y - cy;
    const strength = turn * Math.exp(-7 * (dx * dx + dy * dy)) * 2.6;
    u -= dy * strength;
    v += dx * strength;
  }
  return [u, v];
}
