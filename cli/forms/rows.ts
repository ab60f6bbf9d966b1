import { Endings, lostCode, type Tracks } from "../../protocol/mod.ts";
import { Column } from "./column.ts";

/** Rows of living points, a column a number: those of the CSV, and the frame's timestamp; `appearance` always. */
export function pointColumns() {
  return {
    seq: new Column(Uint32Array),
    timestamp: new Column(Float64Array),
    id: new Column(Uint32Array),
    x: new Column(Float32Array),
    y: new Column(Float32Array),
    dx: new Column(Float32Array),
    dy: new Column(Float32Array),
    error: new Column(Float32Array),
    fb: new Column(Float32Array),
    age: new Column(Uint32Array),
    appearance: new Column(Float32Array),
  };
}
export type PointTable = ReturnType<typeof pointColumns>;

/** Adds a row for each living point of a frame. */
export function addPoints(table: PointTable, { seq, timestamp, points }: Tracks): void {
  const { id, xy, dxy, error, fb, age, appearance } = points;
  for (let i = 0; i < id.length; i++) {
    table.seq.add(seq);
    table.timestamp.add(timestamp);
    table.id.add(id[i]);
    table.x.add(xy[2 * i]);
    table.y.add(xy[2 * i + 1]);
    table.dx.add(dxy[2 * i]);
    table.dy.add(dxy[2 * i + 1]);
    table.error.add(error[i]);
    table.fb.add(fb[i]);
    table.age.add(age[i]);
    table.appearance.add(appearance?.[i] ?? NaN);
  }
}

/** The points that ended on a frame with the codes of their reasons, untold ones first. */
export class Ends {
  readonly #endings = new Endings();

  *of(tracks: Tracks): Generator<{ id: number; reason: number }> {
    for (const id of this.#endings.untold(tracks)) yield { id, reason: lostCode("reset") };
    const { id, reason } = tracks.lost;
    for (let i = 0; i < id.length; i++) yield { id: id[i], reason: reason[i] };
  }
}
