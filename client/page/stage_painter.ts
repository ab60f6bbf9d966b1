import type { Tracks } from "../sdk/mod.ts";
import { clock } from "./clock.ts";
import { paintIdle } from "./idle_art.ts";
import { paintTrails, type Placement } from "./paint.ts";
import { Trails } from "./trails.ts";

/** What the stage tells its painter. */
export type StageMessage =
  | { type: "canvas"; canvas: OffscreenCanvas }
  /** Size in canvas pixels; `unit` of them are one CSS pixel. */
  | { type: "size"; width: number; height: number; unit: number }
  | { type: "look"; idleColour: string; reducedMotion: boolean }
  /** Nothing to show but the idle art, or nothing at all so that the picture is seen. */
  | { type: "clear"; idle: boolean }
  /** Whether copies of painted frames are to come back. */
  | { type: "frames"; wanted: boolean }
  /** `at` is when it arrived, by the shared clock. */
  | { type: "result"; tracks: Tracks; frame: ImageBitmap | null; at: number };

/** What the painter tells the stage: this result is on the canvas. */
export interface Painted {
  seq: number;
  /** When the result arrived and when it was painted, by the shared clock. */
  at: { result: number; painted: number };
  /** A copy of its frame, where it is wanted. */
  frame: ImageBitmap | null;
}

type Result = Extract<StageMessage, { type: "result" }>;

/** Paints frames, points and trails on the stage's canvas. Owns the frames it is given. */
export class StagePainter {
  readonly #canvas: OffscreenCanvas;
  readonly #context: OffscreenCanvasRenderingContext2D;
  readonly #trails = new Trails();
  #next: Result | undefined;
  #shown: Result | undefined;
  #unit = 1;
  #idle = true;
  #idleColour = "";
  #reducedMotion = false;
  #wantsFrames = false;
  #handle = 0;

  /** @param painted called with each result that was painted; the frame is the callee's */
  constructor(canvas: OffscreenCanvas, readonly painted: (painted: Painted) => void) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d")!;
  }

  take(message: Exclude<StageMessage, { type: "canvas" }>): void {
    switch (message.type) {
      case "size":
        this.#canvas.width = message.width;
        this.#canvas.height = message.height;
        this.#unit = message.unit;
        break;
      case "look":
        this.#idleColour = message.idleColour;
        this.#reducedMotion = message.reducedMotion;
        break;
      case "clear":
        this.#clear(message.idle);
        break;
      case "frames":
        this.#wantsFrames = message.wanted;
        return;
      case "result":
        // Only the newest result is painted, but every one belongs to the trails.
        this.#trails.update(message.tracks, performance.now());
        this.#next?.frame?.close();
        this.#next = message;
    }
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
    const fresh = this.#next;
    if (fresh) {
      this.#shown?.frame?.close();
      this.#shown = fresh;
      this.#next = undefined;
    }
    const context = this.#context;
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    if (this.#shown) this.#paintResult(this.#shown);
    else if (this.#idle) paintIdle(context, this.#unit, this.#idleColour);
    if (fresh) void this.#report(fresh);
  }

  async #report({ tracks: { seq }, frame, at }: Result): Promise<void> {
    const times = { result: at, painted: clock() };
    const copy = frame && this.#wantsFrames ? await createImageBitmap(frame) : null;
    this.painted({ seq, at: times, frame: copy });
  }

  #paintResult({ tracks: { width, height }, frame }: Result): void {
    const at = this.#place(width, height);
    if (frame) this.#context.drawImage(frame, at.x, at.y, width * at.scale, height * at.scale);
    const now = performance.now();
    paintTrails(this.#context, this.#trails, at, this.#unit, now, this.#reducedMotion);
  }

  /** As large as it fits, in the middle: what `object-fit: contain` does to the picture. */
  #place(width: number, height: number): Placement {
    const { width: w, height: h } = this.#canvas;
    const scale = Math.min(w / width, h / height);
    return { scale, x: (w - width * scale) / 2, y: (h - height * scale) / 2 };
  }
}
