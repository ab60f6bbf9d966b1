import { LOST_REASONS } from "../../protocol/mod.ts";
import type { TwoPictures } from "../two_pictures.ts";
import { type Colouring, fullSpeed, LOST_COLOURS, movementColour } from "./colours.ts";
import { colourEntry, layOut, lostEntry, textEntry } from "./legend.ts";
import { arrow, cross, unitOf } from "./marks.ts";
import type { Layer, Scene, Shape } from "./scene.ts";

/** A movement of the full speed is drawn so long, as a share of the picture's diagonal. */
const LONG = 0.08;

export interface FlowDrawing {
  colour: Colouring;
  /** How often its length an arrow is drawn; null so that the faster ones are well seen. */
  scale: number | null;
}

/** Arrows from where points were to where they went, lost ones crossed out, a legend below. */
export function flowScene(
  result: TwoPictures,
  layers: Layer[],
  { colour, scale }: FlowDrawing,
): Scene {
  const { width, height, from, to, status } = result;
  const unit = unitOf(result);
  const kept = status.flatMap((what, i) => what === "tracked" ? [i] : []);
  const moved = Float32Array.from(
    kept.flatMap((i) => [0, 1].map((a) => to[2 * i + a] - from[2 * i + a])),
  );
  const full = fullSpeed(moved);
  const times = scale ?? niceScale(LONG * Math.hypot(width, height) / full);
  const shapes: Shape[] = status.flatMap((what, i) =>
    what === "tracked" ? [] : cross(from[2 * i], from[2 * i + 1], LOST_COLOURS[what], unit)
  );
  kept.forEach((point, i) => {
    const [dx, dy] = moved.subarray(2 * i, 2 * i + 2);
    const start: [number, number] = [from[2 * point], from[2 * point + 1]];
    const shade = movementColour(dx, dy, full, colour);
    shapes.push(...arrow(start, [times * dx, times * dy], shade, unit));
  });
  const legend = layOut(
    [
      colourEntry(colour, full, unit),
      textEntry(`arrows ×${times}`),
      textEntry(`${kept.length} of ${status.length} tracked`),
      ...LOST_REASONS.flatMap((reason) => {
        const count = status.filter((what) => what === reason).length;
        return count > 0
          ? [lostEntry(reason, `${count} ${reason.replaceAll("_", " ")}`, unit)]
          : [];
      }),
    ],
    result,
    unit,
  );
  return { width, height: height + legend.height, layers, shapes: [...shapes, ...legend.shapes] };
}

/** The largest of 1, 2, 5, 10, 20, 50 that is not above `scale`; 1 at least. */
function niceScale(scale: number): number {
  return [50, 20, 10, 5, 2].find((nice) => nice <= scale) ?? 1;
}
