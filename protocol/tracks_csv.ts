import type { TracksJson } from "./tracks_json.ts";

/**
 * Tracks as CSV: a row for each live point of a frame, and one with the reason and no position for
 * each that ended. A new session's tracks do not tell of the points of the one before: these end by
 * `reset`, above its first ones, which begin with the same ids.
 */
export class TracksCsv {
  readonly head: string;
  readonly #live = new Set<number>();

  /**
   * @param keys what names the frame, in the first columns
   * @param withAppearance a last column tells how points look beside the windows in which they were
   * found, as `filter.appearance` has it; empty where that is not known
   */
  constructor(
    readonly keys: readonly ("seq" | "timestamp")[],
    readonly withAppearance: boolean = false,
  ) {
    const last = withAppearance ? ",appearance" : "";
    this.head = `${keys.join()},id,x,y,dx,dy,error,fb,age,lost${last}\n`;
  }

  /** The next frame's rows, each with a line's end. */
  rows(tracks: TracksJson): string {
    const { points, lost, reset } = tracks;
    const frame = this.keys.map((key) => tracks[key]).join();
    const { appearance } = points;
    const last = (i: number) => this.withAppearance ? `,${appearance?.[i] ?? ""}` : "";
    const ended = (id: number, reason: string) => `${frame},${id},,,,,,,,${reason}${last(-1)}\n`;
    for (const id of lost.id) this.#live.delete(id);
    const untold = reset ? Array.from(this.#live, (id) => ended(id, "reset")) : [];
    if (reset) this.#live.clear();
    const { id, x, y, dx, dy, error, fb, age } = points;
    const live = id.map((id, i) => {
      this.#live.add(id);
      return `${frame},${id},${x[i]},${y[i]},${dx[i]},${dy[i]},${error[i]},${fb[i] ?? ""},` +
        `${age[i]},${last(i)}\n`;
    });
    const told = lost.id.map((id, i) => ended(id, lost.reason[i]));
    return [...untold, ...live, ...told].join("");
  }
}
