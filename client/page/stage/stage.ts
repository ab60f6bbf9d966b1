import type { Picture, Tracks } from "../../sdk/mod.ts";
import { watchPixels } from "./canvas_pixels.ts";
import { clock } from "./clock.ts";
import { DRAWING, type Drawing } from "./drawing.ts";
import { byId } from "../ui/elements.ts";
import { tell } from "../ui/events.ts";
import { FrameView } from "./frame_view.ts";
import { nearestPoint } from "./nearest.ts";
import type { Painted, StageMessage } from "./stage_painter.ts";

/** Results on the frames they belong to, or over the live picture. */
export type Mode = "synchronised" | "low-latency";

const LOOKS = ["(prefers-color-scheme: dark)", "(prefers-reduced-motion: reduce)"];

/**
 * The picture and the canvas over it, which a worker paints. A result with its
 * frame covers the picture; one without shows its points over the live picture.
 */
export class Stage {
  readonly box = byId("stage", HTMLDivElement);
  readonly #worker = new Worker(new URL("./stage-worker.js", import.meta.url), { type: "module" });
  readonly #painted = new Set<() => void>();
  #picture: Picture | undefined;
  #drawing = DRAWING;
  #ratio = "";
  /** Results on their way to the canvas, oldest first. */
  #coming: Tracks[] = [];
  #shown: Tracks | undefined;

  constructor() {
    const element = byId("overlay", HTMLCanvasElement);
    const canvas = element.transferControlToOffscreen();
    this.#worker.onmessage = ({ data }: MessageEvent<Painted>) => this.#hasPainted(data);
    this.#tell({ type: "canvas", canvas }, canvas);
    watchPixels(element, (size) => this.#tell({ type: "size", ...size }));
    for (const look of LOOKS) matchMedia(look).addEventListener("change", () => this.#look());
    this.#look();
  }

  get drawing(): Drawing {
    return this.#drawing;
  }

  /** Draws what is shown, and what is to come, like this. */
  set drawing(drawing: Drawing) {
    this.#drawing = drawing;
    this.box.classList.toggle("mirrored", drawing.mirrored);
    this.#tell({ type: "drawing", drawing });
  }

  /** What lies under the canvas. */
  get picture(): Picture | undefined {
    return this.#picture;
  }

  /** The result that is on the canvas. */
  get shown(): Tracks | undefined {
    return this.#shown;
  }

  /** Where the shown frame lies in the stage, in CSS pixels; undefined while none is shown. */
  get view(): FrameView | undefined {
    const { clientWidth: width, clientHeight: height } = this.box;
    return this.#shown && new FrameView(this.#shown, { width, height }, this.#drawing.mirrored);
  }

  /** The place in the stage of one in the window, in CSS pixels. */
  fromWindow(clientX: number, clientY: number): [x: number, y: number] {
    const { left, top } = this.box.getBoundingClientRect();
    return [clientX - left - this.box.clientLeft, clientY - top - this.box.clientTop];
  }

  /** The id of the shown point nearest to a place in the frame, if within `reach` CSS pixels. */
  nearestTo([x, y]: [x: number, y: number], reach: number): number | null {
    const { view } = this;
    return view ? nearestPoint(this.#shown!.points, x, y, reach / view.scale) : null;
  }

  /** Calls back whenever a result was painted, until the returned function is called. */
  onPainted(callback: () => void): () => void {
    this.#painted.add(callback);
    return () => void this.#painted.delete(callback);
  }

  /** Puts a source's picture under the canvas; it is seen until the first result. */
  show(picture: Picture): void {
    this.clear();
    this.#picture = picture;
    this.box.prepend(picture);
    this.#tell({ type: "clear", idle: false });
  }

  /** Takes everything off. */
  clear(): void {
    this.#picture?.remove();
    this.#picture = this.#shown = undefined;
    this.#coming = [];
    this.#tell({ type: "clear", idle: true });
  }

  /** Takes over a result and its frame. */
  result(tracks: Tracks, frame: ImageBitmap | null): void {
    const ratio = `${tracks.width} / ${tracks.height}`;
    if (ratio !== this.#ratio) this.box.style.setProperty("--ratio", this.#ratio = ratio);
    // What is covered need not be painted; it must stay in the page to go on playing.
    this.#picture?.classList.toggle("covered", frame !== null);
    this.#coming.push(tracks);
    this.#tell({ type: "result", tracks, frame, at: clock() }, ...frame ? [frame] : []);
  }

  #hasPainted({ seq, at }: Painted): void {
    const i = this.#coming.findIndex((tracks) => tracks.seq === seq);
    if (i < 0) return; // cleared meanwhile
    this.#shown = this.#coming[i];
    this.#coming.splice(0, i + 1);
    tell("lkstream:painted", { seq, ms: at.painted - at.result });
    for (const callback of this.#painted) callback();
  }

  #look(): void {
    this.#tell({
      type: "look",
      idleColour: getComputedStyle(this.box).getPropertyValue("--stage-ink"),
      reducedMotion: matchMedia("(prefers-reduced-motion: reduce)").matches,
    });
  }

  #tell(message: StageMessage, ...transfer: Transferable[]): void {
    this.#worker.postMessage(message, transfer);
  }
}
