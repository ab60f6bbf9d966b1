import { byId, make } from "../ui/elements.ts";

/** Where a place in the shown frame is in the stage, in CSS pixels; undefined while none is shown. */
export type Place = (x: number, y: number) => readonly [x: number, y: number] | undefined;

/** A ring around one point on the stage. */
export class PointMark {
  readonly #ring = make("div", { className: "point-mark", hidden: true });

  constructor(readonly place: Place) {
    byId("stage", HTMLDivElement).append(this.#ring);
  }

  /** @param x in pixels of the frame */
  show(x: number, y: number): void {
    const at = this.place(x, y);
    this.#ring.hidden = !at;
    if (at) this.#ring.style.translate = `${at[0].toFixed(1)}px ${at[1].toFixed(1)}px`;
  }

  hide(): void {
    this.#ring.hidden = true;
  }
}
