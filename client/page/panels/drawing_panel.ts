import { type ColourBy, gradient, SCALES } from "../stage/colouring.ts";
import { DRAWING, type Drawing, MAX_ARROWS, MAX_TRAIL } from "../stage/drawing.ts";
import { byId, make, setText } from "../ui/elements.ts";
import { LOST_SHAPES } from "../stage/lost_shapes.ts";

const COLOURS: [ColourBy, string][] = [
  ["age", "age"],
  ["speed", "speed"],
  ["error", "error"],
  ["fb", "forward–backward distance"],
  ["id", "id"],
];

/** The controls of how results are drawn, and the legend of the colours and shapes in use. */
export class DrawingPanel {
  readonly #points = byId("draw-points", HTMLInputElement);
  readonly #trail = byId("draw-trail", HTMLInputElement);
  readonly #arrows = byId("draw-arrows", HTMLInputElement);
  readonly #colour = byId("draw-colour", HTMLSelectElement);
  readonly #lost = byId("draw-lost", HTMLInputElement);
  readonly #mirrored = byId("draw-mirrored", HTMLInputElement);
  readonly #scale = byId("legend-scale", HTMLElement);
  readonly #bar = byId("legend-bar", HTMLElement);
  readonly #shapes = byId("legend-lost", HTMLElement);

  /** @param changed called with every change, and first with the defaults */
  constructor(readonly changed: (drawing: Drawing) => void) {
    this.#colour.append(...COLOURS.map(([by, label]) => new Option(label, by)));
    this.#trail.max = String(MAX_TRAIL);
    this.#arrows.max = String(MAX_ARROWS);
    this.#points.checked = DRAWING.points;
    this.#trail.value = String(DRAWING.trail);
    this.#arrows.value = String(DRAWING.arrows);
    this.#colour.value = DRAWING.colour;
    this.#lost.checked = DRAWING.lost;
    this.#mirrored.checked = DRAWING.mirrored;
    for (const shape of Object.values(LOST_SHAPES)) this.#shapes.append(lostItem(shape));
    byId("drawing", HTMLElement).addEventListener("input", () => this.#show());
    this.#show();
  }

  get #drawing(): Drawing {
    return {
      points: this.#points.checked,
      trail: this.#trail.valueAsNumber,
      arrows: this.#arrows.valueAsNumber,
      colour: this.#colour.value as ColourBy,
      lost: this.#lost.checked,
      mirrored: this.#mirrored.checked,
    };
  }

  #show(): void {
    const drawing = this.#drawing;
    const { trail, arrows, colour } = drawing;
    setText(byId("draw-trail-value", HTMLElement), trail ? `${trail} frames` : "none");
    setText(byId("draw-arrows-value", HTMLElement), arrows ? `× ${arrows}` : "none");
    this.#bar.style.backgroundImage = `linear-gradient(to right, ${gradient(colour)})`;
    setText(this.#scale, colour === "id" ? "Each id its own colour" : scaleText(colour));
    const ends = colour === "id" ? ["", ""] : [SCALES[colour].from, SCALES[colour].to];
    setText(byId("legend-from", HTMLElement), String(ends[0]));
    setText(byId("legend-to", HTMLElement), ends[1] === "" ? "" : `${ends[1]}+`);
    this.#shapes.hidden = !drawing.lost;
    this.changed(drawing);
  }
}

function scaleText(by: Exclude<ColourBy, "id">): string {
  return `${SCALES[by].label}, ${SCALES[by].unit}`;
}

function lostItem({ label, lines }: { label: string; lines: number[] }): HTMLElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "-1.3 -1.3 2.6 2.6");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  let d = "";
  for (let i = 0; i < lines.length; i += 4) {
    const [x0, y0, x1, y1] = lines.slice(i, i + 4);
    d += `M${x0},${y0}L${x1},${y1}`;
  }
  path.setAttribute("d", d);
  svg.append(path);
  return make("li", {}, svg, label);
}
