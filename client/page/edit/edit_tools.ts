import { Edits } from "./edits.ts";
import { byId } from "../ui/elements.ts";
import type { Stage } from "../stage/stage.ts";
import { StageKeys } from "./stage_keys.ts";
import { Touch } from "./touch.ts";

/** The buttons that edit the tracking, with what the picture itself takes by mouse, finger and key. */
export class EditTools {
  readonly edits: Edits = new Edits(() => this.#changed());
  readonly #touch: Touch;
  readonly #box = byId("box", HTMLButtonElement);
  readonly #polygon = byId("polygon", HTMLButtonElement);
  readonly #clear = byId("clear-points", HTMLButtonElement);
  readonly #undo = byId("undo", HTMLButtonElement);
  readonly #clearRegions = byId("clear-regions", HTMLButtonElement);

  /**
   * @param hold plays or pauses what can be held
   * @param edited called when something was changed
   */
  constructor(stage: Stage, hold: () => void, readonly edited: () => void) {
    this.#touch = new Touch(stage, this.edits);
    new StageKeys(stage, this.#touch, this.edits, hold);
    this.#undo.addEventListener("click", () => void this.edits.undo());
    this.#clearRegions.addEventListener("click", () => this.edits.clearRegions());
    this.#clear.addEventListener("click", () => this.edits.clear());
  }

  #changed(): void {
    const { arePossible } = this.edits;
    for (const each of [this.#box, this.#polygon, this.#clear]) each.disabled = !arePossible;
    if (!arePossible) this.#touch.tool = null;
    this.#undo.disabled = !this.edits.canUndo;
    this.#clearRegions.disabled = this.edits.regions.length === 0;
    this.#touch.draw();
    this.edited();
  }
}
