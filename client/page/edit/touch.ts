import { announce } from "../ui/announce.ts";
import { mention } from "../ui/banner.ts";
import { type Edits, type Place, type Polygon, spoken } from "./edits.ts";
import { byId, setPressed } from "../ui/elements.ts";
import { box, ShapesLayer } from "./shapes.ts";
import type { Stage } from "../stage/stage.ts";

/** A pointer that moved less than this, in CSS pixels, clicked. */
const STILL = 8;
const LONG_PRESS_MS = 500;
/** How near a point must be to be removed, in CSS pixels. */
const REACH = 24;

/**
 * Mouse and fingers on the stage. A click adds a point, with Alt or pressed long
 * it removes the nearest; a drag draws a box. While polygons are drawn, each click
 * is a corner; a double click or a click on the first corner closes it and ends that mode.
 */
export class Touch {
  readonly #surface = byId("touch", HTMLElement);
  readonly #polygonButton = byId("polygon", HTMLButtonElement);
  readonly #layer = new ShapesLayer();
  /** Where the keyboard's crosshair is; null while it is not shown. */
  cursor: Place | null = null;
  draft: Polygon = [];
  /** Clicks are corners of a polygon. */
  #polygon = false;
  #down: {
    pointer: number;
    x: number;
    y: number;
    place: Place;
    held: ReturnType<typeof setTimeout> | undefined;
  } | undefined;

  constructor(readonly stage: Stage, readonly edits: Edits) {
    this.#surface.addEventListener("pointerdown", (event) => this.#press(event));
    this.#surface.addEventListener("pointermove", (event) => this.#move(event));
    this.#surface.addEventListener("pointerup", (event) => this.#lift(event));
    this.#surface.addEventListener("pointercancel", () => this.cancel());
    this.#surface.addEventListener("contextmenu", (event) => event.preventDefault()); // long press
    this.#polygonButton.addEventListener("click", () => this.polygon = !this.#polygon);
    this.#polygonButton.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") this.polygon = false;
    });
    stage.onPainted(() => this.draw());
    new ResizeObserver(() => this.draw()).observe(stage.box);
  }

  get polygon(): boolean {
    return this.#polygon;
  }

  set polygon(on: boolean) {
    if (on === this.#polygon) return;
    this.cancel();
    this.#polygon = on;
    setPressed(this.#polygonButton, on);
    announce(on ? "Polygon: each click is a corner" : "A click adds a point, a drag draws a box");
  }

  /** Draws regions, draft and crosshair where they are now. */
  draw(): void {
    const { draft, cursor, edits: { regions } } = this;
    // Asking where the frame lies costs a layout, at every frame.
    const isEmpty = regions.length === 0 && draft.length === 0 && !cursor;
    this.#layer.draw({ regions, draft, cursor }, isEmpty ? undefined : this.stage.view);
  }

  /** Gives up what is being drawn. */
  cancel(): void {
    clearTimeout(this.#down?.held);
    this.#down = undefined;
    this.draft = [];
    this.draw();
  }

  /** Removes the point nearest to this place, in frame pixels. */
  removeNear(place: Place): void {
    const { view, shown } = this.stage;
    const [x, y] = place;
    const id = view ? this.stage.nearestTo(place, REACH) : null;
    if (id === null) return mention(`No point is near ${spoken([x, y])}`);
    const i = shown!.points.id.indexOf(id);
    this.edits.remove(id, [shown!.points.xy[2 * i], shown!.points.xy[2 * i + 1]]);
  }

  /** One more corner of a polygon. */
  corner(place: Place): void {
    this.draft = [...this.draft, place];
    announce(`Corner ${this.draft.length} at ${spoken(place)}`);
    this.draw();
  }

  /** Makes a region of what was drawn, which ends a polygon; too few corners can be added to. */
  finish(): void {
    const { draft } = this;
    if (draft.length < 3) return mention("A region needs three corners or more");
    this.cancel();
    this.polygon = false;
    this.edits.addRegion(draft);
  }

  #press(event: PointerEvent): void {
    const { view } = this.stage;
    if (event.button !== 0 || !event.isPrimary || !view || !this.edits.arePossible) return;
    this.cursor = null;
    const place = this.#place(event);
    if (!view.contains(this.#anywhere(event))) return;
    this.#surface.setPointerCapture(event.pointerId);
    const held = event.pointerType === "touch" && !this.#polygon
      ? setTimeout(() => this.#longPressed(), LONG_PRESS_MS)
      : undefined;
    this.#down = { pointer: event.pointerId, x: event.clientX, y: event.clientY, place, held };
  }

  #move(event: PointerEvent): void {
    const down = this.#down;
    if (!down || down.pointer !== event.pointerId || this.#polygon) return;
    if (this.draft.length === 0 && isStill(down, event)) return;
    clearTimeout(down.held);
    this.draft = box(down.place, this.#place(event));
    this.draw();
  }

  #lift(event: PointerEvent): void {
    const down = this.#down;
    if (!down || down.pointer !== event.pointerId) return;
    clearTimeout(down.held);
    this.#down = undefined;
    if (this.#polygon) return this.#clickedCorner(down.place);
    if (this.draft.length > 0) return this.finish();
    if (event.altKey) this.removeNear(down.place);
    else void this.edits.add(down.place);
  }

  #clickedCorner(place: Place): void {
    const { draft, stage: { view } } = this;
    const again = (corner: Place | undefined) =>
      corner !== undefined && Math.hypot(corner[0] - place[0], corner[1] - place[1]) <
        STILL / (view?.scale ?? 1);
    if (draft.length >= 3 && (again(draft[0]) || again(draft.at(-1)))) this.finish();
    else if (!again(draft.at(-1))) this.corner(place);
  }

  #longPressed(): void {
    if (!this.#down) return;
    const { place } = this.#down;
    this.cancel();
    this.removeNear(place);
  }

  #anywhere({ clientX, clientY }: PointerEvent): Place {
    return this.stage.view!.toFrame(...this.stage.fromWindow(clientX, clientY));
  }

  /** The place under the pointer, inside the frame. */
  #place(event: PointerEvent): Place {
    return this.stage.view!.clamp(this.#anywhere(event));
  }
}

function isStill(down: { x: number; y: number }, { clientX, clientY }: PointerEvent): boolean {
  return Math.hypot(clientX - down.x, clientY - down.y) < STILL;
}
