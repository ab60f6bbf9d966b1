import { LOST_REASONS, type LostReason, type Tracks } from "../../protocol/mod.ts";
import type { Picture } from "../pictures/picture.ts";
import { type Colouring, fullSpeed, LOST_COLOURS, movementColour } from "./colours.ts";
import { colourEntry, layOut, lostEntry, textEntry } from "./legend.ts";
import { cross, dot, unitOf } from "./marks.ts";
import type { Scene, Shape } from "./scene.ts";

/** The reasons that end points of a recorded sequence. */
const REASONS: LostReason[] = [
  "flat",
  "out_of_frame",
  "high_error",
  "forward_backward",
  "appearance",
  "crowded",
  "masked",
  "reset",
];
/** Frames over which the cross of a lost point fades. */
const FADE = 5;
/** Weight of a new frame in the speed that has the full colour. */
const STEADY = 0.1;
/** Frames over which a point's movement is averaged for its colour. */
const SMOOTH = 5;

interface Cross {
  x: number;
  y: number;
  reason: LostReason;
  age: number;
}

export interface TrailsDrawing {
  colour: Colouring;
  /** Frames that a trail goes back. */
  length: number;
}

/** Draws each frame of a sequence with the ways of its points. Bounded: remembers `length` positions a live point. */
export class Trails {
  readonly #trails = new Map<number, number[]>();
  readonly #drawing: TrailsDrawing;
  #crosses: Cross[] = [];
  /** The speed that has the full colour, averaged over some frames so that colours do not flicker. */
  #full: number | null = null;

  constructor(drawing: TrailsDrawing) {
    this.#drawing = drawing;
  }

  /** The next frame with its tracks. */
  draw(picture: Picture, tracks: Tracks): Scene {
    this.#remember(tracks);
    const { width, height, points, lost } = tracks;
    const unit = unitOf(tracks);
    const shapes: Shape[] = [];
    for (const id of points.id) shapes.push(...this.#trail(this.#trails.get(id)!, unit));
    for (const { x, y, reason, age } of this.#crosses) {
      shapes.push(...cross(x, y, LOST_COLOURS[reason], unit, 1 - age / FADE));
    }
    const legend = layOut(
      [
        colourEntry(this.#drawing.colour, this.#full!, unit),
        // padded, so that the rows stay as they are from frame to frame
        textEntry(`frame ${`${tracks.seq}`.padEnd(6)}`),
        textEntry(`${points.id.length} live, ${lost.id.length} lost`.padEnd(20)),
        ...REASONS.map((reason) => lostEntry(reason, reason.replaceAll("_", " "), unit)),
      ],
      tracks,
      unit,
    );
    return {
      width,
      height: height + legend.height,
      layers: [{ picture, opacity: 1 }],
      shapes: [...shapes, ...legend.shapes],
    };
  }

  #remember({ points, lost, reset, width, height }: Tracks): void {
    const full = fullSpeed(points.dxy);
    this.#full = this.#full === null || reset ? full : this.#full + STEADY * (full - this.#full);
    this.#crosses = this.#crosses.map((cross) => ({ ...cross, age: cross.age + 1 }))
      .filter(({ age, x, y }) => age < FADE && x < width && y < height);
    lost.id.forEach((id, i) => {
      const [x, y] = this.#trails.get(id)?.slice(-2) ?? [];
      this.#trails.delete(id);
      if (x === undefined) return;
      this.#crosses.push({ x, y, reason: LOST_REASONS[lost.reason[i] - 1], age: 0 });
    });
    points.id.forEach((id, i) => {
      const trail = this.#trails.get(id) ?? [];
      trail.push(points.xy[2 * i], points.xy[2 * i + 1]);
      if (trail.length > 2 * (this.#drawing.length + 1)) trail.splice(0, 2);
      this.#trails.set(id, trail);
    });
  }

  #trail(trail: number[], unit: number): Shape[] {
    const [x, y] = trail.slice(-2);
    const recent = trail.slice(-2 * (SMOOTH + 1)), frames = Math.max(1, recent.length / 2 - 1);
    const dx = (x - recent[0]) / frames, dy = (y - recent[1]) / frames;
    const colour = movementColour(dx, dy, this.#full!, this.#drawing.colour);
    const point = dot(x, y, colour, 0.8 * unit);
    const way = thinned(trail, unit);
    if (way.length < 4) return point;
    return [{ kind: "line", xy: way, width: unit, colour, opacity: 0.9 }, ...point];
  }
}

/** The way without positions nearer than `step` to the one before: most points of a steady camera stand still. */
function thinned(xy: number[], step: number): number[] {
  const kept = xy.slice(-2); // from the newest one back, so that the way ends at its point
  for (let i = xy.length - 4; i >= 0; i -= 2) {
    const [lastX, lastY] = kept.slice(-2);
    if (Math.hypot(xy[i] - lastX, xy[i + 1] - lastY) >= step) kept.push(xy[i], xy[i + 1]);
  }
  return kept;
}
