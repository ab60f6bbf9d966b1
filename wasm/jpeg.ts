import { createRequire } from "node:module";
import { FrameError } from "../tracking/engine.ts";
import { badFrame, withoutColourTransform } from "./jpeg_header.ts";

/** Where to put a frame's grey levels, once its size is known: width × height bytes. */
export type GreyTarget = (width: number, height: number) => Uint8Array;

/**
 * A failed decode leaves 3.5 KB of the codec's heap and 16 bytes of its stack
 * (64 KB) behind, because nothing unwinds C++ there. So it is thrown away,
 * memory and all, after this many.
 */
const FAILURES_PER_INSTANCE = 256;

/** A usual progressive file has 10. Each one walks all blocks again, whatever few bytes it has. */
const MAX_SCANS = 100;

/** The codec's own decoder (libjpeg-turbo in WebAssembly, by embind). */
interface CodecDecoder {
  /** Room for the file, in the codec's heap. */
  getEncodedBuffer(length: number): Uint8Array;
  readHeader(): void;
  getFrameInfo(): { width: number; height: number; componentCount: number };
  decode(): void;
  /** Grey, or red, green, blue: a byte each, without padding. */
  getDecodedBuffer(): Uint8Array;
}

/** Decodes JPEGs to grey: the file's own luma, bit for bit what libjpeg gives as JCS_GRAYSCALE. */
export class JpegDecoder {
  readonly #instantiate: () => Promise<CodecDecoder>;
  #codec: CodecDecoder;
  #failures = 0;

  private constructor(instantiate: () => Promise<CodecDecoder>, codec: CodecDecoder) {
    this.#instantiate = instantiate;
    this.#codec = codec;
  }

  /** Compiles the codec. One decoder serves any number of sequences. */
  static async load(): Promise<JpegDecoder> {
    const require = createRequire(import.meta.url);
    const create = require("@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs");
    const path = require.resolve("@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasm");
    const compiled = await WebAssembly.compile(await Deno.readFile(path));
    const instantiate = async () => {
      const codec = await create({
        instantiateWasm(imports: WebAssembly.Imports, ready: (i: WebAssembly.Instance) => unknown) {
          return ready(new WebAssembly.Instance(compiled, imports));
        },
      });
      return new codec.JPEGDecoder();
    };
    return new JpegDecoder(instantiate, await instantiate());
  }

  /**
   * Decodes a file into what `target` returns for its size; it is asked only
   * after the pixels were decoded.
   *
   * @throws {FrameError} `bad_frame` where the file is damaged, cut short or
   * neither grey nor of three colours; `frame_too_large` past `maxPixels`,
   * found in the header before memory is taken.
   */
  decode(jpeg: Uint8Array, maxPixels: number, target: GreyTarget): void {
    const { parts, components, rgb } = withoutColourTransform(jpeg);
    checkScans(jpeg);
    this.#fill(parts);
    this.#run("its header is damaged", () => this.#codec.readHeader());
    const { width, height } = this.#codec.getFrameInfo();
    checkSize(width, height, maxPixels);
    this.#run("its data is damaged or cut short", () => this.#codec.decode());
    const grey = target(width, height);
    const decoded = this.#codec.getDecodedBuffer();
    if (components === 1) grey.set(decoded);
    else if (rgb) rgbToGrey(decoded, grey);
    else firstOfThree(decoded, grey);
  }

  #fill(parts: Uint8Array[]): void {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const buffer = this.#codec.getEncodedBuffer(length);
    let at = 0;
    for (const part of parts) {
      buffer.set(part, at);
      at += part.length;
    }
  }

  /** What the codec throws is a bare number that says nothing: a pointer to a C string. */
  #run(why: string, call: () => void): void {
    try {
      call();
    } catch (error) {
      if (typeof error !== "number") throw error;
      if (++this.#failures === FAILURES_PER_INSTANCE) this.#renew();
      throw badFrame(why);
    }
  }

  /** Puts a fresh codec in place a moment later; the old one serves until then. */
  async #renew(): Promise<void> {
    this.#codec = await this.#instantiate();
    this.#failures = 0;
  }
}

/** @throws {FrameError} `frame_too_large` */
export function checkSize(width: number, height: number, maxPixels: number): void {
  if (width * height > maxPixels) {
    throw new FrameError(
      "frame_too_large",
      `Cannot take a frame of ${width}×${height} pixels: ` +
        `it has ${width * height}, allowed are up to ${maxPixels}`,
    );
  }
}

function checkScans(jpeg: Uint8Array): void {
  let scans = 0;
  for (let at = jpeg.indexOf(0xff); at >= 0; at = jpeg.indexOf(0xff, at + 1)) {
    if (jpeg[at + 1] === 0xda) scans++;
  }
  if (scans > MAX_SCANS) throw badFrame(`it has ${scans} scans, allowed are up to ${MAX_SCANS}`);
}

function firstOfThree(pixels: Uint8Array, grey: Uint8Array): void {
  for (let i = 0, from = 0; i < grey.length; i++, from += 3) grey[i] = pixels[from];
}

/** The weights 0.299, 0.587 and 0.114 in 16 bits of fraction, rounded, as in libjpeg's `rgb_gray_convert`. */
function rgbToGrey(pixels: Uint8Array, grey: Uint8Array): void {
  for (let i = 0, from = 0; i < grey.length; i++, from += 3) {
    grey[i] = (19595 * pixels[from] + 38470 * pixels[from + 1] + 7471 * pixels[from + 2] + 32768) >>
      16;
  }
}
