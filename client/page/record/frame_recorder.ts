const QUALITY = 0.9;

/** Makes JPEGs of the frames of results, beside what the page does. */
export class FrameRecorder {
  readonly #canvas = new OffscreenCanvas(1, 1);
  readonly #context = this.#canvas.getContext("2d", { alpha: false })!;
  bytes = 0;

  /** The frame as it is now, in the size of its result; the frame stays the caller's. */
  async jpegOf(frame: ImageBitmap, width: number, height: number): Promise<Uint8Array> {
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    this.#context.drawImage(frame, 0, 0, width, height);
    const blob = await this.#canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
    this.bytes += blob.size;
    return new Uint8Array(await blob.arrayBuffer());
  }
}
