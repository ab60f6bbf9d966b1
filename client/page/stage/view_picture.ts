import { byId } from "../ui/elements.ts";
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
    const [width, height] = this.#resize(
      this.#overlay.width - 2 * left,
      this.#overlay.height - 2 * top,
    );
    if (picture && !picture.classList.contains("covered")) {
      if (view.mirrored) this.#context.setTransform(-1, 0, 0, 1, width, 0);
      this.#context.drawImage(picture, 0, 0, width, height);
      this.#context.resetTransform();
    }
    this.#context.drawImage(this.#overlay, -left, -top);
    return true;
  }

  /** Draws a frame alone, or the live picture where there is none; never mirrored. False while nothing is shown. */
  drawAlone(frame: ImageBitmap | null): boolean {
    const picture = frame ?? this.stage.picture, { shown } = this.stage;
    if (!picture || !shown) return false;
    const [width, height] = this.#resize(shown.width, shown.height);
    this.#context.drawImage(picture, 0, 0, width, height);
    return true;
  }

  /** Even sides: video encoders take no others. */
  #resize(...sides: [width: number, height: number]): number[] {
    const [width, height] = sides.map((side) => 2 * Math.floor(side / 2));
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
    return [width, height];
  }

  /** A PNG of what is shown now; null while nothing is. */
  png(): Promise<Blob | null> {
    if (!this.draw()) return Promise.resolve(null);
    return new Promise((done) => this.canvas.toBlob(done, "image/png"));
  }
}
