/** Corner points of polygons in pixels; (0, 0) is the centre of the top-left pixel. */
export type Polygons = readonly (readonly (readonly [number, number])[])[];

/**
 * Paints polygons into a mask of `width × height` bytes: 255 where a pixel's
 * centre is inside, by the even-odd rule over all polygons together (as a
 * canvas fills with "evenodd", so a polygon inside another one is a hole).
 */
export function paintMask(polygons: Polygons, width: number, height: number): Uint8Array {
  const mask = new Uint8Array(width * height);
  const crossings: number[][] = Array.from({ length: height }, () => []);
  for (const polygon of polygons) {
    polygon.forEach((corner, i) => addEdge(corner, polygon[(i + 1) % polygon.length], crossings));
  }
  crossings.forEach((xs, y) => {
    xs.sort((a, b) => a - b);
    for (let i = 0; i + 1 < xs.length; i += 2) {
      const from = Math.max(0, Math.ceil(xs[i])), to = Math.min(width, Math.ceil(xs[i + 1]));
      if (from < to) mask.fill(255, y * width + from, y * width + to);
    }
  });
  return mask;
}

/** Notes where an edge crosses the middle of each row; the lower end belongs to the next edge. */
function addEdge(
  [x0, y0]: readonly [number, number],
  [x1, y1]: readonly [number, number],
  crossings: number[][],
): void {
  if (y0 === y1) return;
  const [top, bottom] = y0 < y1 ? [y0, y1] : [y1, y0];
  const last = Math.min(crossings.length, Math.ceil(bottom));
  for (let y = Math.max(0, Math.ceil(top)); y < last; y++) {
    crossings[y].push(x0 + (y - y0) * (x1 - x0) / (y1 - y0));
  }
}

/** Share of a mask's pixels that are allowed, 0 to 1. */
export function maskShare(mask: Uint8Array): number {
  let allowed = 0;
  for (const byte of mask) if (byte) allowed++;
  return allowed / mask.length;
}
