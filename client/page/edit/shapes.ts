import type { Place, Polygon } from "./edits.ts";
import type { FrameView } from "../stage/frame_view.ts";

/** Half the length of the crosshair's lines, CSS pixels. */
const ARM = 14;

/** What lies over the picture besides the points; all in frame pixels. */
export interface Shapes {
  regions: Polygon[];
  /** A region that is being drawn. */
  draft: Polygon;
  cursor: Place | null;
}

/** Draws regions, the draft of one, and the crosshair as vectors over the stage. */
export class ShapesLayer {
  readonly #svg = document.querySelector<SVGSVGElement>("#shapes")!;
  readonly #outside = this.#path("outside");
  readonly #edges = this.#path("edges");
  readonly #draft = this.#path("draft");
  readonly #cursor = this.#path("crosshair");

  draw({ regions, draft, cursor }: Shapes, view: FrameView | undefined): void {
    const line = (polygon: Polygon) =>
      polygon.map(([x, y]) => `${view!.x(x).toFixed(1)},${view!.y(y).toFixed(1)}`).join("L");
    const closed = (polygon: Polygon) => `M${line(polygon)}Z`;
    const edges = view ? regions.map(closed).join("") : "";
    set(this.#outside, edges && closed(corners(view!)) + edges);
    set(this.#edges, edges);
    set(this.#draft, view && draft.length > 0 ? `M${line(draft)}Z` : "");
    set(this.#cursor, view && cursor ? crosshair(view.x(cursor[0]), view.y(cursor[1])) : "");
  }

  #path(name: string): SVGPathElement {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("class", name);
    this.#svg.append(path);
    return path;
  }
}

export function box([x0, y0]: Place, [x1, y1]: Place): Polygon {
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
}

/** The edges of the frame, half a pixel beyond the centres of its outermost pixels. */
function corners({ frame: { width, height } }: FrameView): Polygon {
  return box([-0.5, -0.5], [width - 0.5, height - 0.5]);
}

function crosshair(x: number, y: number): string {
  return `M${x - ARM},${y}h${ARM - 3}m6,0h${ARM - 3}M${x},${y - ARM}v${ARM - 3}m0,6v${ARM - 3}`;
}

function set(path: SVGPathElement, d: string): void {
  if (path.getAttribute("d") !== d) path.setAttribute("d", d);
}
