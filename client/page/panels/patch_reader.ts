import { partFor, type Patch, type Size } from "./patch.ts";

/** Reads grey levels out of frames: a JPEG's luma, but for what its compression changes. */
export class PatchReader {
  readonly #context = new OffscreenCanvas(1, 1).getContext("2d", {
    alpha: false,
    willReadFrequently: true, // else every read would wait for the GPU
  })!;

  /** What the window of a point at (x, y) needs. */
  read(frame: ImageBitmap, x: number, y: number, size: Size): Patch {
    const part = partFor(x, y, size, { width: frame.width, height: frame.height });
    const { left, top, width, height } = part;
    const { canvas } = this.#context;
    canvas.width = Math.max(canvas.width, width);
    canvas.height = Math.max(canvas.height, height);
    this.#context.drawImage(frame, left, top, width, height, 0, 0, width, height);
    return { ...part, grey: luma(this.#context.getImageData(0, 0, width, height).data) };
  }
}

/** With the weights of JPEG (BT.601). */
function luma(rgba: Uint8ClampedArray): Uint8Array {
  const grey = new Uint8Array(rgba.length / 4);
  for (let i = 0; i < grey.length; i++) {
    grey[i] = Math.round(0.299 * rgba[4 * i] + 0.587 * rgba[4 * i + 1] + 0.114 * rgba[4 * i + 2]);
  }
  return grey;
}
