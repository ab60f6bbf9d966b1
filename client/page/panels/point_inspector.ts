import { reasonOf, type Tracks } from "../../sdk/mod.ts";
import { byId, make, setText } from "../ui/elements.ts";
import { labelOf } from "../stage/lost_shapes.ts";
import { type Check, checksOf, holds } from "./checks.ts";
import { meanDifference, minEigenvalue, type Patch, type Size, windowAt } from "./patch.ts";
import { PatchReader } from "./patch_reader.ts";
import type { PointMark } from "./point_mark.ts";
import type { TrackingOptions } from "./tracking_options.ts";

/** Numbers stand still long enough to be read. */
const UPDATE_MS = 150;
/** The difference picture shows so many grey levels as one, about mid-grey. */
const AMPLIFIED = 4;

/** What is kept of the frame before: the part of it around the point. */
interface Before {
  id: number;
  winSize: string;
  patch: Patch;
}

/** One point from near: its window before and now, their difference, and every check. */
export class PointInspector {
  readonly #title = byId("inspected", HTMLElement);
  readonly #verdict = byId("verdict", HTMLElement);
  readonly #checks = byId("checks", HTMLTableSectionElement);
  readonly #windows = ["window-then", "window-now", "window-difference"]
    .map((id) => byId(id, HTMLCanvasElement));
  readonly #computed = byId("err-here", HTMLElement);
  readonly #reader = new PatchReader();
  #id: number | undefined;
  /** Whose windows and checks are seen. */
  #shownId: number | undefined;
  #before: Before | undefined;
  #latest: Tracks | undefined;
  #shownAt = -Infinity;

  constructor(readonly options: TrackingOptions, readonly mark: PointMark) {
    byId("previous-point", HTMLButtonElement).addEventListener("click", () => this.#step(-1));
    byId("next-point", HTMLButtonElement).addEventListener("click", () => this.#step(1));
    byId("largest-error", HTMLButtonElement).addEventListener("click", () => {
      const error = this.#latest?.points.error;
      if (error?.length) this.#lookAt(error.indexOf(Math.max(...error)));
    });
  }

  /** Looks at this point from the next frame on. */
  look(id: number): void {
    if (id === this.#id) return;
    this.#id = id;
    this.#shownAt = -Infinity;
  }

  /** The next frame is not the one after what was seen last. */
  forgetFrame(): void {
    this.#before = undefined;
  }

  /** Takes a result, and its frame where there is one; the frame stays the caller's. */
  take(tracks: Tracks, frame: ImageBitmap | null): void {
    this.#latest = tracks;
    if (tracks.reset) this.#id = undefined; // another session may use the same ids
    this.#id ??= tracks.points.id[0];
    if (this.#id === undefined) return;
    const i = tracks.points.id.indexOf(this.#id);
    if (i < 0) return this.#lost(tracks);
    const winSize = this.options.inForce.flow.winSize;
    const before = this.#before;
    const [x, y] = tracks.points.xy.subarray(2 * i);
    this.mark.show(x, y);
    const patch = frame && this.#reader.read(frame, x, y, winSize);
    this.#before = patch ? { id: this.#id, winSize: String(winSize), patch } : undefined;
    const isSame = before?.id === this.#id && before.winSize === String(winSize);
    const now = performance.now();
    if (now - this.#shownAt < UPDATE_MS || (patch && !isSame)) return;
    this.#shownAt = now;
    this.#show(tracks, i, patch, isSame ? before.patch : undefined, winSize);
  }

  #show(
    tracks: Tracks,
    i: number,
    patch: Patch | null,
    before: Patch | undefined,
    winSize: Size,
  ): void {
    const { id, xy, dxy, age } = tracks.points;
    this.#shownId = id[i];
    const x = xy[2 * i], y = xy[2 * i + 1];
    const fromX = x - dxy[2 * i], fromY = y - dxy[2 * i + 1];
    const then = before && age[i] > 0 ? windowAt(before, fromX, fromY, winSize) : undefined;
    const now = patch ? windowAt(patch, x, y, winSize) : undefined;
    this.#draw(then, now, winSize);
    const eigenvalue = then ? minEigenvalue(before!, fromX, fromY, winSize) : NaN;
    const checks = checksOf(tracks, i, eigenvalue, this.options.inForce);
    this.#checks.replaceChildren(...checks.map(row));
    const failed = checks.find((check) => !holds(check));
    setText(this.#title, `Point ${id[i]}, age ${age[i]}`);
    setText(
      this.#verdict,
      failed
        ? `By these thresholds it is lost: ${labelOf(failed.reason)}.`
        : "It passes every check.",
    );
    setText(this.#computed, then && now ? hereText(meanDifference(then, now)) : noWindow(patch));
  }

  /** The last sight of it stays, with the reason; of one lost before it was seen there is none. */
  #lost({ lost }: Tracks): void {
    this.mark.hide();
    if (this.#shownId !== this.#id) {
      this.#draw(undefined, undefined, this.options.inForce.flow.winSize);
      this.#checks.replaceChildren();
      setText(this.#title, `Point ${this.#id}`);
      setText(this.#computed, "");
      this.#shownId = this.#id;
    }
    const i = lost.id.indexOf(this.#id!);
    if (i >= 0) setText(this.#verdict, `Lost: ${labelOf(reasonOf(lost.reason[i]))}.`);
  }

  #draw(then: Float32Array | undefined, now: Float32Array | undefined, [w, h]: Size): void {
    const difference = then && now?.map((grey, i) => 128 + AMPLIFIED * (grey - then[i]));
    for (const [i, grey] of [then, now, difference].entries()) {
      const canvas = this.#windows[i];
      if (canvas.width !== w) canvas.width = w;
      if (canvas.height !== h) canvas.height = h;
      const context = canvas.getContext("2d")!;
      if (grey) context.putImageData(picture(grey, w, h), 0, 0);
      else context.clearRect(0, 0, w, h);
    }
  }

  #step(by: number): void {
    const ids = this.#latest?.points.id;
    if (!ids?.length) return;
    const i = this.#id === undefined ? -1 : ids.indexOf(this.#id);
    this.#lookAt((i + by + ids.length) % ids.length);
  }

  #lookAt(i: number): void {
    this.look(this.#latest!.points.id[i]);
  }
}

function row(check: Check): HTMLTableRowElement {
  const { name, value, limit, side, unit, reason } = check;
  const known = Number.isNaN(value) ? "–" : format(value);
  const allowed = limit === null ? "not checked" : `${side} ${format(limit)} ${unit}`;
  const element = make(
    "tr",
    { title: `else lost: ${reason}` },
    make("th", { scope: "row" }, name),
    make("td", {}, known),
    make("td", {}, allowed),
  );
  element.dataset.holds = `${holds(check)}`;
  return element;
}

function picture(grey: Float32Array, width: number, height: number): ImageData {
  const image = new ImageData(width, height);
  for (let i = 0; i < grey.length; i++) {
    image.data.fill(grey[i], 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 255;
  }
  return image;
}

function hereText(error: number): string {
  return `Mean |now − before| of these two windows: ${format(error)} grey levels, computed here ` +
    "from the picture before its compression to JPEG.";
}

function noWindow(patch: Patch | null): string {
  return patch
    ? "New on this frame: there is no window before it."
    : "The windows are seen in the synchronised view, which keeps the frames.";
}

function format(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "∞";
}
