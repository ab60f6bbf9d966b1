import { LOST_REASONS, type Tracks } from "../../sdk/mod.ts";
import { byId, setText } from "../ui/elements.ts";
import { labelOf } from "../stage/lost_shapes.ts";
import type { Panel } from "./panel.ts";
import { PointInspector } from "./point_inspector.ts";
import { type Place, PointMark } from "./point_mark.ts";
import { Threshold } from "./threshold.ts";
import type { TrackingOptions } from "./tracking_options.ts";

const UPDATE_MS = 120;
const LATELY_MS = 3000;

/**
 * "Understand err": what the live points' err and forward–backward distance are,
 * thresholds that act at once, and one point from near. Costs nothing while closed.
 */
export class UnderstandPanel implements Panel {
  readonly #panel = byId("understand", HTMLDetailsElement);
  readonly #lostText = byId("lost-lately", HTMLElement);
  readonly #mark: PointMark;
  readonly #inspector: PointInspector;
  readonly #error: Threshold;
  readonly #distance: Threshold;
  #lost: { at: number; reason: number }[] = [];
  #shownAt = -Infinity;

  constructor(options: TrackingOptions, place: Place) {
    this.#mark = new PointMark(place);
    this.#inspector = new PointInspector(options, this.#mark);
    this.#error = new Threshold({
      path: "filter.maxError",
      title: "err",
      usual: 20,
      ticks: [0, 0.1, 1, 5, 20, 60, 255],
    }, options);
    this.#distance = new Threshold({
      path: "filter.forwardBackward",
      title: "forward–backward",
      usual: 1,
      ticks: [0, 0.01, 0.1, 1, 5, 20],
    }, options);
    byId("thresholds", HTMLElement).append(this.#error.element, this.#distance.element);
    this.#panel.addEventListener("toggle", () => {
      this.#mark.hide();
      this.#inspector.forgetFrame();
    });
    document.addEventListener("lkstream:hover", ({ detail }) => {
      if (detail && this.#panel.open) this.#inspector.look(detail.id);
    });
  }

  leave(): void {
    this.#mark.hide();
  }

  take(tracks: Tracks, frame: ImageBitmap | null): void {
    if (!this.#panel.open) return;
    const now = performance.now();
    for (const reason of tracks.lost.reason) this.#lost.push({ at: now, reason });
    this.#inspector.take(tracks, frame);
    if (now - this.#shownAt < UPDATE_MS) return;
    this.#shownAt = now;
    const { error, fb, age } = tracks.points;
    this.#error.update(error.map((value, i) => age[i] > 0 ? value : NaN));
    this.#distance.update(fb);
    this.#lost = this.#lost.filter(({ at }) => now - at < LATELY_MS);
    setText(this.#lostText, lostText(this.#lost.map(({ reason }) => reason)));
  }
}

function lostText(codes: number[]): string {
  const counts = LOST_REASONS
    .map((name, i) => ({ name, count: codes.filter((code) => code === i + 1).length }))
    .filter(({ count }) => count > 0)
    .map(({ name, count }) => `${count} ${labelOf(name)}`);
  return `Lost in the last ${LATELY_MS / 1000} s: ${counts.join(", ") || "none"}. ` +
    "Of lost points only the reason is known, so the bars show those that live.";
}
