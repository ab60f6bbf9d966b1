/** Positions say no more; a cell any smaller has no whole number. */
const LEAST_DISTANCE = 2 ** -10;

/**
 * Finds the points that stand nearer than `distance` to an older one. Points
 * come oldest first; one that is crowded out crowds no other.
 *
 * @param xy x, y pairs in pixels
 * @param distance in pixels, counted as 1/1024 if it is less; 0 crowds nobody
 * @returns one flag a point
 */
export function crowded(xy: Float32Array, distance: number): boolean[] {
  const n = xy.length / 2;
  const flags = new Array<boolean>(n).fill(false);
  if (distance <= 0) return flags;
  distance = Math.max(LEAST_DISTANCE, distance);
  const cells = new Map<number, number[]>();
  for (let i = 0; i < n; i++) {
    const column = Math.floor(xy[2 * i] / distance), row = Math.floor(xy[2 * i + 1] / distance);
    if (hasNeighbour(cells, xy, i, column, row, distance)) {
      flags[i] = true;
      continue;
    }
    const cell = cells.get(key(column, row));
    if (cell) cell.push(i);
    else cells.set(key(column, row), [i]);
  }
  return flags;
}

/** Two cells of a very fine grid may share a key: that costs a comparison, never the answer. */
function key(column: number, row: number): number {
  return row * 0x40000 + column;
}

function hasNeighbour(
  cells: Map<number, number[]>,
  xy: Float32Array,
  i: number,
  column: number,
  row: number,
  distance: number,
): boolean {
  for (let r = row - 1; r <= row + 1; r++) {
    for (let c = column - 1; c <= column + 1; c++) {
      for (const j of cells.get(key(c, r)) ?? []) {
        const dx = xy[2 * i] - xy[2 * j], dy = xy[2 * i + 1] - xy[2 * j + 1];
        if (dx * dx + dy * dy < distance * distance) return true;
      }
    }
  }
  return false;
}
