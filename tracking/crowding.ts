/** Positions say no more; a cell any smaller has no whole number. */
const LEAST_DISTANCE = 2 ** -10;

/**
 * Finds the points that stand nearer than `distance` to an older one. Points
 * come oldest first; one that is crowded out crowds no other.
 *
 * A hash table of cells twice as wide as the distance, so that what is near a point lies in four
 * of them, in two flat lists: every frame of every session comes by here, and this was the largest
 * part of its time.
 *
 * @param xy x, y pairs in pixels
 * @param distance in pixels, counted as 1/1024 if it is less; 0 crowds nobody
 * @returns one flag a point
 */
export function crowded(xy: Float32Array, distance: number): boolean[] {
  const n = xy.length / 2;
  const flags = new Array<boolean>(n).fill(false);
  if (distance <= 0 || n === 0) return flags;
  distance = Math.max(LEAST_DISTANCE, distance);
  const least = distance * distance, cell = 2 * distance;
  const mask = 2 ** Math.ceil(Math.log2(2 * n)) - 1;
  /** The last point put into a bucket, and before each point the one before it; -1: none. */
  const newest = new Int32Array(mask + 1).fill(-1), before = new Int32Array(n);

  const cellAt = (at: number): number => Math.floor(at / cell) | 0;
  const isNear = (bucket: number, x: number, y: number): boolean => {
    for (let j = newest[bucket & mask]; j >= 0; j = before[j]) {
      const dx = x - xy[2 * j], dy = y - xy[2 * j + 1];
      if (dx * dx + dy * dy < least) return true;
    }
    return false;
  };

  for (let i = 0; i < n; i++) {
    const x = xy[2 * i], y = xy[2 * i + 1];
    const left = cellAt(x - distance), top = cellAt(y - distance);
    const above = bucketOfRow(top) + left, below = bucketOfRow(top + 1) + left;
    flags[i] = isNear(above, x, y) || isNear(above + 1, x, y) ||
      isNear(below, x, y) || isNear(below + 1, x, y);
    if (flags[i]) continue;
    const own = (bucketOfRow(cellAt(y)) + cellAt(x)) & mask;
    before[i] = newest[own];
    newest[own] = i;
  }
  return flags;
}

/** Odd, and random, so that nobody can choose points that all share a bucket. */
const SPREAD = crypto.getRandomValues(new Int32Array(1))[0] | 1;

/** Two cells may share a bucket: that costs a comparison, never the answer. */
function bucketOfRow(row: number): number {
  return Math.imul(row, SPREAD);
}
