import assert from "node:assert/strict";
import { axisSteps } from "../../client/page/panels/axis.ts";
import { StageHistory, STAGES } from "../../client/page/panels/stages.ts";
import type { FrameTimes } from "../../client/sdk/mod.ts";

const TIMES: FrameTimes = {
  seq: 3,
  capture: 1,
  encode: 2,
  roundTrip: 75,
  network: 12,
  uplink: 8,
  queue: 16,
  decode: 32,
  track: 5,
  detect: 6,
  other: 4,
  downlink: 4,
};

Deno.test("page numbers: an axis has round steps and holds its values", () => {
  assert.deepEqual(axisSteps(0, 100), [0, 50, 100]);
  assert.deepEqual(axisSteps(0, 47), [0, 20, 40, 60]);
  assert.deepEqual(axisSteps(-0.7, 1.2), [-1, 0, 1, 2]);
  assert.deepEqual(axisSteps(0, 0.003), [0, 0.001, 0.002, 0.003]);
  for (const [least, most] of [[0, 0], [0, 1e-9], [-3, 0], [0, 12345], [-0.011, 0.013]]) {
    const steps = axisSteps(least, most);
    assert.ok(steps[0] <= least && steps.at(-1)! >= most, `${steps} for ${least} to ${most}`);
    assert.ok(steps.length >= 2 && steps.length <= 6, `${steps}`);
  }
});

Deno.test("page numbers: the stages of a frame pile up to all that it took", () => {
  const history = new StageHistory(10_000);
  assert.equal(history.means(), null);
  history.add(TIMES, 1000);
  history.painted(3, 64);
  history.painted(4, 9); // of no frame that was answered
  const { seconds, upTo } = history.stacked(1500);
  assert.deepEqual(seconds, [-0.5]);
  assert.deepEqual(upTo.flat(), [1, 3, 11, 27, 59, 64, 70, 74, 78, 142]);
  assert.equal(upTo.at(-1)![0], TIMES.capture! + TIMES.encode! + TIMES.roundTrip + 64);
});

Deno.test("page numbers: means are of the latest frames, those not painted included", () => {
  const history = new StageHistory(10_000);
  history.add({ ...TIMES, seq: 1, track: 500 }, 0);
  history.add({ ...TIMES, seq: 2, track: 7 }, 11_000);
  history.add({ ...TIMES, seq: 3, track: 9, capture: null, encode: null }, 11_050);
  history.painted(2, 30);
  const means = history.means()!;
  const mean = Object.fromEntries(STAGES.map(({ name }, i) => [name, means[i]]));
  assert.deepEqual([mean.track, mean.draw, mean.capture], [8, 15, 0.5]);
  history.clear();
  assert.equal(history.means(), null);
});
