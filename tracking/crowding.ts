/** Positions say no more; a cell any smaller has no whole number. */
const LEAST_DISTANCE = 2 ** -10;

/**
 * The newest point of each bucket, and before each point the one before it in its bucket; -1: none.
 * Every frame of every session comes by here, one after the other, so all use the same two lists.
 */
let newest = new Int32Array(0), before = new Int32Array(0);

/**
 * Finds the points that stand nearer than `distance` to an older one. Points
 * come oldest first; one that is crowded out crowds no other.
 *
 * A hash table of cells twice as wide as the distance, so that what is near a point lies in four
 * of them, in two flat lists: this was the largest part of a frame's time.
 *
 * @param xy x, y pairs in pixels
 * @param distance in pixels, counted as 1/1024 if it is less; 0 crowds nobody
 * @param reasons one a point: other than 0, the point is passed over
 * @param code written to the points that are crowded
 */
export function crowd(
  xy: Float32Array,
  distance: number,
  reasons: Uint8Array,
  code: number,
): void {
  const n = xy.length / 2;
  if (distance <= 0 || n === 0) return;
  distance = Math.max(LEAST_DISTANCE, distance);
  const least = distance * distance, cells = 1 / (2 * distance);
  const buckets = 2 ** Math.ceil(Math.log2(2 * n)), mask = buckets - 1;
  if (buckets > newest.length) {
    newest = new Int32Array(buckets);
    before = new Int32Array(buckets);
  }
  newest.fill(-1, 0, buckets);

  for (let i = 0; i < n; i++) {
    if (reasons[i] !== 0) continue;
    const x = xy[2 * i], y = xy[2 * i + 1];
    const left = Math.floor((x - distance) * cells) | 0;
    const top = Math.floor((y - distance) * cells) | 0;
    const above = bucketOfRow(top) + left, below = bucketOfRow(top + 1) + left;
    if (
      isNear(newest[above & mask], xy, x, y, least) ||
      isNear(newest[above + 1 & mask], xy, x, y, least) ||
      isNear(newest[below & mask], xy, x, y, least) ||
      isNear(newest[below + 1 & mask], xy, x, y, least)
    ) {
      reasons[i] = code;
      continue;
    }
    const own = bucketOfRow(Math.floor(y * cells) | 0) + (Math.floor(x * cells) | 0) & mask;
    before[i] = newest[own];
    newest[own] = i;
  }
}

/** Whether a place is near a point of a bucket, from its newest one on. */
function isNear(
  newest: number,
  xy: Float32Array,
  x: number,
  y: number,
  least: number,
): boolean {
  for (let j = newest; j >= 0; j = before[j]) {
    const dx = x - xy[2 * j], dy = y - xy[2 * j + 1];
    if (dx * dx + dy * dy < least) return true;
  }
  return false;
}

/** Odd, and random, so that nobody can choose points that all share a bucket. */
const SPREAD = crypto.getRandomValues(new Int32Array(1))[0] | 1;

/** Two cells may share a bucket: that costs a comparison, never the answer. */
function bucketOfRow(row: number): number {
  return Math.imul(row, SPREAD);
}
