/** The native library's JPEG decoder, as the cpu engine uses it, for its very pixels. */
const SYMBOLS = {
  lk_jpeg_info: {
    parameters: ["buffer", "u32", "buffer", "buffer", "buffer", "u32"],
    result: "i32",
  },
  lk_decode_grey: {
    parameters: [
      ...["buffer", "u32", "u32", "buffer", "u32", "u32"] as const,
      ...["buffer", "buffer", "buffer", "u32"] as const,
    ],
    result: "i32",
  },
} as const;

export class NativeJpegDecoder implements Disposable {
  readonly #library;
  readonly #width = new Uint32Array(1);
  readonly #height = new Uint32Array(1);
  readonly #error = new Uint8Array(300);

  /** @param path of the library */
  constructor(path: string) {
    this.#library = Deno.dlopen(path, SYMBOLS);
  }

  /** The grey levels; or why it is refused. */
  decode(jpeg: Uint8Array<ArrayBuffer>, maxPixels: number): Uint8Array | string {
    const { lk_jpeg_info, lk_decode_grey } = this.#library.symbols;
    const size = [this.#width, this.#height] as const;
    const text = [this.#error, this.#error.length] as const;
    if (lk_jpeg_info(jpeg, jpeg.length, ...size, ...text) !== 0) return this.#reason();
    const [width] = this.#width, [height] = this.#height;
    const pixels = new Uint8Array(Math.min(maxPixels, width * height));
    const into = [pixels, width, pixels.length] as const;
    const status = lk_decode_grey(jpeg, jpeg.length, maxPixels, ...into, ...size, ...text);
    return status === 0 ? pixels : this.#reason();
  }

  #reason(): string {
    return new TextDecoder().decode(this.#error.subarray(0, this.#error.indexOf(0)));
  }

  [Symbol.dispose](): void {
    this.#library.close();
  }
}
