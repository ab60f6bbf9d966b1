import assert from "node:assert/strict";
import { colourOf, SCALES } from "../../client/page/stage/colouring.ts";
import { drawTracks } from "../../client/page/stage/draw_tracks.ts";
import { DRAWING } from "../../client/page/stage/drawing.ts";
import { FrameView } from "../../client/page/stage/frame_view.ts";
import { labelOf, LOST_SHAPES } from "../../client/page/stage/lost_shapes.ts";
import { nearestPoint } from "../../client/page/stage/nearest.ts";
import { readRecording, resultAfter, resultAt } from "../../client/page/record/recording.ts";
import { flowText } from "../../client/page/panels/flow_panel.ts";
import { packed, Strokes, unpacked, withAlpha } from "../../client/page/stage/strokes.ts";
import { TracksRecorder } from "../../client/page/record/tracks_recorder.ts";
import { Trails } from "../../client/page/stage/trails.ts";
import { LOST_REASONS, type PointColumns, type Tracks, tracksToJson } from "../../protocol/mod.ts";

/** Points at these places, with what the columns are given beyond zeros. */
function pointsAt(
  places: [x: number, y: number][],
  columns: Partial<PointColumns> = {},
): PointColumns {
  const n = places.length;
  return {
    id: Uint32Array.from({ length: n }, (_, i) => i + 1),
    xy: Float32Array.from(places.flat()),
    dxy: new Float32Array(2 * n),
    error: new Float32Array(n),
    fb: new Float32Array(n),
    age: new Uint32Array(n),
    ...columns,
  };
}

function resultOf(
  seq: number,
  timestamp: number,
  lost: [id: number, reason: number][] = [],
): Tracks {
  return {
    ...{ seq, timestamp, width: 640, height: 480, dropped: 0, detected: false, reset: false },
    timing: { queue: 0, decode: 0, track: 0, detect: 0, server: 0 },
    flow: null,
    points: pointsAt([[seq, 2.5], [30, 40]], { fb: Float32Array.of(NaN, 0.25) }),
    lost: {
      id: Uint32Array.from(lost, ([id]) => id),
      reason: Uint8Array.from(lost, ([, reason]) => reason),
    },
  };
}

Deno.test("FrameView maps both ways through bars and mirror", () => {
  for (const box of [{ width: 1000, height: 480 }, { width: 320, height: 900 }]) {
    for (const mirrored of [false, true]) {
      const view = new FrameView({ width: 640, height: 480 }, box, mirrored);
      for (const [x, y] of [[0, 0], [639, 479], [100.25, 33.5]]) {
        const [backX, backY] = view.toFrame(view.x(x), view.y(y));
        assert.ok(Math.abs(backX - x) < 1e-9 && Math.abs(backY - y) < 1e-9);
      }
    }
  }
  const wide = new FrameView({ width: 640, height: 480 }, { width: 1280, height: 480 });
  assert.equal(wide.x(-0.5), 320); // the frame's left edge is after a bar
  assert.equal(wide.x(639.5), 960);
  const mirrored = new FrameView({ width: 640, height: 480 }, { width: 1280, height: 480 }, true);
  assert.equal(mirrored.x(-0.5), 960);
  assert.deepEqual(wide.clamp([-5, 1000]), [0, 479]);
  assert.ok(wide.contains([639.4, 0]) && !wide.contains([639.6, 0]));
});

Deno.test("nearestPoint finds the nearest within reach only", () => {
  const points = pointsAt([[10, 10], [14, 10], [300, 200]]);
  assert.equal(nearestPoint(points, 11, 10, 12), 1);
  assert.equal(nearestPoint(points, 13, 10, 12), 2);
  assert.equal(nearestPoint(points, 13, 30, 12), null);
});

Deno.test("colours run from cool to warm with the value, for age the other way", () => {
  const warmth = (colour: number) => (colour & 255) - (colour >> 16 & 255);
  const points = pointsAt([[0, 0], [0, 0]], {
    error: Float32Array.of(0, SCALES.error.to + 100),
    age: Uint32Array.of(0, 1000),
    fb: Float32Array.of(NaN, 0),
  });
  assert.ok(warmth(colourOf("error", points, 0)) < warmth(colourOf("error", points, 1)));
  assert.ok(warmth(colourOf("age", points, 0)) > warmth(colourOf("age", points, 1)));
  assert.notEqual(colourOf("fb", points, 0), colourOf("fb", points, 1)); // none is not zero
  assert.notEqual(colourOf("id", points, 0), colourOf("id", points, 1));
});

Deno.test("strokes keep what they are given, however many", () => {
  const strokes = new Strokes();
  for (let i = 0; i < 1000; i++) strokes.disc(i, 2, 3, packed("#102030", 0.5));
  assert.equal(strokes.discs.count, 1000);
  assert.deepEqual([...strokes.discs.floats.subarray(3996, 3999)], [999, 2, 3]);
  assert.equal(unpacked(strokes.discs.colours[3999]), "#10203080");
  assert.equal(unpacked(withAlpha(packed("#ffffff"), 0)), "#ffffff00");
});

Deno.test("a new point grows from nothing, never from less", () => {
  const trails = new Trails();
  const result = resultOf(1, 0);
  trails.update(result, 5000);
  const view = new FrameView({ width: 640, height: 480 }, { width: 640, height: 480 });
  const radiusAfter = (ms: number) => {
    const strokes = new Strokes();
    const look = { drawing: DRAWING, view, unit: 1, now: 5000 + ms, still: false };
    drawTracks(strokes, result.points, trails, { ...look, maxSegments: 6000 });
    return strokes.discs.floats[2];
  };
  assert.equal(radiusAfter(0), 0); // a negative one would be an error of the canvas
  for (const ms of [0.1, 1, 50, 150]) assert.ok(radiusAfter(ms) > 0);
  assert.ok(Math.abs(radiusAfter(219.9) - radiusAfter(1e4)) < 0.01);
});

Deno.test("the median flow is told as left or right, up or down", () => {
  assert.equal(flowText(-1.9, 0.25), "1.90 px left, 0.25 px down a frame");
  assert.equal(flowText(0.5, -3), "0.50 px right, 3.00 px up a frame");
});

Deno.test("every reason but reset has a shape of its own", () => {
  const shapes = LOST_REASONS.map((reason) => JSON.stringify(LOST_SHAPES[reason]?.lines));
  assert.equal(new Set(shapes).size, LOST_REASONS.length);
  assert.equal(LOST_SHAPES.reset, undefined);
  for (const reason of LOST_REASONS) assert.doesNotMatch(labelOf(reason), /_/);
});

Deno.test("a recording is read as it was written, and found by its timestamps", async () => {
  const recorder = new TracksRecorder("clip", 1000);
  for (let i = 0; i < 250; i++) {
    recorder.add(resultOf(i, 1000 + 40 * i, i === 3 ? [[9, 2]] : []), 41 * i);
  }
  const { header, rounds: [results], isNamed } = await readRecording(
    await recorder.ndjson(),
    "clip",
  );
  assert.ok(isNamed);
  assert.equal(header.origin, 1000);
  assert.equal(header.source, "clip");
  assert.equal(results.length, 250);
  assert.deepEqual(results[249].tracks, resultOf(249, 1000 + 40 * 249));
  assert.deepEqual(results[3].tracks.lost, resultOf(3, 0, [[9, 2]]).lost);
  assert.equal(resultAt(results, 40 * 7 + 15, 20), 7);
  assert.equal(resultAt(results, 40 * 7 + 25, 20), 8);
  assert.equal(resultAt(results, -100, 20), -1);
  assert.equal(resultAt(results, 1e9, 20), -1);
  // In the video that was recorded with them, results are where they were drawn.
  const recorded = await readRecording(await recorder.ndjson(), "lkstream-2026-11-23.webm");
  assert.equal(recorded.rounds[0][100].at, 4100);
  assert.ok(recorded.isNamed);
  assert.equal((await readRecording(await recorder.ndjson(), "other.webm")).isNamed, false);
  const rows = (await (await recorder.csv()).text()).trim().split("\n");
  assert.equal(rows.length, 1 + 2 * 250 + 1);
  assert.ok(rows.includes("3,1120,9,,,,,,,,out_of_frame"));
  assert.equal(rows[1], "0,1000,1,0,2.5,0,0,0,,0,");
});

Deno.test("a recording of several rounds of its video is read as such, also over a copy", async () => {
  const recorder = new TracksRecorder("clip.mp4", 0);
  for (const [seq, timestamp] of [900, 940, 20, 60, 100, 0].entries()) {
    recorder.add(resultOf(seq, timestamp), 40 * seq);
  }
  const { rounds, isNamed } = await readRecording(await recorder.ndjson(), "clip (1).mp4");
  assert.ok(isNamed);
  assert.deepEqual(rounds.map((round) => round.map(({ at }) => at)), [[900, 940], [20, 60, 100], [
    0,
  ]]);
});

Deno.test("a replay tells what was lost on results that it passes over, and begins anew after a gap", () => {
  const lost: [number, number][][] = [[[9, 2]], [[8, 1]], [[7, 3]], []];
  const results = lost.map((lost, i) => ({
    tracks: resultOf(i, 0, lost),
    at: i === 3 ? 1000 : 40 * i,
  }));
  const next = resultAfter(results, 0, 1);
  assert.deepEqual(next, results[1].tracks);
  const passing = resultAfter(results, 0, 2);
  assert.equal(passing.reset, false);
  assert.deepEqual([...passing.lost.id], [8, 7]);
  assert.deepEqual([...passing.lost.reason], [1, 3]);
  assert.deepEqual(passing.points, results[2].tracks.points);
  for (const [from, to] of [[-1, 2], [2, 3], [2, 1]]) {
    assert.equal(resultAfter(results, from, to).reset, true);
  }
});

Deno.test("a recording that is none names the line", async () => {
  const header = '{"type":"recording","version":1,"origin":0}';
  for (
    const [text, line] of [
      ["no json", /Line 1/],
      ['{"type":"tracks"}', /Line 1/],
      [`${header}\n{"type":"tracks"}`, /Line 2/],
      [`${header}\n${JSON.stringify(tracksToJson(resultOf(0, NaN)))}`, /Line 2: its timestamp/],
      ["", /no results/],
    ] as const
  ) {
    await assert.rejects(
      readRecording(new Blob([text]), "clip.webm"),
      ({ remedy }: { remedy: string }) => line.test(remedy),
    );
  }
});

Deno.test("a recording takes no more than its bound", () => {
  const recorder = new TracksRecorder("clip", 0);
  const many = resultOf(0, 0);
  many.points.id = new Uint32Array(10_000_000 / 32 | 0);
  let taken = 0;
  while (recorder.add(many)) taken++;
  assert.equal(taken, Math.floor(256 * 2 ** 20 / (64 + 32 * 312_500)));
  assert.equal(recorder.frames, taken);
});
