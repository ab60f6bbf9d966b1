import type { Colour, Shape } from "./scene.ts";

/** Drawn wider below a mark, so that it stands out of any picture. */
const HALO: Colour = "#000000";

/** A length that looks alike in small and large pictures; 1 at 640×480. */
export function unitOf({ width, height }: { width: number; height: number }): number {
  return Math.min(8, Math.max(0.75, Math.sqrt(width * height / (640 * 480))));
}

/** An arrow from (x, y) along (dx, dy); a disc where that is too short to point anywhere. */
export function arrow(
  [x, y]: [number, number],
  [dx, dy]: [number, number],
  colour: Colour,
  unit: number,
): Shape[] {
  const length = Math.hypot(dx, dy);
  if (length < 1.5 * unit) return dot(x, y, colour, unit);
  const head = Math.min(7 * unit, 0.6 * length), half = 0.45 * head;
  const ux = dx / length, uy = dy / length;
  const tip = [x + dx, y + dy];
  const neck = [tip[0] - head * ux, tip[1] - head * uy];
  const left = [neck[0] - half * uy, neck[1] + half * ux];
  const right = [neck[0] + half * uy, neck[1] - half * ux];
  return [
    { kind: "line", xy: [x, y, ...neck], width: 3.2 * unit, colour: HALO, opacity: 0.5 },
    {
      kind: "line",
      xy: [...left, ...tip, ...right],
      width: 1.6 * unit,
      colour: HALO,
      opacity: 0.5,
    },
    { kind: "line", xy: [x, y, ...neck], width: 1.6 * unit, colour },
    { kind: "area", xy: [...tip, ...left, ...right], colour },
  ];
}

/** A point. */
export function dot(x: number, y: number, colour: Colour, unit: number): Shape[] {
  return [
    { kind: "disc", x, y, radius: 2.6 * unit, colour: HALO, opacity: 0.5 },
    { kind: "disc", x, y, radius: 1.8 * unit, colour },
  ];
}

/** A lost point. */
export function cross(x: number, y: number, colour: Colour, unit: number, opacity = 1): Shape[] {
  const arm = 3 * unit;
  const strokes = [[x - arm, y - arm, x + arm, y + arm], [x - arm, y + arm, x + arm, y - arm]];
  return [
    ...strokes.map((xy): Shape => ({
      kind: "line",
      xy,
      width: 3.4 * unit,
      colour: HALO,
      opacity: 0.5 * opacity,
    })),
    ...strokes.map((xy): Shape => ({ kind: "line", xy, width: 1.6 * unit, colour, opacity })),
  ];
}
