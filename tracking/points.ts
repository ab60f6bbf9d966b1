import type { PointColumns } from "../protocol/mod.ts";

/** An empty set of points. */
export function noPoints(): PointColumns {
  return pointColumns(0);
}

/** Columns for `n` points, all zero but `fb`, which is not checked yet. */
export function pointColumns(n: number): PointColumns {
  return {
    id: new Uint32Array(n),
    xy: new Float32Array(2 * n),
    dxy: new Float32Array(2 * n),
    error: new Float32Array(n),
    fb: new Float32Array(n).fill(NaN),
    age: new Uint32Array(n),
  };
}

/** The points one frame later. Every frame comes by here, and `map` takes several times as long. */
export function move(
  points: PointColumns,
  { xy, error, fb }: Pick<PointColumns, "xy" | "error" | "fb">,
): PointColumns {
  const dxy = new Float32Array(xy.length), age = new Uint32Array(points.age.length);
  for (let i = 0; i < dxy.length; i++) dxy[i] = xy[i] - points.xy[i];
  for (let i = 0; i < age.length; i++) age[i] = points.age[i] + 1;
  return { id: points.id, xy, dxy, error, fb, age };
}

/** The points at `kept`, in that order. */
export function pick(points: PointColumns, kept: readonly number[]): PointColumns {
  const picked = pointColumns(kept.length);
  for (let to = 0; to < kept.length; to++) {
    const from = kept[to];
    picked.id[to] = points.id[from];
    picked.error[to] = points.error[from];
    picked.fb[to] = points.fb[from];
    picked.age[to] = points.age[from];
    for (let axis = 0; axis < 2; axis++) {
      picked.xy[2 * to + axis] = points.xy[2 * from + axis];
      picked.dxy[2 * to + axis] = points.dxy[2 * from + axis];
    }
  }
  return picked;
}

/** `points` followed by new ones at `xy`, which get the ids from `firstId` on. */
export function append(points: PointColumns, xy: Float32Array, firstId: number): PointColumns {
  const old = points.id.length, n = old + xy.length / 2;
  const all = pointColumns(n);
  all.id.set(points.id);
  all.xy.set(points.xy);
  all.dxy.set(points.dxy);
  all.error.set(points.error);
  all.fb.set(points.fb);
  all.age.set(points.age);
  all.xy.set(xy, 2 * old);
  for (let i = old; i < n; i++) all.id[i] = firstId + i - old;
  return all;
}
