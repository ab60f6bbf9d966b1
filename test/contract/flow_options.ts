import assert from "node:assert/strict";
import type { Advanced, FlowOptions } from "../../tracking/engine.ts";
import { gridPoints, move, rotation } from "../lib/images.ts";
import { assertBelow, assertFlowAgrees, oracleFlow } from "../lib/oracle.ts";
import { random } from "../lib/random.ts";
import {
  type Check,
  distances,
  FLOW,
  follow,
  HEIGHT,
  still,
  texture,
  under,
  WIDTH,
} from "./given.ts";

export function checkOptions(check: Check): void {
  const motion = rotation(3, 100, 100);
  const moved = texture.draw(WIDTH, HEIGHT, motion);
  const crowd = gridPoints(still, 8, 4);
  /** For windows that take long. */
  const few = gridPoints(still, 16, 4);
  const variants: [string, Partial<FlowOptions>][] = [
    ["a small window", { winSize: [7, 7] }],
    ["a wide window", { winSize: [31, 9] }],
    ["a large window", { winSize: [63, 63], maxLevel: 1 }],
    ["an even window", { winSize: [20, 20] }],
    ["the smallest even window", { winSize: [4, 4] }],
    ["the largest even window", { winSize: [62, 62], maxLevel: 1 }],
    ["a window even across and odd down", { winSize: [16, 21] }],
    ["a window odd across and even down", { winSize: [31, 8] }],
    ["one level", { maxLevel: 0 }],
    // 40 × 30 is the last level larger than the window. With a tiny window there would be levels of
    // so few pixels that the texture is gone, and the last bit of a sum would decide.
    ["more levels than there are", { maxLevel: 8, winSize: [15, 15] }],
    ["one iteration", { maxCount: 1 }],
    ["no least step", { epsilon: 0, maxCount: 100 }],
    ["a large least step", { epsilon: 1 }],
    ["a high threshold", { minEigThreshold: 0.05 }],
  ];
  check("follows as OpenCV does under all options", async (engine) => {
    const usual = new Map<Float32Array, Advanced>();
    for (const points of [crowd, few]) {
      usual.set(points, await follow(engine, still, moved, points));
    }
    for (const [what, change] of variants) {
      await under(what, async () => {
        const options = { ...FLOW, ...change };
        const points = options.winSize[0] > 60 ? few : crowd;
        const want = oracleFlow(still, moved, points, options);
        assertFlowAgrees(await follow(engine, still, moved, points, options), want);
        assert.throws(
          () => assertFlowExact(usual.get(points)!, want),
          "the option must make a difference",
        );
      });
    }
  });

  check("follows as OpenCV does with a guess", async (engine) => {
    const next = random(5);
    const guess = move(motion, crowd).map((at) => at + 8 * next() - 4);
    const options = { ...FLOW, maxLevel: 1 };
    const found = await follow(engine, still, moved, crowd, options, guess);
    assertFlowAgrees(found, oracleFlow(still, moved, crowd, options, guess));
  });
}

function assertFlowExact(got: Advanced, want: ReturnType<typeof oracleFlow>): void {
  assert.deepEqual(got.status.map((status) => status === 0 ? 1 : 0), want.found);
  assertBelow("largest distance", Math.max(...distances(got.xy, want.xy)), 1e-4);
}
