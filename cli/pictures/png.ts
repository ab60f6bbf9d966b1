import { decode, type DecodedPng } from "fast-png";
import { FrameError, type Grey } from "../../tracking/engine.ts";
import { gammaOf, type Luma, luma16, luma8 } from "./png_luma.ts";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Where IHDR, always the first chunk, has them. */
const HEADER_BYTES = 33, WIDTH_AT = 16, HEIGHT_AT = 20, DEPTH_AT = 24, INTERLACE_AT = 28;

/** Whether a file is a PNG, by its first bytes. */
export function isPng(file: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => file[i] === byte);
}

/**
 * A PNG's grey levels as `cv2.imread(file, 0)` gives them, of 8 and 16 bits, grey, colour and
 * palette, with and without alpha, which is not looked at. 16 bits are cut to their upper 8.
 *
 * @throws {FrameError} `bad_frame` where it is damaged or of a kind that does not decode,
 * `frame_too_large` past `maxPixels`, found in the header before memory is taken.
 */
export function decodePng(file: Uint8Array, maxPixels: number): Grey {
  checkHeader(file, maxPixels);
  let png: DecodedPng;
  try {
    png = decode(file, { checkCrc: true });
  } catch (error) {
    throw refused((error as Error).message);
  }
  const { width, height } = png;
  return { width, height, data: toGrey(png, gammaOf(file)) };
}

function checkHeader(file: Uint8Array, maxPixels: number): void {
  if (file.length < HEADER_BYTES) throw refused("it ends within its header");
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const width = view.getUint32(WIDTH_AT), height = view.getUint32(HEIGHT_AT);
  if (width * height > maxPixels) {
    throw new FrameError(
      "frame_too_large",
      `Cannot take a PNG of ${width}×${height} pixels: allowed are up to ${maxPixels} pixels`,
    );
  }
  if (width * height === 0) throw refused("it has no pixels");
  const depth = view.getUint8(DEPTH_AT);
  if (view.getUint8(INTERLACE_AT) !== 0 && depth < 8) {
    throw refused(`it is interlaced and has ${depth} bits a sample, allowed are 8 and 16 then`);
  }
}

function refused(why: string): FrameError {
  return new FrameError("bad_frame", `Cannot decode the PNG: ${why}`);
}

function toGrey(png: DecodedPng, gamma: number | null): Uint8Array {
  if (png.palette) return paletteToGrey(png, luma8(gamma));
  if (png.depth < 8) return unpack(png).map((v) => v * 255 / (2 ** png.depth - 1));
  const { data, channels } = png;
  const luma = png.depth === 16 ? luma16(gamma) : luma8(gamma);
  const shift = png.depth - 8;
  const grey = new Uint8Array(png.width * png.height);
  const hasColour = channels >= 3;
  for (let i = 0, from = 0; i < grey.length; i++, from += channels) {
    const value = hasColour ? luma(data[from], data[from + 1], data[from + 2]) : data[from];
    grey[i] = value >> shift;
  }
  return grey;
}

function paletteToGrey(png: DecodedPng, luma: Luma): Uint8Array {
  const greys = png.palette!.map(([r, g, b]) => luma(r, g, b));
  const indices = png.depth < 8 ? unpack(png) : png.data;
  if (indices.some((index) => index >= greys.length)) {
    throw refused("it names no colour of its own");
  }
  return Uint8Array.from(indices, (index) => greys[index]);
}

/** Samples of 1, 2 or 4 bits, the first in the highest bits; each row begins a byte. */
function unpack({ data, width, height, depth }: DecodedPng): Uint8Array {
  const samples = new Uint8Array(width * height);
  const bytesARow = Math.ceil(width * depth / 8), aByte = 8 / depth;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const byte = data[y * bytesARow + Math.floor(x / aByte)];
      samples[i] = byte >> 8 - depth * (1 + x % aByte) & 2 ** depth - 1;
    }
  }
  return samples;
}
