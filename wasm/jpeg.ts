import { createRequire } from "node:module";
import { type FrameHeader, ProtocolError } from "../protocol/mod.ts";
import { notAJpeg } from "../protocol/jpeg.ts";
import { readScans } from "../protocol/jpeg_scans.ts";
import { FrameError } from "../tracking/engine.ts";
import { greyJpeg } from "./grey_jpeg.ts";
import { type PlainJpeg, withoutColourTransform } from "./jpeg_header.ts";
import { upsample } from "./upsample.ts";

/** Where to put a frame's grey levels, once its size is known: width × height bytes. */
export type GreyTarget = (width: number, height: number) => Uint8Array;

/**
 * A failed decode leaves 3.5 KB of the codec's heap and 16 bytes of its stack
 * (64 KB) behind, because nothing unwinds C++ there. So it is thrown away,
 * memory and all, after this many.
 */
const FAILURES_PER_INSTANCE = 256;

/** The codec's own decoder (libjpeg-turbo in WebAssembly, by embind). */
interface CodecDecoder {
  /** Room for the file, in the codec's heap. */
  getEncodedBuffer(length: number): Uint8Array;
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
   * The codec refuses more than libjpeg does: files that are odd in what costs no
   * pixel, and samplings of which TurboJPEG does not know the name; and what lacks
   * the finer scans of a progressive picture it makes smooth. Such files are read
   * here, and given to it as a grey file of the same coefficients.
   *
   * @throws {FrameError} `bad_frame` where the file is damaged, cut short or
   * of a kind that does not decode; `frame_too_large` past `maxPixels`,
   * found in the header before memory is taken.
   */
  decode(jpeg: Uint8Array, maxPixels: number, target: GreyTarget): void {
    try {
      const plain = withoutColourTransform(jpeg);
      const { width, height, components } = plain.header;
      checkSize(width, height, maxPixels);
      const isTaken = plain.isWhole && isUsual(components);
      const pixels = isTaken ? this.#decode(plain.parts) : null;
      const planes = pixels ? [pixels] : this.#decodeOdd(jpeg, plain);
      toGrey(planes, plain, target(width, height));
    } catch (error) {
      throw error instanceof ProtocolError ? new FrameError("bad_frame", error.message) : error;
    }
  }

  /** The planes that the pixels need, of the frame's size. */
  #decodeOdd(jpeg: Uint8Array, { rgb }: PlainJpeg): Uint8Array[] {
    const { width, height, components } = readScans(jpeg, rgb ? 3 : 1);
    const across = Math.max(...components.map((c) => c.across));
    const down = Math.max(...components.map((c) => c.down));
    return components.slice(0, rgb ? 3 : 1).map((component) => {
      const [x, y] = [across / component.across, down / component.down];
      if (!Number.isInteger(x) || !Number.isInteger(y)) {
        throw notAJpeg("its sampling is no whole part of the largest one");
      }
      const data = this.#decode([greyJpeg(component)]);
      if (!data) throw notAJpeg("it is damaged");
      return x * y === 1 ? data.slice() : upsample({ ...component, data }, x, y, width, height);
    });
  }

  /** Null where the codec does not take it. The pixels are the codec's, until it decodes again. */
  #decode(parts: Uint8Array[]): Uint8Array | null {
    this.#fill(parts);
    return this.#run(() => this.#codec.decode()) ? this.#codec.getDecodedBuffer() : null;
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
  #run(call: () => void): boolean {
    try {
      call();
      return true;
    } catch (error) {
      if (typeof error !== "number") throw error;
      if (++this.#failures === FAILURES_PER_INSTANCE) this.#renew();
      return false;
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

/** The samplings of which TurboJPEG knows the name, as they are usually written. */
function isUsual([luma, ...chroma]: FrameHeader["components"]): boolean {
  if (chroma.length === 0) return true;
  const isNamed = luma.across <= 2 && luma.down <= 2 || luma.across === 4 && luma.down === 1;
  return isNamed && chroma.every(({ across, down }) => across === 1 && down === 1);
}

/** Planes of their own, or one of three bytes a pixel, as grey levels. */
function toGrey(planes: Uint8Array[], { header, rgb }: PlainJpeg, grey: Uint8Array): void {
  const [first] = planes;
  const step = planes.length === 1 ? first.length / grey.length : 1;
  if (step !== 1 && step !== header.components.length) throw notAJpeg("it is damaged");
  if (rgb) {
    const [r, g, b] = planes.length === 3 ? planes : [first, first.subarray(1), first.subarray(2)];
    for (let i = 0, from = 0; i < grey.length; i++, from += step) {
      grey[i] = luma(r[from], g[from], b[from]);
    }
  } else if (step === 1) grey.set(first);
  else for (let i = 0, from = 0; i < grey.length; i++, from += step) grey[i] = first[from];
}

/** The weights 0.299, 0.587 and 0.114 in 16 bits of fraction, rounded, as in libjpeg's `rgb_gray_convert`. */
function luma(r: number, g: number, b: number): number {
  return 19595 * r + 38470 * g + 7471 * b + 32768 >> 16;
}
