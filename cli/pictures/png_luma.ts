/**
 * How libpng, and so `cv2.imread(file, 0)`, makes grey of a PNG's colours (`png_set_rgb_to_gray`
 * with OpenCV's weights). Where the file states its gamma, by gAMA or sRGB, the sum is one of
 * light: samples go through a table to linear light and back. Rounding is libpng's too.
 */
export type Luma = (r: number, g: number, b: number) => number;

/** OpenCV's weights 0.299 and 0.587, and the rest, in 15 bits of fraction, cut as libpng does. */
const RED = 9797, GREEN = 19234, BLUE = 32768 - RED - GREEN;

/** Of a file that says that its colours are sRGB, in 1/100000. */
const SRGB_GAMMA = 45455;
/** A gamma so near to 1 changes nothing. */
const SIGNIFICANT = 5000;

/**
 * The gamma that a PNG states, in 1/100000 as in its chunk: sRGB before gAMA. Null where it states
 * none, or one that changes nothing.
 */
export function gammaOf(png: Uint8Array): number | null {
  const view = new DataView(png.buffer, png.byteOffset, png.length);
  let stated: number | null = null;
  for (let at = 8; at + 12 <= png.length;) {
    const length = view.getUint32(at), type = view.getUint32(at + 4);
    if (type === 0x49444154) break; // IDAT
    if (type === 0x73524742) return SRGB_GAMMA; // sRGB
    if (type === 0x67414d41 && length === 4) stated = view.getUint32(at + 8); // gAMA
    at += 12 + length;
  }
  return stated && Math.abs(stated - 100_000) > SIGNIFICANT ? stated : null;
}

/** For samples of 8 bits. */
export function luma8(gamma: number | null): Luma {
  if (gamma === null) {
    return (r, g, b) => r === g && r === b ? r : RED * r + GREEN * g + BLUE * b >> 15;
  }
  const table = (power: number) =>
    Uint8Array.from({ length: 256 }, (_, i) => Math.floor(255 * (i / 255) ** power + 0.5));
  const toLight = table(inverse(gamma) / 1e5), fromLight = table(gamma / 1e5);
  return (r, g, b) =>
    r === g && r === b
      ? r
      : fromLight[RED * toLight[r] + GREEN * toLight[g] + BLUE * toLight[b] + 16384 >> 15];
}

/** For samples of 16 bits; of the sum, the upper 8 are then taken. */
export function luma16(gamma: number | null): Luma {
  const sum = (r: number, g: number, b: number) => (RED * r + GREEN * g + BLUE * b + 16384) >>> 15;
  if (gamma === null) return (r, g, b) => r === g && r === b ? r : sum(r, g, b);
  const toLight = table16(inverse(gamma) / 1e5), fromLight = table16(gamma / 1e5);
  const grey = rounded16();
  const of = (table: Uint16Array, v: number) => table[v >> UNUSED_BITS];
  return (r, g, b) =>
    r === g && r === b
      ? of(grey, r)
      : of(fromLight, sum(of(toLight, r), of(toLight, g), of(toLight, b)));
}

/** libpng's tables for what ends in 8 bits are of 11 bits. */
const UNUSED_BITS = 5;

function table16(power: number): Uint16Array {
  const last = 2 ** (16 - UNUSED_BITS) - 1;
  return Uint16Array.from(
    { length: last + 1 },
    (_, i) => Math.floor(65535 * (i / last) ** power + 0.5),
  );
}

/** What is grey already is rounded to 8 bits, not cut: `png_build_16to8_table`. */
function rounded16(): Uint16Array {
  const last = 2 ** (16 - UNUSED_BITS) - 1;
  const table = new Uint16Array(last + 1).fill(65535);
  for (let level = 0, at = 0; level < 255; level++) {
    const end = Math.floor(((257 * level + 128) * last + 32768) / 65535) + 1;
    table.fill(257 * level, at, end);
    at = end;
  }
  return table;
}

/** `png_reciprocal` */
function inverse(gamma: number): number {
  return Math.floor(1e10 / gamma + 0.5);
}
