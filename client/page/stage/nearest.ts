import type { PointColumns } from "../../sdk/mod.ts";

/** The id of the point nearest to (x, y), if one is within `reach` of it; all in frame pixels. */
export function nearestPoint(
  { id, xy }: PointColumns,
  x: number,
  y: number,
  reach: number,
): number | null {
  let nearest = -1;
  let least = reach * reach;
  for (let i = 0; i < id.length; i++) {
    const dx = xy[2 * i] - x, dy = xy[2 * i + 1] - y;
    const distance = dx * dx + dy * dy;
    if (distance > least) continue;
    least = distance;
    nearest = i;
  }
  return nearest < 0 ? null : id[nearest];
}
