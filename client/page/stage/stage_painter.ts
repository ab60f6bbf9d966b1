import type { Tracks } from "../../sdk/mod.ts";
import { clock } from "./clock.ts";
import { drawTracks } from "./draw_tracks.ts";
import { DRAWING, type Drawing } from "./drawing.ts";
import { FrameView } from "./frame_view.ts";
import { drawIdle } from "./idle_art.ts";
import { packed, Strokes } from "./strokes.ts";
import { openSurface } from "./open_surface.ts";
import type { Surface } from "./surface.ts";
import { Trails } from "./trails.ts";

/** What the stage tells its painter. */
export type StageMessage =
  | { type: "canvas"; canvas: OffscreenCanvas }
  /** Size in canvas pixels; `unit` of them are one CSS pixel. */
  | { type: "size"; width: number; height: number; unit: number }
  /** `idleColour` is #rrggbb. */
  | { type: "look"; idleColour: string; reducedMotion: boolean }
  | { type: "drawing"; drawing: Drawing }
  /** Nothing to show but the idle art, or nothing at all so that the picture is seen. */
  | { type: "clear"; idle: boolean }
  /** `at` is when it arrived, by the shared clock. */
  | { type: "result"; tracks: Tracks; frame: ImageBitmap | null; at: number };

/** What the painter tells the stage: this result is on the canvas. */
export interface Painted {
  seq: number;
  /** When the result arrived and when it was painted, by the shared clock. */
  at: { result: number; painted: number };
}

/** A result that is followed by none for so long stands: what grows and fades goes on without the next. */
const STANDS_MS = 150;

type Result = Extract<StageMessage, { type: "result" }>;

/** Paints frames, points and trails on the stage's canvas. Owns the frames it is given. */
export class StagePainter {
  readonly #canvas: OffscreenCanvas;
  readonly #surface: Surface;
  readonly #strokes = new Strokes();
  readonly #trails = new Trails();
  #next: Result | undefined;
  #shown: Result | undefined;
  #unit = 1;
  #idle = true;
  #idleColour = 0;
  #still = false;
  #drawing = DRAWING;
  #handle = 0;
  #goesOn: ReturnType<typeof setTimeout> | undefined;

  /** @param painted called with each result that was painted */
  constructor(canvas: OffscreenCanvas, readonly painted: (painted: Painted) => void) {
    this.#canvas = canvas;
    this.#surface = openSurface(canvas);
  }

  take(message: Exclude<StageMessage, { type: "canvas" }>): void {
    switch (message.type) {
      case "size":
        this.#canvas.width = message.width;
        this.#canvas.height = message.height;
        this.#unit = message.unit;
        break;
      case "look":
        this.#idleColour = packed(message.idleColour);
        this.#still = message.reducedMotion;
        break;
      case "drawing":
        this.#drawing = message.drawing;
        break;
      case "clear":
        this.#clear(message.idle);
        break;
      case "result":
        // Only the newest result is painted, but every one belongs to the trails.
        this.#trails.update(message.tracks, performance.now());
        this.#next?.frame?.close();
        this.#next = message;
    }
    this.#paintSoon();
  }

  #paintSoon(): void {
    clearTimeout(this.#goesOn);
    this.#handle ||= requestAnimationFrame(() => this.#paint());
  }

  #clear(idle: boolean): void {
    this.#idle = idle;
    this.#next?.frame?.close();
    this.#shown?.frame?.close();
    this.#next = this.#shown = undefined;
    this.#trails.clear();
  }

  #paint(): void {
    this.#handle = 0;
    const now = performance.now();
    const fresh = this.#next;
    if (fresh) {
      this.#shown?.frame?.close();
      this.#shown = fresh;
      this.#next = undefined;
    }
    this.#strokes.clear();
    if (this.#shown) this.#paintResult(this.#shown, now);
    else {
      if (this.#idle) drawIdle(this.#strokes, this.#canvas, this.#unit, this.#idleColour);
      this.#surface.paint(null, null, this.#strokes);
    }
    if (this.#shown && now < this.#trails.restsAt) {
      this.#goesOn = setTimeout(() => this.#paintSoon(), fresh ? STANDS_MS : 0);
    }
    if (!fresh) return;
    this.painted({ seq: fresh.tracks.seq, at: { result: fresh.at, painted: clock() } });
  }

  #paintResult({ tracks, frame }: Result, now: number): void {
    const view = new FrameView(tracks, this.#canvas, this.#drawing.mirrored);
    drawTracks(this.#strokes, tracks.points, this.#trails, {
      drawing: this.#drawing,
      view,
      unit: this.#unit,
      now,
      still: this.#still,
      maxSegments: this.#surface.maxSegments,
    });
    this.#surface.paint(frame, view, this.#strokes);
  }
}
