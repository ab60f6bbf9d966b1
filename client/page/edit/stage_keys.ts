import { announce } from "../ui/announce.ts";
import { mention } from "../ui/banner.ts";
import { type Edits, type Place, spoken } from "./edits.ts";
import { byId } from "../ui/elements.ts";
import { box } from "./shapes.ts";
import type { Stage } from "../stage/stage.ts";
import type { Touch } from "./touch.ts";

/** How far an arrow key moves the crosshair, in frame pixels; with Shift, one. */
const STEP = 8;
const ARROWS: Record<string, Place> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
/** A crosshair that rests for so long says where it is. */
const REST_MS = 400;

/** Everything that mouse and fingers do on the stage, by keys while it has the focus. */
export class StageKeys {
  readonly #surface = byId("touch", HTMLElement);
  readonly #help = byId("help", HTMLDialogElement);
  /** Where a box was begun. */
  #anchor: Place | null = null;
  #resting: ReturnType<typeof setTimeout> | undefined;

  /** @param hold plays or pauses what can be held */
  constructor(
    readonly stage: Stage,
    readonly touch: Touch,
    readonly edits: Edits,
    readonly hold: () => void,
  ) {
    this.#surface.addEventListener("keydown", (event) => this.#pressed(event));
    this.#surface.addEventListener("blur", () => this.#hide());
    byId("show-help", HTMLButtonElement).addEventListener("click", () => this.#help.showModal());
  }

  #pressed(event: KeyboardEvent): void {
    const act = this.#actionOf(event);
    if (!act) return;
    event.preventDefault();
    clearTimeout(this.#resting); // what is said now would be spoken over
    act();
    this.touch.draw();
  }

  #actionOf({ key, shiftKey, ctrlKey, metaKey, altKey }: KeyboardEvent): (() => void) | undefined {
    const letter = key.toLowerCase();
    if (ctrlKey || metaKey) return letter === "z" ? this.#editOf("u") : undefined;
    if (altKey) return undefined;
    if (key in ARROWS) return () => this.#step(ARROWS[key], shiftKey ? 1 : STEP);
    const actions: Record<string, () => void> = {
      " ": this.hold,
      "?": () => this.#help.showModal(),
      escape: () => this.#giveUp(),
    };
    return actions[letter] ?? this.#editOf(letter);
  }

  #editOf(key: string): (() => void) | undefined {
    const edits: Record<string, () => void> = {
      enter: () => this.#enter(),
      delete: () => this.#at((place) => this.touch.removeNear(place)),
      backspace: () => this.#at((place) => this.touch.removeNear(place)),
      m: () => this.#at((place) => this.#region(place)),
      p: () => this.#polygon(),
      c: () => this.edits.clear(),
      r: () => this.edits.clearRegions(),
      u: () => void this.edits.undo(),
    };
    if (!edits[key] || this.edits.arePossible) return edits[key];
    return () => mention("Nothing can be edited: no server follows this picture");
  }

  #enter(): void {
    this.#at((place) => {
      if (this.touch.tool === "polygon") this.touch.corner(place);
      else void this.edits.add(place);
    });
  }

  /** Acts at the crosshair, which appears in the middle of the frame at first. */
  #at(act: (place: Place) => void): void {
    const { view } = this.stage;
    if (!view) return mention("There is no picture yet");
    const { width, height } = view.frame;
    act(this.touch.cursor = view.clamp(this.touch.cursor ?? [width / 2, height / 2]));
  }

  #step([dx, dy]: Place, step: number): void {
    this.#at(([x, y]) => {
      const { view } = this.stage;
      const across = view!.mirrored ? -dx : dx; // left is left as it is seen
      this.touch.cursor = view!.clamp([x + step * across, y + step * dy]);
      if (this.#anchor) this.touch.draft = box(this.#anchor, this.touch.cursor);
      const { cursor } = this.touch;
      this.#resting = setTimeout(() => announce(spoken(cursor)), REST_MS);
    });
  }

  /** Begins a box, or ends it; ends a polygon. */
  #region(place: Place): void {
    if (this.touch.tool === "polygon") return this.touch.finish();
    if (!this.#anchor) {
      this.#anchor = place;
      return announce(`Region begins at ${spoken(place)}: move, and press M again`);
    }
    const [x, y] = this.#anchor;
    this.#anchor = null;
    if (x !== place[0] && y !== place[1]) return this.touch.finish();
    this.touch.cancel();
    mention("A region needs width and height");
  }

  #polygon(): void {
    this.#anchor = null;
    this.touch.tool = this.touch.tool === "polygon" ? null : "polygon";
  }

  #giveUp(): void {
    this.#hide();
    this.touch.tool = null;
  }

  #hide(): void {
    clearTimeout(this.#resting);
    this.#anchor = null;
    this.touch.cursor = null;
    this.touch.cancel();
  }
}
