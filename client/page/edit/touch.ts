import { announce } from "../ui/announce.ts";
import { mention, unmention } from "../ui/banner.ts";
import { type Edits, type Place, type Polygon, spoken } from "./edits.ts";
import { byId, setPressed } from "../ui/elements.ts";
import { box, ShapesLayer } from "./shapes.ts";
import type { Stage } from "../stage/stage.ts";

/** A pointer that moved less than this, in CSS pixels, clicked. */
const STILL = 8;
const LONG_PRESS_MS = 500;
/** How near a point must be to be removed, in CSS pixels. */
const REACH = 24;

const PRESSED_LONG = "Lift to remove the point, or move to draw a box";
const TOLD = {
  none: "A click adds a point, a drag draws a box",
  box: "Box: drag from corner to corner",
  polygon: "Polygon: each click is a corner",
};

/** What a drag or click makes: `null` where nothing was chosen. */
export type Tool = "box" | "polygon" | null;

/**
 * Mouse and fingers on the picture. A click adds a point, with Alt or pressed long
 * it removes the nearest; a drag draws a box. A finger's swipe is the page's, which scrolls or zooms:
 * a finger draws a box with that tool, or once it was pressed long. A second finger gives up what
 * the first began. While polygons are drawn, each click is a corner; a double click or a click on
 * the first corner closes it and ends that mode.
 */
export class Touch {
  readonly #surface = byId("touch", HTMLElement);
  readonly #buttons = {
    box: byId("box", HTMLButtonElement),
    polygon: byId("polygon", HTMLButtonElement),
  };
  readonly #layer = new ShapesLayer();
  /** Where the keyboard's crosshair is; null while it is not shown. */
  cursor: Place | null = null;
  draft: Polygon = [];
  #tool: Tool = null;
  #down: {
    pointer: number;
    x: number;
    y: number;
    place: Place;
    /** What it is if it moves. */
    moves: "box" | "swipe" | "click";
    held: ReturnType<typeof setTimeout> | undefined;
    isLong: boolean;
  } | undefined;

  constructor(readonly stage: Stage, readonly edits: Edits) {
    this.#surface.addEventListener("pointerdown", (event) => this.#press(event));
    this.#surface.addEventListener("pointermove", (event) => this.#move(event));
    this.#surface.addEventListener("pointerup", (event) => this.#lift(event));
    this.#surface.addEventListener("pointercancel", () => this.#abandon());
    this.#surface.addEventListener("contextmenu", (event) => event.preventDefault()); // long press
    // What a finger draws is no swipe. By `touch-action` alone, that had to be known before it came.
    this.#surface.addEventListener("touchmove", (event) => {
      if (this.#down?.moves === "box" && event.cancelable) event.preventDefault();
    }, { passive: false });
    for (const tool of ["box", "polygon"] as const) {
      const button = this.#buttons[tool];
      button.addEventListener("click", () => this.tool = this.#tool === tool ? null : tool);
      button.addEventListener("keydown", ({ key }) => {
        if (key === "Escape") this.tool = null;
      });
    }
    stage.onPainted(() => this.draw());
    new ResizeObserver(() => this.draw()).observe(stage.box);
  }

  get tool(): Tool {
    return this.#tool;
  }

  set tool(tool: Tool) {
    if (tool === this.#tool) return;
    this.cancel();
    this.#tool = tool;
    for (const [name, button] of Object.entries(this.#buttons)) setPressed(button, name === tool);
    announce(TOLD[tool ?? "none"]);
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
    this.#letGo();
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

  /** Makes a region of what was drawn, which ends the tool; too few corners can be added to. */
  finish(): void {
    const { draft } = this;
    if (draft.length < 3) return mention("A region needs three corners or more");
    this.cancel();
    this.tool = null;
    this.edits.addRegion(draft);
  }

  #press(event: PointerEvent): void {
    if (!event.isPrimary) return this.#abandon(); // two fingers zoom
    const { view } = this.stage;
    if (event.button !== 0 || !view || !this.edits.arePossible) return;
    this.cursor = null;
    const place = this.#place(event);
    if (!view.contains(this.#anywhere(event))) return;
    const { pointerId: pointer, clientX: x, clientY: y } = event;
    this.#surface.setPointerCapture(pointer);
    const isFinger = event.pointerType === "touch", isPolygon = this.#tool === "polygon";
    const held = isFinger && !isPolygon
      ? setTimeout(() => this.#longPressed(), LONG_PRESS_MS)
      : undefined;
    const moves = isFinger && this.#tool !== "box" ? "swipe" : isPolygon ? "click" : "box";
    this.#down = { pointer, x, y, place, moves, held, isLong: false };
  }

  /** What was begun is none of ours; a polygon keeps the corners it has. */
  #abandon(): void {
    if (this.#tool === "polygon") this.#letGo();
    else if (this.#down) this.cancel();
  }

  #letGo(): void {
    clearTimeout(this.#down?.held);
    if (this.#down?.isLong) unmention(PRESSED_LONG);
    this.#down = undefined;
  }

  #move(event: PointerEvent): void {
    const down = this.#down;
    if (!down || down.pointer !== event.pointerId || down.moves === "click") return;
    if (this.draft.length === 0 && isStill(down, event)) return;
    clearTimeout(down.held);
    if (down.moves === "swipe") return this.#letGo();
    this.draft = box(down.place, this.#place(event));
    this.draw();
  }

  #lift(event: PointerEvent): void {
    const down = this.#down;
    if (!down || down.pointer !== event.pointerId) return;
    this.#letGo();
    if (this.#tool === "polygon") return this.#clickedCorner(down.place);
    if (this.draft.length > 0) return this.finish();
    if (event.altKey || down.isLong) this.removeNear(down.place);
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
    this.#down.moves = "box";
    this.#down.isLong = true;
    mention(PRESSED_LONG);
    navigator.vibrate?.(15); // the finger hides what is seen
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
