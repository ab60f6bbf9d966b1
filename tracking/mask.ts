import { EngineError, type Grey } from "./engine.ts";
import { exactLine } from "./exact_line.ts";

/** Corner points of polygons in pixels; (0, 0) is the centre of the top-left pixel. */
export type Polygons = readonly (readonly (readonly [number, number])[])[];

/** Where points may be: inside of polygons, everywhere where there is none; or where a picture is not 0. */
export type Region = Polygons | Grey;

/**
 * A region as a mask of a frame of this size; null where it is everywhere.
 *
 * @throws {EngineError} where it is a picture of another size.
 */
export function maskOf(region: Region, width: number, height: number): Uint8Array | null {
  if (!("data" in region)) return region.length > 0 ? paintMask(region, width, height) : null;
  if (region.width === width && region.height === height) return region.data;
  throw new EngineError(
    `Cannot confine points to a mask of ${region.width}×${region.height} pixels: ` +
      `the frame has ${width}×${height}`,
  );
}

/**
 * Paints polygons into a mask of `width × height` bytes: 255 where a pixel's
 * centre is inside, by the even-odd rule over all polygons together (as a
 * canvas fills with "evenodd", so a polygon inside another one is a hole).
 *
 * Takes {@linkcode maskCost} and no memory but the mask: every edge
 * flips the first pixel behind it in each row, and a pixel is inside when the
 * flips from the left up to it are odd. On a tall frame it is the first pixel
 * below it in each column: those are fewer than the rows.
 */
export function paintMask(polygons: Polygons, width: number, height: number): Uint8Array {
  const mask = new Uint8Array(width * height);
  const tall = height > width;
  const lines = tall
    ? { count: width, length: height, line: 1, pixel: width }
    : { count: height, length: width, line: width, pixel: 1 };
  for (const polygon of polygons) {
    const corners = tall ? polygon.map(([x, y]) => [y, x] as const) : polygon;
    corners.forEach((corner, i) => {
      flipBehindEdge(mask, lines, corner, corners[(i + 1) % corners.length]);
    });
  }
  if (tall) fillDown(mask, width);
  else fillRight(mask, width);
  return mask;
}

/** Flips here and there in a large mask take so many times as long as filling in a row. */
const PIXELS_AS_A_FLIP = 10;

/** What painting takes at most, in pixels to be filled: each edge may cross all lines. */
export function maskCost(region: Region, width: number, height: number): number {
  const polygons = "data" in region ? [] : region;
  if (polygons.length === 0) return 0;
  const corners = polygons.reduce((sum, { length }) => sum + length, 0);
  return width * height + PIXELS_AS_A_FLIP * corners * Math.min(width, height);
}

/** Rows, or columns with x and y in each other's place. */
interface Lines {
  count: number;
  /** Pixels of each. */
  length: number;
  /** From a line to the next one in the mask, and from a pixel of a line to its next one. */
  line: number;
  pixel: number;
}

/** Larger coordinates lose so much of a pixel to rounding that edges are taken exactly. */
const LARGE = 2 ** 26;

/** Where an edge crosses the middle of a line; its lower end belongs to the next edge. */
function flipBehindEdge(
  mask: Uint8Array,
  { count, length, line, pixel }: Lines,
  from: readonly [number, number],
  to: readonly [number, number],
): void {
  const [x0, y0] = from, [x1, y1] = to;
  if (y0 === y1) return;
  const [top, bottom] = y0 < y1 ? [y0, y1] : [y1, y0];
  const last = Math.min(count, Math.ceil(bottom));
  const first = Math.max(0, Math.ceil(top));
  if (first >= last) return;
  const isLarge = Math.max(...from.map(Math.abs), ...to.map(Math.abs)) > LARGE;
  const at = isLarge ? exactLine(from, to) : (y: number) => x0 + (y - y0) * (x1 - x0) / (y1 - y0);
  for (let y = first; y < last; y++) {
    const x = Math.max(0, Math.ceil(at(y)));
    if (x < length) mask[y * line + x * pixel] ^= 255;
  }
}

function fillRight(mask: Uint8Array, width: number): void {
  for (let row = 0; row < mask.length; row += width) {
    let inside = 0;
    for (let i = row; i < row + width; i++) mask[i] = inside ^= mask[i];
  }
}

function fillDown(mask: Uint8Array, width: number): void {
  for (let i = width; i < mask.length; i++) mask[i] ^= mask[i - width];
}

/** Share of a mask's pixels that are allowed, 0 to 1. */
export function maskShare(mask: Uint8Array): number {
  let allowed = 0;
  for (let i = 0; i < mask.length; i++) allowed += mask[i] & 1; // a tenth of what for…of takes
  return allowed / mask.length;
}
