import type { LostReason, Options, Tracks } from "../../sdk/mod.ts";

/** One of the checks that a point must pass on each frame to live on. */
export interface Check {
  /** What the point is lost with if it fails. */
  reason: LostReason;
  name: string;
  /** NaN where it is not known: a new point, or no picture to compute it from. */
  value: number;
  /** Null where it is switched off. */
  limit: number | null;
  /** Whether the value must not be below the limit, or not above. */
  side: "≥" | "≤";
  unit: string;
}

/**
 * The checks of point `i` in the order in which the server makes them.
 *
 * @param minEigenvalue of its window in the frame before, see `minEigenvalue`
 */
export function checksOf(
  { points, width, height }: Tracks,
  i: number,
  minEigenvalue: number,
  { flow, filter, detect }: Options,
): Check[] {
  const x = points.xy[2 * i], y = points.xy[2 * i + 1];
  const isNew = points.age[i] === 0;
  return [
    {
      reason: "flat",
      name: "min eigenvalue",
      value: minEigenvalue,
      limit: flow.minEigThreshold,
      side: "≥",
      unit: "",
    },
    {
      reason: "out_of_frame",
      name: "to the edge",
      value: Math.min(x, y, width - 1 - x, height - 1 - y) + 0.5,
      limit: 0,
      side: "≥",
      unit: "px",
    },
    {
      reason: "high_error",
      name: "err",
      value: isNew ? NaN : points.error[i],
      limit: filter.maxError,
      side: "≤",
      unit: "levels",
    },
    {
      reason: "forward_backward",
      name: "forward–backward",
      value: points.fb[i],
      limit: filter.forwardBackward,
      side: "≤",
      unit: "px",
    },
    {
      reason: "appearance",
      name: "appearance",
      value: points.appearance?.[i] ?? NaN,
      limit: filter.appearance,
      side: "≤",
      unit: "",
    },
    {
      reason: "crowded",
      name: "to older point",
      value: distanceToOlder(points.xy, i),
      limit: filter.crowding * detect.minDistance,
      side: "≥",
      unit: "px",
    },
  ];
}

/** False only where the value is known and beyond the limit. */
export function holds({ value, limit, side }: Check): boolean {
  if (limit === null || Number.isNaN(value)) return true;
  return side === "≥" ? value >= limit : value <= limit;
}

/** Points are in the order of their ids, so the older ones come first. */
function distanceToOlder(xy: Float32Array, i: number): number {
  let least = Infinity;
  for (let j = 0; j < i; j++) {
    least = Math.min(least, Math.hypot(xy[2 * j] - xy[2 * i], xy[2 * j + 1] - xy[2 * i + 1]));
  }
  return least;
}
