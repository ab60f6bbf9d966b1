import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Status } from "../../tracking/engine.ts";
import { gridPoints, type Motion, move, rotation, shift, withFlat, zoom } from "../lib/images.ts";
import { encodeJpeg } from "../lib/jpeg.ts";
import { assertBelow, assertFlowAgrees, oracleFlow, percentile } from "../lib/oracle.ts";
import {
  type Check,
  DETECT,
  distances,
  FLOW,
  follow,
  HEIGHT,
  NO_POINTS,
  points,
  still,
  texture,
  WIDTH,
} from "./given.ts";

export function checkMotion(check: Check): void {
  const motions: [string, Motion, number, number][] = [
    ["a shift by whole pixels", shift(3, -2), 0.005, 0.02],
    ["a shift by parts of a pixel", shift(0.37, -1.61), 0.02, 0.05],
    ["a rotation by 2°", rotation(2, WIDTH / 2, HEIGHT / 2), 0.1, 0.3],
    ["a zoom by 3 %", zoom(1.03, WIDTH / 2, HEIGHT / 2), 0.1, 0.3],
  ];
  for (const [what, motion, median, p95] of motions) {
    check(`follows ${what}`, async (engine) => {
      const moved = texture.draw(WIDTH, HEIGHT, motion);
      const found = await follow(engine, still, moved, points);
      assert.ok(found.continues);
      assert.deepEqual(found.status, new Uint8Array(points.length / 2));
      const off = distances(found.xy, move(motion, points));
      assertBelow("median distance to the true place", percentile(off, 50), median);
      assertBelow("p95 distance to the true place", percentile(off, 95), p95);
      assertBelow("p95 forward–backward distance", percentile([...found.fb], 95), 0.05);
    });
  }

  check("starts where the guess says, both ways", async (engine) => {
    const motion = shift(57, -38);
    const moved = texture.draw(WIDTH, HEIGHT, motion);
    const inner = gridPoints(still, 16, 80);
    const truth = move(motion, inner);
    const options = { ...FLOW, maxLevel: 1 };

    const blind = await follow(engine, still, moved, inner, options);
    const lucky = distances(blind.xy, truth).filter((off) => off < 0.5).length;
    assertBelow("points found without a guess", lucky, inner.length / 2 / 10);

    const guess = truth.map((at, i) => at + (i % 2 === 0 ? 1.5 : -1));
    const found = await follow(engine, still, moved, inner, options, guess);
    assert.deepEqual(found.status, new Uint8Array(inner.length / 2));
    assertBelow("p95 distance to the true place", percentile(distances(found.xy, truth), 95), 0.05);
    assertBelow("p95 forward–backward distance", percentile([...found.fb], 95), 0.05);
  });

  check("follows points at the border as OpenCV does", async (engine) => {
    const motion = shift(1.5, 0.75);
    const moved = texture.draw(WIDTH, HEIGHT, motion);
    const border = gridPoints(still, 4, 0).filter((_, i, xy) => {
      const x = xy[i & ~1], y = xy[i | 1];
      return x < 4 || y < 4 || x >= WIDTH - 4 || y >= HEIGHT - 4;
    });
    const found = await follow(engine, still, moved, border);
    assertFlowAgrees(found, oracleFlow(still, moved, border, FLOW));
    assertBelow(
      "median distance to the true place",
      percentile(distances(found.xy, move(motion, border)), 50),
      0.2,
    );
  });

  check("says out of frame where a window left the image", async (engine) => {
    const left = gridPoints(still, 16, 5).filter((_, i, xy) => xy[i & ~1] === 5);
    const guess = left.map((at, i) => i % 2 === 0 ? at - 40 : at);
    const moved = texture.draw(WIDTH, HEIGHT, shift(-40, 0));
    const gone = await follow(engine, still, moved, left, FLOW, guess);
    assert.deepEqual(gone.status, new Uint8Array(left.length / 2).fill(Status.outOfFrame));
    assert.ok(gone.fb.every(Number.isNaN));

    const outside = [-50, 10, WIDTH + 50, 10, 10, -50, 10, HEIGHT + 50, 1e30, 10, 10, -1e30];
    const notFinite = [NaN, 10, 10, NaN, Infinity, 10, 10, -Infinity];
    const good = [100, 100];
    const mixed = Float32Array.from([...outside, ...notFinite, ...good]);
    const found = await follow(engine, still, still, mixed);
    const n = mixed.length / 2;
    assert.deepEqual(found.status.subarray(0, n - 1), new Uint8Array(n - 1).fill(2));
    assert.equal(found.status[n - 1], Status.tracked);
    const wild = Float32Array.from(mixed, () => NaN);
    const lost = await follow(engine, still, still, mixed, FLOW, wild);
    assert.deepEqual(lost.status, new Uint8Array(n).fill(Status.outOfFrame));
  });

  check("says flat where there is no texture", async (engine) => {
    const flat = withFlat(still, 100, 80, 80, 80);
    const some = Float32Array.from([140, 120, 130, 115, 40, 40, 250, 200]);
    const found = await follow(engine, flat, flat, some);
    assert.deepEqual([...found.status], [Status.flat, Status.flat, 0, 0]);
    assert.deepEqual([...found.error.subarray(0, 2)], [0, 0]);
    const strict = await follow(engine, still, still, points, { ...FLOW, minEigThreshold: 1 });
    assert.deepEqual(strict.status, new Uint8Array(points.length / 2).fill(Status.flat));
  });
}

export function checkColumns(check: Check): void {
  check("error and distance are 0 between equal frames", async (engine) => {
    const found = await follow(engine, still, still, points);
    assertBelow("largest distance", Math.max(...distances(found.xy, points)), 1e-3);
    assertBelow("largest error", Math.max(...found.error), 1e-3);
    assertBelow("largest forward–backward distance", Math.max(...found.fb), 1e-3);
  });

  check("error is the mean difference in grey levels", async (engine) => {
    const lighter = { ...still, data: still.data.map((level) => Math.min(255, level + 10)) };
    const found = await follow(engine, still, lighter, points);
    const middle = percentile([...found.error], 50);
    assert.ok(middle > 8 && middle < 10.5, `median error is ${middle}, expected about 10`);
  });

  check("fb is NaN without the way back, Infinity where that fails", async (engine) => {
    const forward = await follow(engine, still, still, points, { ...FLOW, back: false });
    assert.equal(forward.fb.length, points.length / 2);
    assert.ok(forward.fb.every(Number.isNaN));

    const blank = withFlat(still, 0, 0, WIDTH, HEIGHT);
    const found = await follow(engine, still, blank, points, { ...FLOW, maxCount: 1 });
    assert.ok(found.status.includes(Status.tracked));
    found.status.forEach((status, i) => {
      if (status === Status.tracked) assert.equal(found.fb[i], Infinity);
      else assert.ok(Number.isNaN(found.fb[i]));
    });
  });

  check("no points make empty columns", async (engine) => {
    const found = await follow(engine, still, still, NO_POINTS);
    assert.ok(found.continues);
    const { xy, status, error, fb } = found;
    assert.deepEqual([xy, status, error, fb].map((column) => column.length), [0, 0, 0, 0]);
  });

  check("the caller's buffers stay as they are", async (engine) => {
    await using sequence = engine.open();
    const pool = Buffer.from([1, 2, 3, ...encodeJpeg(still), 4, 5]);
    const before = Buffer.from(Uint8Array.from(pool));
    const view = pool.subarray(3, pool.length - 2);
    const given = points.slice();
    await sequence.advance(view, given, FLOW);
    const { xy } = await sequence.advance(view, given, FLOW, given);
    await sequence.detect(DETECT, given, new Uint8Array(WIDTH * HEIGHT).fill(1));
    assert.deepEqual(pool, before);
    assert.deepEqual(given, points);
    xy.fill(0);
    const again = await sequence.advance(view, given, FLOW);
    assertBelow("largest distance", Math.max(...distances(again.xy, points)), 1e-3);
  });
}
