import type { FrameView } from "./frame_view.ts";
import { RIM, type Strokes, unpacked } from "./strokes.ts";
import type { Surface } from "./surface.ts";

const TURN = 2 * Math.PI;
/** Much longer paths take more time a shape, and so do much shorter ones. */
const BATCH = 100;

/** Shapes of one look, painted a batch at a time. */
class Batches {
  #path = new Path2D();
  #count = 0;
  constructor(readonly paint: (path: Path2D) => void) {}

  /** The path that the next shape goes into. */
  next(): Path2D {
    if (this.#count++ === BATCH) this.flush();
    return this.#path;
  }

  flush(): void {
    this.paint(this.#path);
    this.#path = new Path2D();
    this.#count = 1;
  }
}

/** The 2D canvas, where no graphics card can be used. */
export class FlatSurface implements Surface {
  readonly maxSegments = 6000;
  constructor(readonly context: OffscreenCanvasRenderingContext2D) {}

  paint(frame: ImageBitmap | null, view: FrameView | null, strokes: Strokes): void {
    const { context } = this;
    const { width, height } = context.canvas;
    context.clearRect(0, 0, width, height);
    if (frame && view) this.#frame(frame, view);
    this.#segments(strokes);
    this.#discs(strokes);
  }

  #frame(frame: ImageBitmap, { left, top, scale, frame: size, box, mirrored }: FrameView): void {
    if (mirrored) this.context.setTransform(-1, 0, 0, 1, box.width, 0);
    this.context.drawImage(frame, left, top, size.width * scale, size.height * scale);
    this.context.resetTransform();
  }

  #segments({ segments: { count, words, floats, colours } }: Strokes): void {
    const looks = new Map<number, Batches>();
    for (let at = 0; at < count * words; at += words) {
      const width = floats[at + 4], colour = colours[at + 5];
      const key = colour * 256 + Math.round(8 * width);
      let batches = looks.get(key);
      if (!batches) looks.set(key, batches = this.#strokes(unpacked(colour), width));
      const path = batches.next();
      path.moveTo(floats[at], floats[at + 1]);
      path.lineTo(floats[at + 2], floats[at + 3]);
    }
    for (const batches of looks.values()) batches.flush();
  }

  #discs({ discs: { count, words, floats, colours }, rim }: Strokes): void {
    if (rim > 0) {
      const rims = this.#fills(RIM);
      for (let at = 0; at < count * words; at += words) {
        circle(rims.next(), floats[at], floats[at + 1], floats[at + 2] + rim);
      }
      rims.flush();
    }
    const looks = new Map<number, Batches>();
    for (let at = 0; at < count * words; at += words) {
      const colour = colours[at + 3];
      let batches = looks.get(colour);
      if (!batches) looks.set(colour, batches = this.#fills(unpacked(colour)));
      circle(batches.next(), floats[at], floats[at + 1], floats[at + 2]);
    }
    for (const batches of looks.values()) batches.flush();
  }

  #strokes(colour: string, width: number): Batches {
    return new Batches((path) => {
      this.context.strokeStyle = colour;
      this.context.lineWidth = width;
      this.context.stroke(path);
    });
  }

  #fills(colour: string): Batches {
    return new Batches((path) => {
      this.context.fillStyle = colour;
      this.context.fill(path);
    });
  }
}

function circle(path: Path2D, x: number, y: number, radius: number): void {
  path.moveTo(x + radius, y);
  path.arc(x, y, radius, 0, TURN);
}
