import type { EncodeReply, EncodeRequest } from "./encoding.ts";

/** Turns frames into JPEGs, in whichever thread it lives. */
export class JpegCanvas {
  readonly #canvas = new OffscreenCanvas(1, 1);
  readonly #context = this.#canvas.getContext("2d", { alpha: false, willReadFrequently: true })!;

  async encode({ image, width, height, quality, keep }: EncodeRequest): Promise<EncodeReply> {
    const canvas = this.#canvas;
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    this.#context.imageSmoothingQuality = "medium"; // a new size has reset it
    try {
      this.#context.drawImage(image, 0, 0, width, height);
    } finally {
      image.close();
    }
    // What is drawn under a result is what was sent.
    const picture = keep ? await createImageBitmap(canvas) : null;
    try {
      const blob = await canvas.convertToBlob({ type: "image/jpeg", quality });
      return { picture, jpeg: new Uint8Array(await blob.arrayBuffer()) };
    } catch (error) {
      picture?.close();
      throw error;
    }
  }

  /** Safari frees its memory only so. */
  [Symbol.dispose](): void {
    this.#canvas.width = this.#canvas.height = 0;
  }
}
