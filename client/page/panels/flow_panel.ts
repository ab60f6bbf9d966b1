import type { Tracks } from "../../sdk/mod.ts";
import { byId, setText } from "../ui/elements.ts";
import type { Panel } from "./panel.ts";
import { LivePlot, SPAN_SECONDS } from "./live_plot.ts";

const UPDATE_MS = 200;
/** The arrow is as long as it gets at so many pixels a frame. */
const LONGEST = 16;

/** As the swatches in the page: right, and down. */
const LINES = [{ colour: "#4c8dd6" }, { colour: "#e07a3f" }];

/** NaN where no point was followed. */
interface Sample {
  at: number;
  dx: number;
  dy: number;
}

/** "Median flow": where the picture as a whole moves, as an arrow, in numbers and over time. */
export class FlowPanel implements Panel {
  readonly #panel = byId("flow", HTMLDetailsElement);
  readonly #text = byId("flow-text", HTMLElement);
  readonly #arrow = document.querySelector<SVGGElement>("#flow-arrow g")!;
  readonly #plot = new LivePlot(byId("flow-plot", HTMLCanvasElement), LINES, "px");
  #samples: Sample[] = [];
  #drawnAt = -Infinity;

  take({ flow }: Tracks): void {
    const now = performance.now();
    this.#samples.push({ at: now, dx: flow?.[0] ?? NaN, dy: flow?.[1] ?? NaN });
    const from = this.#samples.findIndex(({ at }) => now - at <= SPAN_SECONDS * 1000);
    this.#samples.splice(0, from);
    if (!this.#panel.open || now - this.#drawnAt < UPDATE_MS) return;
    this.#drawnAt = now;
    this.#showArrow(flow);
    this.#plot.draw(
      this.#samples.map(({ at }) => (at - now) / 1000),
      [this.#samples.map(({ dx }) => dx), this.#samples.map(({ dy }) => dy)],
    );
  }

  /** Its length grows with the root, so that slow motion is seen too. */
  #showArrow(flow: Tracks["flow"]): void {
    const [dx, dy] = flow ?? [0, 0];
    const length = Math.min(1, Math.sqrt(Math.hypot(dx, dy) / LONGEST));
    const angle = Math.atan2(dy, dx) * 180 / Math.PI;
    this.#arrow.setAttribute(
      "transform",
      `rotate(${angle.toFixed(1)}) scale(${length.toFixed(3)})`,
    );
    setText(this.#text, flow ? flowText(dx, dy) : "No point was followed into this frame.");
  }
}

/** A movement in words, of pixels a frame. */
export function flowText(dx: number, dy: number): string {
  const across = `${Math.abs(dx).toFixed(2)} px ${dx < 0 ? "left" : "right"}`;
  const along = `${Math.abs(dy).toFixed(2)} px ${dy < 0 ? "up" : "down"}`;
  return `${across}, ${along} a frame`;
}
