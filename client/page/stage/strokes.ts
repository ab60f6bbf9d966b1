const SEGMENT_WORDS = 6;
const DISC_WORDS = 4;

/** Rows of equal numbers of 32-bit words, floats and one colour, as the graphics card takes them. */
class Rows {
  count = 0;
  floats: Float32Array<ArrayBuffer>;
  colours: Uint32Array<ArrayBuffer>;

  constructor(readonly words: number) {
    this.floats = new Float32Array(256 * words);
    this.colours = new Uint32Array(this.floats.buffer);
  }

  /** Index of the first word of a new row. */
  next(): number {
    const at = this.count++ * this.words;
    if (at + this.words > this.floats.length) {
      const grown = new Float32Array(2 * this.floats.length);
      grown.set(this.floats);
      this.floats = grown;
      this.colours = new Uint32Array(grown.buffer);
    }
    return at;
  }
}

/**
 * What is to be painted over a frame, in canvas pixels: line segments below,
 * discs above. Both surfaces take it as it is. Colours are 0xAABBGGRR, see
 * {@linkcode packed}.
 */
export class Strokes {
  /** x, y of both ends, width, colour. */
  readonly segments: Rows = new Rows(SEGMENT_WORDS);
  /** x, y, radius, colour; each has a dark rim of `rim` around it. */
  readonly discs: Rows = new Rows(DISC_WORDS);
  rim = 1;

  clear(): void {
    this.segments.count = this.discs.count = 0;
  }

  segment(x0: number, y0: number, x1: number, y1: number, width: number, colour: number): void {
    const at = this.segments.next();
    const { floats, colours } = this.segments;
    floats[at] = x0;
    floats[at + 1] = y0;
    floats[at + 2] = x1;
    floats[at + 3] = y1;
    floats[at + 4] = width;
    colours[at + 5] = colour;
  }

  disc(x: number, y: number, radius: number, colour: number): void {
    const at = this.discs.next();
    const { floats, colours } = this.discs;
    floats[at] = x;
    floats[at + 1] = y;
    floats[at + 2] = radius;
    colours[at + 3] = colour;
  }

  /** Lines of unit size, x0, y0, x1, y1 each, around (x, y) and `size` times as large. */
  lines(x: number, y: number, size: number, lines: number[], width: number, colour: number): void {
    for (let i = 0; i < lines.length; i += 4) {
      const [x0, y0, x1, y1] = lines.slice(i, i + 4);
      this.segment(x + size * x0, y + size * y0, x + size * x1, y + size * y1, width, colour);
    }
  }
}

/** The rim that sets a disc off from the picture. */
export const RIM = "#06110f73";

/** A CSS colour, #rrggbb, as strokes have it. */
export function packed(css: string, alpha = 1): number {
  const rgb = parseInt(css.slice(1, 7), 16);
  return withAlpha(((rgb & 0xff) << 16 | rgb & 0xff00 | rgb >> 16) >>> 0, alpha);
}

/** The same colour, as opaque as this. */
export function withAlpha(colour: number, alpha: number): number {
  return ((colour & 0xffffff) | Math.round(255 * alpha) << 24) >>> 0;
}

/** As CSS has it, #rrggbbaa. */
export function unpacked(colour: number): string {
  const rgba = [colour, colour >>> 8, colour >>> 16, colour >>> 24];
  return "#" + rgba.map((byte) => (byte & 0xff).toString(16).padStart(2, "0")).join("");
}
