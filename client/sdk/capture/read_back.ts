const SIDE = 32;
/** Grey levels by which a pixel may come back changed: some browsers mark pictures by their last bits. */
const MARKED = 4;

/**
 * Whether a canvas gives its pixels back as they are. Browsers that protect canvases give noise or
 * one colour instead, in pixels and JPEGs alike.
 */
export function givesPixelsBack(): boolean {
  const context = new OffscreenCanvas(SIDE, SIDE).getContext("2d", { willReadFrequently: true })!;
  const drawn = new ImageData(SIDE, SIDE);
  for (let i = 0; i < drawn.data.length; i++) {
    drawn.data[i] = i % 4 === 3 ? 255 : 37 * i + (i >> 6) & 255; // opaque, and nowhere the same
  }
  context.putImageData(drawn, 0, 0);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  const changed = data.reduce((sum, value, i) => sum + Math.abs(value - drawn.data[i]), 0);
  return changed / data.length <= MARKED;
}
