import assert from "node:assert/strict";
import { type LostReason, TracksCsv, type TracksJson } from "../../protocol/mod.ts";

/** Tracks with points of these ids and ages, and these lost. */
function tracks(
  seq: number,
  ids: number[],
  lost: [id: number, reason: LostReason][] = [],
  reset = false,
): TracksJson {
  const each = (value: number) => ids.map(() => value);
  return {
    type: "tracks",
    seq,
    timestamp: 40 * seq,
    width: 9,
    height: 9,
    dropped: 0,
    detected: false,
    reset,
    timing: { queue: 0, decode: 0, track: 0, detect: 0, server: 0 },
    flow: null,
    points: {
      id: ids,
      x: each(1.5),
      y: each(2),
      dx: each(0.5),
      dy: each(-1),
      error: each(2.25),
      fb: ids.map(() => null),
      age: each(1),
    },
    lost: { id: lost.map(([id]) => id), reason: lost.map(([, reason]) => reason) },
  };
}

Deno.test("csv: a row a live point and a row a lost one, by the keys that are asked for", () => {
  const csv = new TracksCsv(["seq"]);
  assert.equal(csv.head, "seq,id,x,y,dx,dy,error,fb,age,lost\n");
  assert.equal(
    csv.rows(tracks(4, [3], [[1, "flat"]])),
    "4,3,1.5,2,0.5,-1,2.25,,1,\n4,1,,,,,,,,flat\n",
  );
  const timed = new TracksCsv(["seq", "timestamp"]);
  assert.equal(timed.head, "seq,timestamp,id,x,y,dx,dy,error,fb,age,lost\n");
  assert.equal(timed.rows(tracks(4, [3])), "4,160,3,1.5,2,0.5,-1,2.25,,1,\n");
  assert.equal(timed.rows(tracks(5, [])), "");
});

Deno.test("csv: a last column for appearance, where it is asked for", () => {
  const csv = new TracksCsv(["seq"], true);
  assert.equal(csv.head, "seq,id,x,y,dx,dy,error,fb,age,lost,appearance\n");
  const compared = tracks(4, [3, 5], [[1, "appearance"]]);
  compared.points.appearance = [0.25, null];
  assert.deepEqual(csv.rows(compared).split("\n"), [
    ...["4,3,1.5,2,0.5,-1,2.25,,1,,0.25", "4,5,1.5,2,0.5,-1,2.25,,1,,"],
    ...["4,1,,,,,,,,appearance,", ""],
  ]);
  assert.equal(csv.rows(tracks(5, [3])), "5,3,1.5,2,0.5,-1,2.25,,1,,\n");
});

Deno.test("csv: points of a session that ended without a word end by reset, before new ones", () => {
  const csv = new TracksCsv(["seq"]);
  csv.rows(tracks(0, [1, 2, 3]));
  csv.rows(tracks(1, [1, 3], [[2, "flat"]]));
  const rows = csv.rows(tracks(2, [1], [], true)).split("\n");
  assert.deepEqual(rows, ["2,1,,,,,,,,reset", "2,3,,,,,,,,reset", "2,1,1.5,2,0.5,-1,2.25,,1,", ""]);
});

Deno.test("csv: points that a reset tells of end once", () => {
  const csv = new TracksCsv(["seq"]);
  csv.rows(tracks(0, [1, 2]));
  const rows = csv.rows(tracks(1, [3], [[1, "reset"], [2, "reset"]], true)).split("\n");
  assert.deepEqual(rows, ["1,3,1.5,2,0.5,-1,2.25,,1,", "1,1,,,,,,,,reset", "1,2,,,,,,,,reset", ""]);
});
