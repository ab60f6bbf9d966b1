/**
 * Makes a component as large as the frame, bit for bit as libjpeg-turbo's
 * `jdsample.c` does: a sample in between is a weighted mean of its neighbours
 * where there are twice as many across, down or both, with rounding that
 * alternates; else each is repeated.
 */

/** Samples, row by row. */
export interface Plane {
  width: number;
  height: number;
  data: Uint8Array;
}

/**
 * @param plane the component's samples
 * @param across how many times as wide it gets, and `down` as high; null where not a whole number
 * @param width of the frame, and its height, to which the result is cut
 */
export function upsample(
  plane: Plane,
  across: number,
  down: number,
  width: number,
  height: number,
): Uint8Array {
  const isWide = plane.width > 2;
  if (across === 1 && down === 2) return smooth(plane, 1, 2, width, height);
  if (across === 2 && down <= 2 && isWide) return smooth(plane, 2, down, width, height);
  const out = new Uint8Array(width * height);
  for (let y = 0, at = 0; y < height; y++) {
    const row = plane.width * Math.floor(y / down);
    for (let x = 0; x < width; x++) out[at++] = plane.data[row + Math.floor(x / across)];
  }
  return out;
}

/** Twice as many across, down or both: three parts of the nearer sample, one of the other. */
function smooth(
  { width: w, height: h, data }: Plane,
  across: number,
  down: number,
  width: number,
  height: number,
): Uint8Array {
  const out = new Uint8Array(width * height);
  const column = new Int32Array(w); // sums of two rows
  for (let y = 0; y < height; y++) {
    const near = Math.floor(y / down), isLower = y % down === 1;
    const far = Math.min(h - 1, Math.max(0, near + (isLower ? 1 : -1)));
    for (let x = 0; x < w; x++) {
      column[x] = down === 2 ? 3 * data[near * w + x] + data[far * w + x] : data[near * w + x];
    }
    const row = y * width;
    if (across === 1) {
      for (let x = 0; x < width; x++) out[row + x] = column[x] + (isLower ? 2 : 1) >> 2;
      continue;
    }
    const bits = 2 * down; // the weights sum to 4, or to 16
    const [left, right] = down === 2 ? [8, 7] : [1, 2];
    for (let x = 0; x < width; x++) {
      const nearest = x >> 1, isRight = x % 2 === 1;
      const other = nearest + (isRight ? 1 : -1);
      if (other >= 0 && other < w) {
        out[row + x] = 3 * column[nearest] + column[other] + (isRight ? right : left) >> bits;
      } else if (down === 2) { // at the border
        out[row + x] = 4 * column[nearest] + (isRight ? 7 : 8) >> 4;
      } else {
        out[row + x] = column[nearest];
      }
    }
  }
  return out;
}
