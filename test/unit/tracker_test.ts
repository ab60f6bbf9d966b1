import assert from "node:assert/strict";
import {
  defaultOptions,
  LOST_REASONS,
  mergeOptions,
  ProtocolError,
  type StreamState,
} from "../../protocol/mod.ts";
import { EngineError, FrameError } from "../../tracking/engine.ts";
import { paintMask } from "../../tracking/mask.ts";
import { type Step, Tracker } from "../../tracking/tracker.ts";
import { random } from "../lib/random.ts";
import { type Script, ScriptedSequence } from "../lib/scripted.ts";

const FRAME = new Uint8Array();
const CORNERS: [number, number][] = [[10, 10], [40, 10], [10, 40], [40, 40]];

/** A tracker over a script; `options` are merged over the defaults. */
function scripted(
  script: (Script | undefined)[],
  options: Record<string, unknown> = {},
  max = 100,
) {
  const sequence = new ScriptedSequence(script);
  const tracker = new Tracker(sequence, mergeOptions(defaultOptions(), options), max);
  return { sequence, tracker, next: (asFirst = false) => tracker.process(FRAME, asFirst) };
}

function ids(step: Step): number[] {
  return [...step.points.id];
}

function lost(step: Step): Record<number, string> {
  return Object.fromEntries(
    [...step.lost.id].map((id, i) => [id, LOST_REASONS[step.lost.reason[i] - 1]]),
  );
}

Deno.test("tracker: the first frame detects; new points have age 0, no motion, fb unchecked", async () => {
  const { next } = scripted([{ corners: CORNERS }]);
  const step = await next();
  assert.ok(step.detected && step.reset);
  assert.deepEqual(ids(step), [1, 2, 3, 4]);
  assert.deepEqual([...step.points.xy], CORNERS.flat());
  assert.deepEqual([...step.points.dxy], new Array(8).fill(0));
  assert.deepEqual([...step.points.age], [0, 0, 0, 0]);
  assert.deepEqual([...step.points.error], [0, 0, 0, 0]);
  assert.deepEqual([...step.points.fb], [NaN, NaN, NaN, NaN]);
  assert.equal(step.flow, null);
  assert.deepEqual(step.timing, { decode: 1, track: 2, detect: 3 });
});

Deno.test("tracker: points keep their ids, age, and tell their motion and the median flow", async () => {
  const { next } = scripted([
    { corners: CORNERS },
    { move: (x, y) => [x + (x > 20 ? 5 : 1), y + 2], error: [1, 2, 3, 4], fb: [0, 0.5, 0.25, 0] },
    { move: (x, y) => [x + 1, y] },
  ]);
  await next();
  const second = await next();
  assert.deepEqual(ids(second), [1, 2, 3, 4]);
  assert.deepEqual([...second.points.xy], [11, 12, 45, 12, 11, 42, 45, 42]);
  assert.deepEqual([...second.points.dxy], [1, 2, 5, 2, 1, 2, 5, 2]);
  assert.deepEqual([...second.points.error], [1, 2, 3, 4]);
  assert.deepEqual([...second.points.fb], [0, 0.5, 0.25, 0]);
  assert.deepEqual(second.flow, [3, 2]);
  assert.ok(!second.detected && !second.reset);
  const third = await next();
  assert.deepEqual([...third.points.age], [2, 2, 2, 2]);
  assert.deepEqual(third.flow, [1, 0]);
});

Deno.test("tracker: each filter ends a point with its own reason, and the id never returns", async () => {
  const { next } = scripted(
    [{ corners: [...CORNERS, [70, 10], [70, 40], [70, 70]] }, {
      move: (x, y) => y === 70 ? [-0.6, y] : [x, y],
      status: [1, 2, 0, 0, 0, 0, 0],
      error: [0, 0, 31, 30, 1, 1, 1],
      fb: [0, 0, 0, 0, 1.01, Infinity, 0],
    }, { corners: [[20, 20]] }],
    { filter: { maxError: 30, forwardBackward: 1 }, detect: { interval: 1 } },
  );
  await next();
  const step = await next();
  assert.deepEqual(lost(step), {
    1: "flat",
    2: "out_of_frame",
    3: "high_error",
    5: "forward_backward",
    6: "forward_backward",
    7: "out_of_frame",
  });
  assert.deepEqual(ids(step), [4]);
  const after = await next();
  assert.deepEqual(ids(after), [4, 8]);
  assert.deepEqual(lost(after), {});
});

Deno.test("tracker: a point on the outer half of a border pixel lives", async () => {
  const { next } = scripted([
    { corners: [[10, 10]] },
    { move: () => [-0.5, 79.4] },
    { move: () => [99.5, 10] },
  ]);
  await next();
  assert.deepEqual(ids(await next()), [1]);
  assert.deepEqual(lost(await next()), { 1: "out_of_frame" });
});

Deno.test("tracker: null switches a filter off, and the way back with it", async () => {
  const { next, sequence } = scripted(
    [{ corners: CORNERS }, { error: [255, 255, 255, 255] }],
    { filter: { maxError: null, forwardBackward: null } },
  );
  await next();
  const step = await next();
  assert.equal(ids(step).length, 4);
  assert.deepEqual([...step.points.fb], [NaN, NaN, NaN, NaN]);
  assert.equal(sequence.advances[1].options.back, false);
});

Deno.test("tracker: of two points that meet, the older lives", async () => {
  const { next, tracker } = scripted([
    { corners: [[10, 10]] },
    {},
    { move: (x, y) => x === 20 ? [13.9, y] : [x, y] },
    { move: (x, y) => x === 30 ? [14.1, y] : [x, y] },
  ], { detect: { minDistance: 8, refill: 0 }, filter: { crowding: 0.5 } });
  await next();
  await next();
  tracker.add([[20, 10], [30, 10]]);
  assert.deepEqual(lost(await next()), { 2: "crowded" });
  assert.deepEqual(ids(await next()), [1, 3]);
});

Deno.test("tracker: a distance next to nothing crowds a point at the same place", async () => {
  const { next } = scripted([
    { corners: [[10, 10], [20, 10], [30, 10]] },
    { move: (x, y) => x === 20 ? [10, y] : [x, y] },
  ], { detect: { minDistance: 1e-300, refill: 0 }, filter: { crowding: 1 } });
  await next();
  assert.deepEqual(lost(await next()), { 2: "crowded" });
});

Deno.test("tracker: the options reach the engine, and detection asks for what is missing", async () => {
  const { next, sequence } = scripted([{ corners: CORNERS }, { corners: [[70, 70]] }], {
    detect: { maxCorners: 10, interval: 1, useHarrisDetector: true, k: 0.1, gradientSize: 5 },
    flow: { winSize: [15, 9], maxLevel: 2, maxCount: 7, epsilon: 0.5, minEigThreshold: 0.25 },
  });
  await next();
  await next();
  assert.deepEqual(sequence.advances[1].options, {
    winSize: [15, 9],
    maxLevel: 2,
    maxCount: 7,
    epsilon: 0.5,
    minEigThreshold: 0.25,
    back: true,
  });
  const [first, second] = sequence.detections;
  assert.deepEqual(first.options, {
    maxCorners: 10,
    qualityLevel: 0.01,
    minDistance: 8,
    blockSize: 3,
    gradientSize: 5,
    useHarrisDetector: true,
    k: 0.1,
  });
  assert.equal(second.options.maxCorners, 6);
  assert.deepEqual(second.avoid, CORNERS.flat());
});

Deno.test("tracker: refills below the share, but not sooner than the interval", async () => {
  const few = CORNERS.slice(0, 2);
  const { next, sequence } = scripted(
    [{ corners: few }, {}, {}, { corners: [[70, 70], [70, 10]] }, {}, {}, {}, {}],
    { detect: { maxCorners: 4, refill: 0.75, interval: 3 } },
  );
  const detected = [];
  for (let frame = 0; frame < 8; frame++) detected.push((await next()).detected);
  assert.deepEqual(detected, [true, false, false, true, false, false, false, false]);
  assert.equal(sequence.detections.length, 2);
});

Deno.test("tracker: detects at once where no point lives, whatever the interval", async () => {
  const { next } = scripted(
    [{ corners: CORNERS }, { status: [1, 1, 1, 1], corners: [[20, 20]] }],
    { detect: { interval: 1000 } },
  );
  await next();
  const step = await next();
  assert.ok(step.detected && !step.reset);
  assert.deepEqual(ids(step), [5]);
});

Deno.test("tracker: with detection off only added points live; on again, it runs at once", async () => {
  const { next, tracker, sequence } = scripted([{ corners: CORNERS }, {}, { corners: CORNERS }], {
    detect: { enabled: false },
  });
  const first = await next();
  assert.ok(!first.detected);
  assert.deepEqual(ids(first), []);
  assert.deepEqual(tracker.add([[5, 6], [50, 60]]), [1, 2]);
  const second = await next();
  assert.deepEqual(ids(second), [1, 2]);
  assert.deepEqual([...second.points.age], [1, 1]);
  assert.equal(sequence.detections.length, 0);
  tracker.options = mergeOptions(tracker.options, { detect: { enabled: true } });
  assert.ok((await next()).detected);
});

Deno.test("tracker: predict starts each search at the point's last velocity", async () => {
  const { next, sequence } = scripted([
    { corners: [[10, 10], [40, 40]] },
    { move: (x, y) => [x + 3, y - 1] },
    {},
  ], { flow: { predict: true } });
  for (let frame = 0; frame < 3; frame++) await next();
  assert.deepEqual(sequence.advances[1].guess, [10, 10, 40, 40]);
  assert.deepEqual(sequence.advances[2].guess, [16, 8, 46, 38]);
});

Deno.test("tracker: without predict there is no guess", async () => {
  const { next, sequence } = scripted([{ corners: CORNERS }, {}]);
  await next();
  await next();
  assert.equal(sequence.advances[1].guess, undefined);
});

for (
  const [what, script, asFirst] of [
    ["a new size", { width: 90, corners: [[20, 20]] }, false],
    ["the reset flag", { corners: [[20, 20]] }, true],
  ] as [string, Script, boolean][]
) {
  Deno.test(`tracker: ${what} ends every point with reason reset and detects`, async () => {
    const { next, sequence } = scripted([{ corners: CORNERS }, script], {
      detect: { interval: 1000 },
    });
    await next();
    const step = await next(asFirst);
    assert.ok(step.reset && step.detected);
    assert.deepEqual(lost(step), { 1: "reset", 2: "reset", 3: "reset", 4: "reset" });
    assert.deepEqual(ids(step), [5]);
    assert.deepEqual(sequence.detections[1].avoid, []);
  });
}

Deno.test("tracker: clear ends all with reason reset and detects on the next frame", async () => {
  const { next, tracker } = scripted([{ corners: CORNERS }, { corners: [[20, 20]] }, {}], {
    detect: { interval: 1000 },
  });
  await next();
  tracker.clear();
  const step = await next();
  assert.deepEqual(lost(step), { 1: "reset", 2: "reset", 3: "reset", 4: "reset" });
  assert.ok(step.detected && step.reset);
  assert.deepEqual(ids(step), [5]);
  assert.ok(!(await next()).reset);
});

Deno.test("tracker: a point added after clear lives on, so nothing is reset", async () => {
  const { next, tracker } = scripted([{ corners: CORNERS }, {}]);
  await next();
  tracker.clear();
  const [id] = tracker.add([[20, 20]]);
  const step = await next();
  assert.deepEqual(ids(step), [id]);
  assert.ok(!step.reset && step.detected);
});

Deno.test("tracker: removed ids end, unknown ones are passed over", async () => {
  const { next, tracker, sequence } = scripted([{ corners: CORNERS }, {}]);
  await next();
  tracker.remove([2, 3, 77, 2]);
  const step = await next();
  assert.deepEqual(lost(step), { 2: "removed", 3: "removed" });
  assert.deepEqual(ids(step), [1, 4]);
  assert.deepEqual(sequence.advances[1].points, [10, 10, 40, 40]);
});

Deno.test("tracker: add refuses points before a frame, outside of it and past the limit", async () => {
  const { next, tracker } = scripted([{ corners: CORNERS }, {}], {}, 6);
  const refused = (points: [number, number][], code: string) =>
    assert.throws(
      () => tracker.add(points),
      (error) => error instanceof ProtocolError && error.code === code,
    );
  refused([[1, 1]], "bad_message");
  await next();
  const nearly = 99.49999999999; // kept in single precision it is 99.5, beside the frame
  const outside: [number, number][] = [[-1, 0], [0, -1], [100, 0], [0, 80], [NaN, 1], [nearly, 1]];
  for (const at of outside) refused([[1, 1], at], "bad_message");
  refused([[1, 1], [2, 2], [3, 3]], "limit");
  assert.deepEqual(tracker.add([[-0.50000000001, 0], [99, 79]]), [5, 6]);
  assert.equal(tracker.live, 6);
  assert.deepEqual(lost(await next()), {});
});

Deno.test("tracker: all points may be replaced between two frames once, and every end is told", async () => {
  const { next, tracker } = scripted([{ corners: CORNERS }, {}, {}], { detect: { refill: 0 } }, 4);
  await next();
  const replace = () => {
    tracker.clear();
    return tracker.add(CORNERS);
  };
  assert.deepEqual(replace(), [5, 6, 7, 8]);
  for (let i = 0; i < 3; i++) {
    assert.throws(
      replace,
      (error) =>
        error instanceof ProtocolError && error.code === "limit" &&
        error.message.includes("4 points to 0 and 8 that ended"),
    );
  }
  assert.deepEqual(Object.keys(lost(await next())), ["1", "2", "3", "4", "5", "6", "7", "8"]);
  tracker.clear();
  assert.deepEqual(tracker.add(CORNERS).length, 4);
});

Deno.test("tracker: a mask confines detection and ends what leaves it; lifting it frees", async () => {
  const { next, tracker, sequence } = scripted([
    { corners: CORNERS },
    {},
    { move: (x, y) => [x + 20, y] },
    { corners: [[90, 70]] },
  ], { detect: { interval: 1 } });
  const half: [number, number][] = [[0, 0], [50, 0], [50, 80], [0, 80]];
  assert.equal(tracker.confine([half]), null);
  await next();
  assert.equal(tracker.confine([half]), 0.5);
  const mask = sequence.detections[0].mask!;
  assert.equal(mask.length, 100 * 80);
  assert.ok(mask[49] !== 0 && mask[50] === 0);
  await next();
  assert.deepEqual(lost(await next()), { 2: "masked", 4: "masked" });
  assert.equal(tracker.confine([]), 1);
  await next();
  assert.equal(sequence.detections.at(-1)!.mask, undefined);
});

Deno.test("tracker: a mask on a tall frame is that of the frame on its side, and as cheap", () => {
  const next = random(7);
  for (let round = 0; round < 20; round++) {
    const polygons = [0, 1].map(() =>
      Array.from({ length: 7 }, () => [next() * 60 - 10, next() * 50 - 10] as const)
    );
    const turned = polygons.map((polygon) => polygon.map(([x, y]) => [y, x] as const));
    const wide = paintMask(polygons, 40, 30), tall = paintMask(turned, 30, 40);
    assert.ok(wide.includes(255));
    assert.deepEqual(tall, wide.map((_, i) => wide[i % 30 * 40 + Math.floor(i / 30)]));
  }
  const high = 65_500;
  const zigzag = Array.from({ length: 1000 }, (_, i) => [i % 3 / 2, i % 2 ? 70_000 : -1] as const);
  const onItsSide = zigzag.map(([x, y]) => [y, x] as const);
  /** The least of several times: what else the machine does only adds to it. */
  const least = (paint: () => void) =>
    Math.min(...Array.from({ length: 5 }, () => {
      const started = performance.now();
      paint();
      return performance.now() - started;
    }));
  const tall = least(() => paintMask([zigzag], 1, high));
  const wide = least(() => paintMask([onItsSide], high, 1));
  assert.ok(tall < 30 * wide, `${tall} ms, ${wide} on its side`); // 1000, if edges go through rows
});

Deno.test("tracker: a bad frame leaves the tracks as they were", async () => {
  const { next, tracker } = scripted([
    { corners: CORNERS },
    { fails: "bad_frame" },
    { move: (x, y) => [x + 1, y] },
  ]);
  await next();
  tracker.remove([4]);
  await assert.rejects(next(true), FrameError);
  const step = await next();
  assert.deepEqual(ids(step), [1, 2, 3]);
  assert.deepEqual([...step.points.age], [1, 1, 1]);
  assert.deepEqual(lost(step), { 4: "removed" });
});

Deno.test("tracker: after an engine failure the next frame is a first one", async () => {
  const { next } = scripted([{ corners: CORNERS }, { fails: "engine" }, { corners: [[20, 20]] }]);
  await next();
  await assert.rejects(next(), EngineError);
  const step = await next();
  assert.ok(step.reset && step.detected);
  assert.deepEqual(ids(step), [5]);
  assert.deepEqual(lost(step), { 1: "reset", 2: "reset", 3: "reset", 4: "reset" });
});

for (const asFirst of [false, true]) {
  const what = asFirst ? "with the reset flag" : "that continues";
  Deno.test(`tracker: after a detection that failed on a frame ${what}, the next one is a first one`, async () => {
    const { next, tracker, sequence } = scripted([
      { corners: CORNERS },
      { move: (x, y) => [x + 5, y], status: [1] },
      { fails: "bad_frame" },
      { corners: [[20, 20]] },
      { move: (x, y) => [x + 1, y] },
    ], { detect: { interval: 1, refill: 1 } });
    await next();
    sequence.detect = () => Promise.reject(new EngineError("Cannot detect: scripted"));
    await assert.rejects(next(asFirst), EngineError);
    Reflect.deleteProperty(sequence, "detect");
    assert.deepEqual(tracker.add([[30, 30]]), [5]);
    await assert.rejects(next(), FrameError); // changes nothing of that
    const step = await next();
    assert.ok(step.reset && step.detected);
    assert.deepEqual(ids(step), [6]);
    const reset = { 2: "reset", 3: "reset", 4: "reset", 5: "reset" };
    assert.deepEqual(lost(step), { 1: asFirst ? "reset" : "flat", ...reset });
    assert.equal(step.flow, null);
    const after = await next();
    assert.ok(!after.reset);
    assert.deepEqual(after.flow, [1, 0]);
  });
}

/** A state of three points at 10, 10 and on; ids 3, 5, 9. */
function brought(change: Partial<StreamState> = {}): StreamState {
  return {
    nextId: 20,
    sinceDetection: 4,
    points: {
      id: Uint32Array.of(3, 5, 9),
      xy: Float32Array.of(10, 10, 40, 10, 200, 10),
      dxy: Float32Array.of(1, 2, 3, 4, 5, 6),
      age: Uint32Array.of(7, 8, 0),
    },
    ...change,
  };
}

Deno.test("tracker: resumed points stand on the next frame, unmoved, as the frame of before", async () => {
  const { tracker, sequence, next } = scripted([
    { corners: CORNERS },
    { corners: CORNERS, move: (x, y) => [x + 2, y] },
    { corners: CORNERS },
  ], { detect: { interval: 6, refill: 1 } });
  assert.equal(tracker.resume(brought()), 3);
  const standing = await next();
  assert.deepEqual(sequence.advances[0].points, []);
  assert.ok(!standing.reset && !standing.detected);
  assert.equal(standing.flow, null);
  assert.deepEqual(ids(standing), [3, 5]);
  assert.deepEqual(lost(standing), { 9: "out_of_frame" });
  assert.deepEqual([...standing.points.xy], [10, 10, 40, 10]);
  assert.deepEqual([...standing.points.dxy], [1, 2, 3, 4]);
  assert.deepEqual([...standing.points.age], [7, 8]);
  assert.deepEqual([...standing.points.error, ...standing.points.fb], [0, 0, NaN, NaN]);
  const moved = await next();
  assert.ok(!moved.detected, "the frame on which points stand counts for the interval");
  assert.deepEqual([...moved.points.age], [8, 9]);
  assert.deepEqual(moved.flow, [2, 0]);
  const refilled = await next();
  assert.ok(refilled.detected);
  assert.deepEqual(ids(refilled).slice(2), [20, 21, 22, 23]);
});

Deno.test("tracker: resumed points outside of the mask end, and detection runs where none is left", async () => {
  const { tracker, next } = scripted([{ corners: CORNERS }]);
  tracker.confine([[[60, 60], [70, 60], [70, 70], [60, 70]]]);
  tracker.resume(brought());
  const step = await next();
  assert.deepEqual(lost(step), { 3: "masked", 5: "masked", 9: "out_of_frame" });
  assert.ok(step.detected && !step.reset);
  assert.deepEqual(ids(step), [20, 21, 22, 23]);
});

Deno.test("tracker: a resume without points, and a first frame with reset, begin anew with later ids", async () => {
  const none = { id: new Uint32Array(), age: new Uint32Array() };
  const points = { ...none, xy: new Float32Array(), dxy: new Float32Array() };
  const { tracker, next } = scripted([{ corners: CORNERS }]);
  assert.equal(tracker.resume(brought({ points })), 0);
  const step = await next(true);
  assert.ok(step.reset && step.detected);
  assert.deepEqual(ids(step), [20, 21, 22, 23]);

  const other = scripted([{ corners: CORNERS }]);
  other.tracker.resume(brought());
  const anew = await other.next(true);
  assert.ok(anew.reset);
  assert.deepEqual(lost(anew), { 3: "reset", 5: "reset", 9: "reset" });
});

Deno.test("tracker: a bad frame is not the one on which resumed points stand; a failed engine ends them", async () => {
  const { tracker, next } = scripted([{ fails: "bad_frame" }, { corners: CORNERS }]);
  tracker.resume(brought());
  await assert.rejects(next(), FrameError);
  assert.deepEqual(ids(await next()), [3, 5]);

  const failing = scripted([{ fails: "engine" }, { corners: CORNERS }]);
  failing.tracker.resume(brought());
  await assert.rejects(failing.next(), EngineError);
  const step = await failing.next();
  assert.ok(step.reset);
  assert.deepEqual(lost(step), { 3: "reset", 5: "reset", 9: "reset" });
});

Deno.test("tracker: resumes once, before the first frame, and no more points than it may have", async () => {
  const { tracker } = scripted([], {}, 2);
  assert.throws(() => tracker.resume(brought()), { code: "limit" });
  assert.equal(tracker.found, 0);
  const again = scripted([{ corners: CORNERS }]);
  again.tracker.resume(brought());
  assert.throws(() => again.tracker.resume(brought()), { code: "bad_message" });
  await again.next();
  assert.throws(() => again.tracker.resume(brought()), { code: "bad_message" });
});

Deno.test("tracker: no id is given twice: where all were given, no more points are found or added", async () => {
  const { tracker, next } = scripted([{ corners: CORNERS }, { corners: CORNERS }]);
  tracker.resume(brought({ nextId: 2 ** 32 - 4 }));
  assert.deepEqual(ids(await next(true)), [2 ** 32 - 4, 2 ** 32 - 3, 2 ** 32 - 2]);
  assert.throws(() => tracker.add([[1, 1]]), {
    code: "limit",
    message: "Cannot add 1 points: allowed are 0, for so many ids are left",
  });
  tracker.clear();
  const last = await next();
  assert.deepEqual([ids(last), last.detected], [[], false]);
  assert.equal(tracker.state.nextId, 2 ** 32 - 1);
});
