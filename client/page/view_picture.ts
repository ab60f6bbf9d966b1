import { byId } from "./elements.ts";
import type { Stage } from "./stage.ts";

/** The stage as it is seen, picture and overlay together, on a canvas of its own. */
export class ViewPicture {
  readonly canvas = document.createElement("canvas");
  readonly #context = this.canvas.getContext("2d", { alpha: false })!;
  readonly #overlay = byId("overlay", HTMLCanvasElement);

  constructor(readonly stage: Stage) {}

  /** Draws what is shown now, without the bars beside the frame. False while nothing is. */
  draw(): boolean {
    const { picture, view } = this.stage;
    if (!view) return false;
    const unit = this.#overlay.width / view.box.width;
    const left = view.left * unit, top = view.top * unit;
    // Even sides: video encoders take no others.
    const width = 2 * Math.floor((this.#overlay.width - 2 * left) / 2);
    const height = 2 * Math.floor((this.#overlay.height - 2 * top) / 2);
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
    if (picture && !picture.classList.contains("covered")) {
      if (view.mirrored) this.#context.setTransform(-1, 0, 0, 1, width, 0);
      this.#context.drawImage(picture, 0, 0, width, height);
      this.#context.resetTransform();
    }
    this.#context.drawImage(this.#overlay, -left, -top);
    return true;
  }

  /** A PNG of what is shown now; null while nothing is. */
  png(): Promise<Blob | null> {
    if (!this.draw()) return Promise.resolve(null);
    return new Promise((done) => this.canvas.toBlob(done, "image/png"));
  }
}
