/** Small values matter most, so the axis is a cube root: 0 to 1 for 0 to `max`. */
export function position(value: number, max: number): number {
  return Math.cbrt(Math.min(value, max) / max);
}

/** The value at a position on the axis, to three digits. */
export function valueAt(position: number, max: number): number {
  return Number((max * position ** 3).toPrecision(3));
}

/** How many of `values` are in each of `bins` equal parts of the axis; NaN is in none. */
export function countBins(
  values: Iterable<number>,
  max: number,
  bins: number,
): Uint32Array<ArrayBuffer> {
  const counts = new Uint32Array(bins);
  for (const value of values) {
    if (value >= 0) counts[Math.min(bins - 1, Math.floor(bins * position(value, max)))]++;
  }
  return counts;
}

/** Draws bars as high as their counts, those from `limit` (0 to 1) on in `beyond`. */
export function drawBars(
  context: CanvasRenderingContext2D,
  counts: Uint32Array,
  limit: number,
  colour: string,
  beyond: string,
): void {
  const { width, height } = context.canvas;
  const most = Math.max(1, ...counts);
  const step = width / counts.length;
  context.clearRect(0, 0, width, height);
  for (const [i, count] of counts.entries()) {
    if (count === 0) continue;
    // The root shows a few points beside many.
    const bar = Math.max(2, height * Math.sqrt(count / most));
    context.fillStyle = (i + 0.5) / counts.length > limit ? beyond : colour;
    context.fillRect(i * step + 0.5, height - bar, step - 1, bar);
  }
}
