/** Turns pictures into JPEGs, in whichever thread it lives. */
export class JpegCanvas {
  readonly #canvas = new OffscreenCanvas(1, 1);
  readonly #context = this.#canvas.getContext("2d", { alpha: false, willReadFrequently: true })!;

  /** @param quality 0 to 1 */
  async encode(bitmap: ImageBitmap, quality: number): Promise<Uint8Array<ArrayBuffer>> {
    const canvas = this.#canvas;
    if (canvas.width !== bitmap.width) canvas.width = bitmap.width;
    if (canvas.height !== bitmap.height) canvas.height = bitmap.height;
    this.#context.drawImage(bitmap, 0, 0);
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality });
    return new Uint8Array(await blob.arrayBuffer());
  }

  /** Safari frees its memory only so. */
  [Symbol.dispose](): void {
    this.#canvas.width = this.#canvas.height = 0;
  }
}
