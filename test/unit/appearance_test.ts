import assert from "node:assert/strict";
import { defaultOptions, LOST_REASONS, mergeOptions } from "../../protocol/mod.ts";
import { type Step, Tracker } from "../../tracking/tracker.ts";
import { type Script, ScriptedSequence } from "../lib/scripted.ts";

const FRAME = new Uint8Array();
/** The last one is too near to the border for a window of 21 pixels, and two px to the right not. */
const CORNERS: [number, number][] = [[20, 20], [50, 20], [20, 50], [10, 60]];

function scripted(script: Script[], filter: Record<string, unknown> = { appearance: 0.5 }) {
  const sequence = new ScriptedSequence([{ corners: CORNERS }, ...script]);
  const options = mergeOptions(defaultOptions(), { filter, detect: { refill: 0 } });
  const tracker = new Tracker(sequence, options, 100);
  const play = async (frames: number) => {
    let step: Step | undefined;
    for (let i = 0; i < frames; i++) step = await tracker.process(FRAME);
    return step!;
  };
  return { sequence, tracker, play };
}

/** `count` frames in which nothing happens. */
const still = (count: number): Script[] => Array.from({ length: count }, () => ({}));

function lost({ lost }: Step): Record<number, string> {
  return Object.fromEntries([...lost.id].map((id, i) => [id, LOST_REASONS[lost.reason[i] - 1]]));
}

Deno.test("appearance: off, nothing is taken, compared or told", async () => {
  const { sequence, play } = scripted(still(20), {});
  const step = await play(20);
  assert.deepEqual([sequence.takes, sequence.comparisons], [[], []]);
  assert.ok(!("appearance" in step.points));
  assert.deepEqual(step.timing, { decode: 1, track: 2, detect: 0 });
});

Deno.test("appearance: a window is taken where a point was found, once", async () => {
  const { sequence, play } = scripted(still(12));
  const step = await play(12);
  assert.deepEqual(sequence.takes, [{ points: [20, 20, 50, 20, 20, 50], size: [21, 21] }]);
  assert.deepEqual(step.points.appearance, Float32Array.of(0, 0, 0, NaN));
});

Deno.test("appearance: a point whose window lies over the border has one from when it lies inside", async () => {
  const { sequence, play } = scripted([{ move: (x, y) => [x + 2, y] }, ...still(3)]);
  await play(4);
  assert.deepEqual(sequence.takes[1], { points: [12, 60], size: [21, 21] });
});

Deno.test("appearance: each point is compared every ten frames, where it is then, on from the last fit", async () => {
  const move: Script["move"] = (x, y) => [x + 0.5, y];
  const { sequence, play } = scripted(Array.from({ length: 30 }, () => ({ move })));
  await play(31);
  // ids 1, 2, 3 have their turns at ages 9, 8, 7, 19, …; id 4 got its window at age 2
  const turns = sequence.comparisons.map(({ points }) => points);
  assert.equal(turns.length, 12);
  assert.deepEqual(turns.slice(0, 5), [[13, 60], [23.5, 50], [54, 20], [24.5, 20], [18, 60]]);
  const first = sequence.comparisons[3].kept, second = sequence.comparisons[7].kept;
  assert.deepEqual([first.found, second.found], [Float32Array.of(20, 20), Float32Array.of(20, 20)]);
  assert.deepEqual(first.warps, Float32Array.of(1, 0, 0, 1, 0, 0));
  assert.deepEqual(second.warps, Float32Array.of(1, 0, 0, 1, 1, 0));
  assert.ok(first.pixels.length === 576 && first.pixels.every((value) => value === 1));
});

Deno.test("appearance: above the threshold a point is lost, and a lower threshold acts at once", async () => {
  const residuals = [0.3];
  const { tracker, play } = scripted(
    [...still(6), { residuals: [0.6] }, { residuals }, { residuals: [0.5] }, ...still(3)],
  );
  await play(7);
  assert.deepEqual(lost(await play(1)), { 3: "appearance" });
  assert.deepEqual(
    (await play(1)).points.appearance,
    Float32Array.of(NaN, 0.3, NaN).map(Math.fround),
  );
  const step = await play(1);
  assert.deepEqual(lost(step), {}, "0.5 is not above it");
  assert.deepEqual(step.points.appearance, Float32Array.of(0.5, 0.3, NaN));
  tracker.options = mergeOptions(tracker.options, { filter: { appearance: 0.4 } });
  assert.deepEqual(lost(await play(1)), { 1: "appearance" });
});

Deno.test("appearance: what cannot be compared keeps its residual and begins anew", async () => {
  const { sequence, play } = scripted([
    ...[...still(8), { residuals: [0.25] }, ...still(9), { residuals: [NaN] }, ...still(10)],
  ]);
  const after = await play(20);
  assert.equal(after.points.appearance![0], 0.25);
  await play(10);
  const ofFirst = sequence.comparisons.filter(({ points }) => points[0] === 20 && points[1] === 20);
  assert.deepEqual(ofFirst.map(({ kept }) => kept.warps[4]), [0, 1, 0]);
});

Deno.test("appearance: the time that it takes is told as tracking", async () => {
  const { play } = scripted(still(8));
  assert.equal((await play(1)).timing.track, 2.25);
  assert.equal((await play(6)).timing.track, 2);
  assert.equal((await play(1)).timing.track, 2.5);
});

Deno.test("appearance: switched on later, or with windows of another size, windows are those of then", async () => {
  const { sequence, tracker, play } = scripted([{ move: (x, y) => [x + 5, y] }, ...still(9)], {});
  await play(2);
  tracker.options = mergeOptions(tracker.options, { filter: { appearance: 0.9 } });
  await play(1);
  assert.deepEqual(sequence.takes, [{ points: [25, 20, 55, 20, 25, 50, 15, 60], size: [21, 21] }]);
  tracker.options = mergeOptions(tracker.options, { flow: { winSize: [63, 15] } });
  const step = await play(1);
  assert.deepEqual(sequence.takes[1].size, [31, 15]);
  assert.deepEqual(sequence.takes[1].points, [25, 20, 55, 20, 25, 50]);
  assert.deepEqual(step.points.appearance, new Float32Array(4).fill(NaN));
  tracker.options = mergeOptions(tracker.options, { filter: { appearance: null } });
  assert.ok(!("appearance" in (await play(1)).points));
  tracker.options = mergeOptions(tracker.options, { filter: { appearance: 0.9 } });
  await play(1);
  assert.equal(sequence.takes.length, 3, "what was switched off is forgotten");
});

Deno.test("appearance: points that were added or brought have the windows of the frame after", async () => {
  const { sequence, tracker, play } = scripted([{ move: (x, y) => [x + 1, y] }, ...still(9)]);
  await play(1);
  tracker.add([[70, 50]]);
  await play(1);
  assert.deepEqual(sequence.takes[1].points, [11, 60, 71, 50]);

  const elsewhere = new ScriptedSequence(still(12));
  const resumed = new Tracker(elsewhere, tracker.options, 100);
  resumed.resume(tracker.state);
  const { points } = await resumed.process(FRAME);
  assert.deepEqual(elsewhere.takes[0].points, [21, 20, 51, 20, 21, 50, 11, 60, 71, 50]);
  assert.deepEqual(points.appearance, new Float32Array(5).fill(NaN));
});

Deno.test("appearance: points that end take their windows along, and a reset all of them", async () => {
  const { sequence, tracker, play } = scripted([
    ...[...still(4), { corners: CORNERS }, { width: 90, corners: CORNERS }, { width: 90 }],
  ]);
  await play(2);
  tracker.remove([2]);
  tracker.clear();
  await play(4); // detects at once: ids 5 to 8
  assert.deepEqual(sequence.takes.length, 2 - 1, "nothing was found in the frames without corners");
  const { points, reset } = await play(1);
  assert.ok(reset);
  assert.deepEqual([...points.id], [5, 6, 7, 8]);
  assert.deepEqual(sequence.takes[1].points, [20, 20, 50, 20, 20, 50]);
});
