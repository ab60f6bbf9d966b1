import { OPTIONS } from "../../sdk/mod.ts";
import { watchPixels } from "../stage/canvas_pixels.ts";
import { make, setText } from "../ui/elements.ts";
import { countBins, drawBars, position, valueAt } from "./histogram.ts";
import { changeOf, type TrackingOptions, valueOf } from "./tracking_options.ts";

const BINS = 48;
const STEPS = 400;

/** What a threshold is about. */
export interface ThresholdAbout {
  /** The option it sets: a number, or null where it is off. */
  path: string;
  title: string;
  /** Where it stands when it is switched on before it ever stood anywhere. */
  usual: number;
  /** Values to name below the axis. */
  ticks: number[];
}

/** A live histogram with the option that cuts it off, as a slider over it and a switch. */
export class Threshold {
  readonly element: HTMLElement;
  readonly #max: number;
  readonly #unit: string;
  readonly #canvas = make("canvas");
  readonly #slider = make("input", { type: "range", min: "0", max: `${STEPS}` });
  readonly #switch = make("input", { type: "checkbox" });
  readonly #shown = make("output");
  #value: number | null = null;
  #usual: number;
  #counts = new Uint32Array(BINS);
  #wanted: number | null | undefined;
  #isSending = false;

  constructor(readonly about: ThresholdAbout, readonly options: TrackingOptions) {
    const { max = 1, unit = "" } = OPTIONS.get(about.path)!;
    const { path, title, ticks } = about;
    this.#max = max;
    this.#unit = unit;
    this.#usual = about.usual;
    this.#canvas.setAttribute("role", "img");
    this.#slider.setAttribute("aria-label", `${title}: lose points above`);
    this.#slider.addEventListener("input", () => {
      this.#want(valueAt(this.#slider.valueAsNumber / STEPS, max));
    });
    this.#switch.setAttribute("role", "switch");
    this.#switch.setAttribute("aria-label", `${title}: lose points above the threshold`);
    this.#switch.addEventListener("change", () => {
      this.#want(this.#switch.checked ? this.#usual : null);
    });
    this.element = make(
      "div",
      { className: "threshold" },
      make(
        "div",
        { className: "threshold-head" },
        title,
        this.#shown,
        make("label", {}, this.#switch),
      ),
      make("div", { className: "threshold-plot" }, this.#canvas, this.#slider),
      make("div", { className: "ticks" }, ...ticks.map((value) => this.#makeTick(value))),
    );
    watchPixels(this.#canvas, ({ width, height }) => {
      Object.assign(this.#canvas, { width, height });
      this.#draw();
    });
    options.watch((inForce) => {
      // An answer to an earlier step must not move the slider back under the hand.
      if (!this.#isSending) this.#show(valueOf(inForce, path) as number | null);
    });
  }

  /** Shows these values of the frame's points. */
  update(values: Float32Array): void {
    this.#counts = countBins(values, this.#max, BINS);
    const known = values.filter((value) => value >= 0).sort();
    const middle = known.length ? format(known[known.length >> 1]) : "none";
    this.#canvas.setAttribute(
      "aria-label",
      `${this.about.title} of ${known.length} points: median ${middle} ${this.#unit}`,
    );
    this.#draw();
  }

  #show(value: number | null): void {
    this.#value = value;
    if (value !== null) this.#usual = value;
    this.#switch.checked = value !== null;
    this.#slider.value = `${Math.round(STEPS * position(value ?? this.#max, this.#max))}`;
    this.#slider.classList.toggle("off", value === null);
    const text = value === null ? "off" : `${format(value)} ${this.#unit}`;
    this.#slider.setAttribute("aria-valuetext", text);
    setText(this.#shown, value === null ? text : `≤ ${text}`);
    this.#draw();
  }

  /** Acts at once; while an answer is awaited, only the latest wish is kept. */
  async #want(value: number | null): Promise<void> {
    this.#show(value);
    this.#wanted = value;
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      while (this.#wanted !== undefined) {
        const change = changeOf(this.about.path, this.#wanted);
        this.#wanted = undefined;
        await this.options.change(change);
      }
    } finally {
      this.#isSending = false;
      this.#show(valueOf(this.options.inForce, this.about.path) as number | null);
    }
  }

  #makeTick(value: number): HTMLElement {
    const tick = make("span", {}, format(value));
    tick.style.left = `${100 * position(value, this.#max)}%`;
    return tick;
  }

  #draw(): void {
    const style = getComputedStyle(this.#canvas);
    const limit = this.#value === null ? 1 : position(this.#value, this.#max);
    const beyond = style.getPropertyValue("--bad");
    drawBars(this.#canvas.getContext("2d")!, this.#counts, limit, style.color, beyond);
  }
}

function format(value: number): string {
  return String(Number(value.toPrecision(3)));
}
