import { watchPixels } from "../stage/canvas_pixels.ts";
import { axisSteps } from "./axis.ts";

/** How far back plots go. */
export const SPAN_SECONDS = 10;
/** Room for the names of seconds, and above, in CSS pixels. */
const BOTTOM = 18, TOP = 8;
/** Between the names of values and their lines; and at least for both, so that the plot rests. */
const GAP = 6, LEAST_LEFT = 46;

/** What is drawn of one column of values. */
export interface Line {
  colour: string;
  /** Filled down to 0; what comes later lies above it. */
  isArea?: boolean;
}

/** Lines over the last seconds on a canvas, which others find in the page. */
export class LivePlot {
  readonly #context: CanvasRenderingContext2D;
  #unit = 1;

  /** @param unit of the values */
  constructor(
    readonly canvas: HTMLCanvasElement,
    readonly lines: readonly Line[],
    readonly unit: string,
  ) {
    this.#context = canvas.getContext("2d")!;
    watchPixels(canvas, ({ width, height, unit }) => {
      Object.assign(canvas, { width, height });
      this.#unit = unit;
    });
  }

  /**
   * @param seconds of each sample, 0 is now, −1 a second ago
   * @param values of each line, as many; NaN leaves a gap
   */
  draw(seconds: readonly number[], values: readonly (readonly number[])[]): void {
    const context = this.#context;
    const width = this.canvas.width / this.#unit, height = this.canvas.height / this.#unit;
    context.setTransform(this.#unit, 0, 0, this.#unit, 0, 0);
    context.clearRect(0, 0, width, height);
    const known = values.flat().filter(Number.isFinite);
    const steps = axisSteps(Math.min(0, ...known), Math.max(0, ...known));
    const [least, most] = [steps[0], steps.at(-1)!];
    const left = this.#roomFor(steps);
    const x = (second: number) => width + (width - left) * second / SPAN_SECONDS;
    const y = (value: number) =>
      height - BOTTOM - (height - BOTTOM - TOP) * (value - least) / (most - least);
    this.#drawAxes(steps, left, x, y, width, height);
    for (const [i, { colour, isArea }] of this.lines.entries()) {
      context.fillStyle = context.strokeStyle = colour;
      const path = linePath(seconds.map(x), values[i].map(y), isArea ? y(0) : undefined);
      if (isArea) context.fill(path);
      else context.stroke(path);
    }
  }

  /** What the names of these values take of the width. */
  #roomFor(steps: number[]): number {
    this.#context.font = `11px ${getComputedStyle(this.canvas).fontFamily}`;
    const widths = steps.map((step) => this.#context.measureText(this.#nameOf(step)).width);
    return Math.max(LEAST_LEFT, Math.ceil(Math.max(...widths)) + GAP);
  }

  #nameOf(step: number): string {
    return `${step} ${this.unit}`;
  }

  #drawAxes(
    steps: number[],
    left: number,
    x: (second: number) => number,
    y: (value: number) => number,
    width: number,
    height: number,
  ): void {
    const context = this.#context;
    const style = getComputedStyle(this.canvas);
    context.fillStyle = style.color;
    context.strokeStyle = style.getPropertyValue("--line");
    context.lineWidth = 1;
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const step of steps) {
      context.fillText(this.#nameOf(step), left - GAP, y(step));
      context.strokeRect(left, y(step), width - left, 0);
    }
    for (const second of [-10, -5, 0]) {
      context.textAlign = second === 0 ? "right" : second === -10 ? "left" : "center";
      context.fillText(second === 0 ? "now" : `${second} s`, x(second), height - BOTTOM / 2);
    }
    context.lineWidth = 1.5;
  }
}

/** Through the places that are known; closed down to `base` where there is one. */
function linePath(xs: number[], ys: number[], base?: number): Path2D {
  const path = new Path2D();
  if (base !== undefined && xs.length > 0) path.moveTo(xs[0], base);
  let isOpen = base !== undefined;
  for (const [i, y] of ys.entries()) {
    if (Number.isNaN(y)) isOpen = false;
    else if (isOpen) path.lineTo(xs[i], y);
    else path.moveTo(xs[i], y), isOpen = true;
  }
  if (base !== undefined && xs.length > 0) path.lineTo(xs.at(-1)!, base);
  return path;
}
