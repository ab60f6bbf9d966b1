import type { Live } from "../run/live.ts";
import { byId, make, setText } from "../ui/elements.ts";
import type { Panel } from "./panel.ts";
import { LivePlot, SPAN_SECONDS } from "./live_plot.ts";
import { StageHistory, STAGES } from "./stages.ts";

const UPDATE_MS = 300;

/** "Where the time goes": the stages of the latest frames, stacked, and what each takes on average. */
export class TimePanel implements Panel {
  readonly #panel = byId("time", HTMLDetailsElement);
  readonly #total = byId("time-total", HTMLElement);
  readonly #means = STAGES.map(() => make("td", {}, "–"));
  readonly #history = new StageHistory(SPAN_SECONDS * 1000);
  readonly #plot: LivePlot;
  #drawnAt = -Infinity;

  constructor() {
    // The last stage is the top of the stack: what is below is painted over it.
    const lines = STAGES.map(({ colour }) => ({ colour, isArea: true }));
    this.#plot = new LivePlot(byId("time-plot", HTMLCanvasElement), lines.toReversed(), "ms");
    const rows = STAGES.map(({ name, colour, text }, i) => {
      const swatch = make("span", { className: "swatch" });
      swatch.style.background = colour;
      const label = make("th", { scope: "row" }, swatch, name);
      return make("tr", {}, label, this.#means[i], make("td", {}, text));
    });
    byId("stages", HTMLTableSectionElement).append(...rows);
    document.addEventListener("lkstream:painted", ({ detail: { seq, ms } }) => {
      this.#history.painted(seq, ms);
    });
  }

  follow({ connection }: Live): void {
    this.#history.clear();
    connection.on("frame", (times) => {
      const now = performance.now();
      this.#history.add(times, now);
      if (this.#panel.open && now - this.#drawnAt > UPDATE_MS) this.#draw(now);
    });
  }

  #draw(now: number): void {
    this.#drawnAt = now;
    const { seconds, upTo } = this.#history.stacked(now);
    this.#plot.draw(seconds, upTo.toReversed());
    const means = this.#history.means()!;
    for (const [i, mean] of means.entries()) setText(this.#means[i], `${mean.toFixed(1)} ms`);
    setText(this.#total, `${means.reduce((sum, mean) => sum + mean).toFixed(1)} ms`);
  }
}
