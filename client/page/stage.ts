import type { Picture, Tracks } from "../sdk/mod.ts";
import { watchPixels } from "./canvas_pixels.ts";
import { byId } from "./elements.ts";
import type { StageMessage } from "./stage_painter.ts";

/** Results on the frames they belong to, or over the live picture. */
export type Mode = "synchronised" | "low-latency";

const LOOKS = ["(prefers-color-scheme: dark)", "(prefers-reduced-motion: reduce)"];

/**
 * The picture and the canvas over it, which a worker paints. A result with its
 * frame covers the picture; one without shows its points over the live picture.
 */
export class Stage {
  readonly #box = byId("stage", HTMLDivElement);
  readonly #worker = new Worker(new URL("./stage-worker.js", import.meta.url), { type: "module" });
  #picture: Picture | undefined;
  #ratio = "";

  constructor() {
    const element = byId("overlay", HTMLCanvasElement);
    const canvas = element.transferControlToOffscreen();
    this.#tell({ type: "canvas", canvas }, canvas);
    watchPixels(element, (size) => this.#tell({ type: "size", ...size }));
    for (const look of LOOKS) matchMedia(look).addEventListener("change", () => this.#look());
    this.#look();
  }

  /** Puts a source's picture under the canvas; it is seen until the first result. */
  show(picture: Picture): void {
    this.clear();
    this.#picture = picture;
    this.#box.prepend(picture);
    this.#tell({ type: "clear", idle: false });
  }

  /** Takes everything off. */
  clear(): void {
    this.#picture?.remove();
    this.#picture = undefined;
    this.#tell({ type: "clear", idle: true });
  }

  /** Takes over a result and its frame. */
  result(tracks: Tracks, frame: ImageBitmap | null): void {
    const ratio = `${tracks.width} / ${tracks.height}`;
    if (ratio !== this.#ratio) this.#box.style.setProperty("--ratio", this.#ratio = ratio);
    // What is covered need not be painted; it must stay in the page to go on playing.
    this.#picture?.classList.toggle("covered", frame !== null);
    this.#tell({ type: "result", tracks, frame }, ...frame ? [frame] : []);
  }

  #look(): void {
    this.#tell({
      type: "look",
      idleColour: getComputedStyle(this.#box).color,
      reducedMotion: matchMedia("(prefers-reduced-motion: reduce)").matches,
    });
  }

  #tell(message: StageMessage, ...transfer: Transferable[]): void {
    this.#worker.postMessage(message, transfer);
  }
}
