import { Endings } from "./endings.ts";
import type { TracksJson } from "./tracks_json.ts";

/**
 * Tracks as CSV: a row for each live point of a frame, and one with the reason and no position for
 * each that ended, of which those that ended untold come first.
 */
export class TracksCsv {
  readonly head: string;
  readonly #endings = new Endings();

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
    const { points, lost } = tracks;
    const frame = this.keys.map((key) => tracks[key]).join();
    const { appearance } = points;
    const last = (i: number) => this.withAppearance ? `,${appearance?.[i] ?? ""}` : "";
    const ended = (id: number, reason: string) => `${frame},${id},,,,,,,,${reason}${last(-1)}\n`;
    const untold = this.#endings.untold(tracks).map((id) => ended(id, "reset"));
    const { id, x, y, dx, dy, error, fb, age } = points;
    const live = id.map((id, i) =>
      `${frame},${id},${x[i]},${y[i]},${dx[i]},${dy[i]},${error[i]},${fb[i] ?? ""},` +
      `${age[i]},${last(i)}\n`
    );
    const told = lost.id.map((id, i) => ended(id, lost.reason[i]));
    return [...untold, ...live, ...told].join("");
  }
}
