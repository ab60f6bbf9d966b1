import type { PointColumns } from "../protocol/mod.ts";
import type { Advanced } from "./engine.ts";

/** Bytes of a point in all columns together. */
const POINT_BYTES = 32;

/** An empty set of points. */
export function noPoints(): PointColumns {
  return pointColumns(0);
}

/**
 * Columns for `n` points, all zero, also `fb`: to be filled. They share one buffer, because every
 * frame makes a set, and buffers are what the collector takes long for.
 */
function zeroColumns(n: number): PointColumns {
  const buffer = new ArrayBuffer(POINT_BYTES * n);
  return {
    id: new Uint32Array(buffer, 0, n),
    xy: new Float32Array(buffer, 4 * n, 2 * n),
    dxy: new Float32Array(buffer, 12 * n, 2 * n),
    error: new Float32Array(buffer, 20 * n, n),
    fb: new Float32Array(buffer, 24 * n, n),
    age: new Uint32Array(buffer, 28 * n, n),
  };
}

/** Columns for `n` points, all zero but `fb`, which is not checked yet. */
export function pointColumns(n: number): PointColumns {
  const columns = zeroColumns(n);
  columns.fb.fill(NaN);
  return columns;
}

/**
 * The points of which the reason to end is 0, one frame later. Every frame comes by here: a loop,
 * for `map` takes several times as long.
 *
 * @param live how many those are
 */
export function carryOver(
  before: PointColumns,
  { xy, error, fb }: Pick<Advanced, "xy" | "error" | "fb">,
  reasons: Uint8Array,
  live: number,
): PointColumns {
  const after = zeroColumns(live);
  const { id: oldId, xy: oldXy, age: oldAge } = before;
  const { id: newId, xy: newXy, dxy: newDxy, error: newError, fb: newFb, age: newAge } = after;
  for (let from = 0, to = 0; to < live; from++) {
    if (reasons[from] !== 0) continue;
    const x = xy[2 * from], y = xy[2 * from + 1];
    newId[to] = oldId[from];
    newXy[2 * to] = x;
    newXy[2 * to + 1] = y;
    newDxy[2 * to] = x - oldXy[2 * from];
    newDxy[2 * to + 1] = y - oldXy[2 * from + 1];
    newError[to] = error[from];
    newFb[to] = fb[from];
    newAge[to] = oldAge[from] + 1;
    to++;
  }
  return after;
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
