import { createRequire } from "node:module";
import type { Grey } from "../../tracking/engine.ts";
import type { Rgb } from "./images.ts";

export interface EncodeOptions {
  /** 1 to 100. */
  quality?: number;
  progressive?: boolean;
  /** Of the colours of an RGB image. */
  subsampling?: "4:4:4" | "4:2:2" | "4:2:0";
}

const SUBSAMPLING = { "4:4:4": 0, "4:2:2": 1, "4:2:0": 2 };

/** The encoder makes its output's buffer as large as its input's; smaller ones overflow. */
const LEAST_BUFFER = 4096;
/** `bitsPerSample` makes the input's buffer larger and changes nothing else; it is kept in a byte. */
const MOST_BYTES_A_SAMPLE = 31;

const codec = await loadCodec();

// deno-lint-ignore no-explicit-any -- the package has no types
function loadCodec(): Promise<any> {
  const require = createRequire(import.meta.url);
  const path = require.resolve("@cornerstonejs/codec-libjpeg-turbo-8bit/wasm");
  const create = require("@cornerstonejs/codec-libjpeg-turbo-8bit/wasmjs");
  return create({ wasmBinary: Deno.readFileSync(path) });
}

/** Encodes grey levels or colours as a JPEG with a JFIF header (libjpeg-turbo). */
export function encodeJpeg(
  image: Grey | Rgb,
  { quality = 90, progressive = false, subsampling = "4:2:0" }: EncodeOptions = {},
): Uint8Array<ArrayBuffer> {
  const pixels = "rgb" in image ? image.rgb : image.data;
  const { width, height } = image;
  const bytesASample = 2 + Math.ceil(LEAST_BUFFER / pixels.length);
  if (bytesASample > MOST_BYTES_A_SAMPLE) {
    throw new Error(`Cannot encode ${width}×${height} pixels as JPEG: allowed are 12×12 and more`);
  }
  const encoder = new codec.JPEGEncoder();
  try {
    encoder.getDecodedBuffer({
      width,
      height,
      bitsPerSample: 8 * bytesASample,
      componentCount: pixels.length / (width * height),
      isSigned: false,
    }).set(pixels);
    encoder.setQuality(quality);
    encoder.setProgressive(progressive ? 1 : 0);
    encoder.setSubSampling(SUBSAMPLING[subsampling]);
    encoder.encode();
    return new Uint8Array(encoder.getEncodedBuffer());
  } catch (error) {
    if (typeof error !== "number") throw error;
    throw new Error(`Cannot encode ${width}×${height} pixels as JPEG`);
  } finally {
    encoder.delete();
  }
}

/** Decodes a grey JPEG with the codec's own decoder, for tests that need its very pixels. */
export function decodeGreyJpeg(jpeg: Uint8Array): Grey {
  const decoder = new codec.JPEGDecoder();
  decoder.getEncodedBuffer(jpeg.length).set(jpeg);
  decoder.decode();
  const { width, height, componentCount } = decoder.getFrameInfo();
  if (componentCount !== 1) throw new Error(`Cannot decode ${componentCount} components as grey`);
  const data = new Uint8Array(decoder.getDecodedBuffer());
  decoder.delete();
  return { width, height, data };
}

/** The file with its JFIF segment replaced by Adobe's; transform 0 says that the components are R, G, B. */
export function withAdobe(jpeg: Uint8Array, transform: number): Uint8Array {
  const { start, end } = findSegment(jpeg, 0xe0);
  const adobe = [0xff, 0xee, 0, 14, ...new TextEncoder().encode("Adobe")];
  return Uint8Array.from([
    ...jpeg.subarray(0, start),
    ...adobe,
    ...[0, 100, 0, 0, 0, 0, transform],
    ...jpeg.subarray(end),
  ]);
}

/** A copy whose frame header is changed: only the header then fits the data. */
export function withFrameHeader(
  jpeg: Uint8Array,
  change: { precision?: number; width?: number; height?: number; components?: number },
): Uint8Array {
  const copy = jpeg.slice();
  const { start } = findSegment(copy, 0xc0);
  const view = new DataView(copy.buffer, start);
  if (change.precision !== undefined) view.setUint8(4, change.precision);
  if (change.height !== undefined) view.setUint16(5, change.height);
  if (change.width !== undefined) view.setUint16(7, change.width);
  if (change.components !== undefined) view.setUint8(9, change.components);
  return copy;
}

function findSegment(jpeg: Uint8Array, marker: number): { start: number; end: number } {
  let start = 2;
  while (start < jpeg.length && jpeg[start] === 0xff) {
    const end = start + 2 + (jpeg[start + 2] << 8 | jpeg[start + 3]);
    if (jpeg[start + 1] === marker) return { start, end };
    start = end;
  }
  throw new Error(`Cannot find segment ${marker.toString(16)}`);
}
