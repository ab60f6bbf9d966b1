import type { Tracks } from "../../sdk/mod.ts";
import { tell } from "../ui/events.ts";
import type { Stage } from "../stage/stage.ts";

/** How near the pointer must be to a point, in CSS pixels. */
const REACH = 12;

/**
 * The point nearest to the pointer. Its place is told by the event
 * `lkstream:hover` on the document, again on every frame that it lives on, and
 * null when there is none any more.
 */
export class Picked {
  #id: number | null = null;

  constructor(readonly stage: Stage) {
    stage.box.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "touch") this.#point(event.clientX, event.clientY);
    });
    stage.box.addEventListener("pointerleave", () => this.#pick(null));
    stage.onPainted(() => this.#id !== null && this.#tell());
  }

  #point(clientX: number, clientY: number): void {
    const place = this.stage.view?.toFrame(...this.stage.fromWindow(clientX, clientY));
    this.#pick(place ? this.stage.nearestTo(place, REACH) : null);
  }

  #pick(id: number | null): void {
    if (id === this.#id) return;
    this.#id = id;
    this.#tell();
  }

  #tell(): void {
    const at = this.#id === null ? null : placeOf(this.stage.shown, this.#id);
    if (!at) this.#id = null;
    tell("lkstream:hover", at && { id: this.#id!, x: at[0], y: at[1] });
  }
}

function placeOf(tracks: Tracks | undefined, id: number): [x: number, y: number] | null {
  const i = tracks?.points.id.indexOf(id) ?? -1;
  return i < 0 ? null : [tracks!.points.xy[2 * i], tracks!.points.xy[2 * i + 1]];
}
