import assert from "node:assert/strict";
import type { DetectOptions } from "../../tracking/engine.ts";
import { withFlat } from "../lib/images.ts";
import { assertCornersAgree, oracleCorners, oracleScores } from "../lib/oracle.ts";
import {
  type Check,
  DETECT,
  detect,
  everywhere,
  HEIGHT,
  NO_POINTS,
  still,
  under,
  WIDTH,
} from "./given.ts";

export function checkCorners(check: Check): void {
  const variants: [string, Partial<DetectOptions>][] = [
    ["few corners", { maxCorners: 20 }],
    ["a high quality", { qualityLevel: 0.3 }],
    ["the highest quality", { qualityLevel: 1 }],
    ["the least quality", { qualityLevel: Number.MIN_VALUE, maxCorners: 10_000 }],
    ["no distance", { minDistance: 0, maxCorners: 10_000 }],
    ["a distance between pixels", { minDistance: 12.5 }],
    ["a large distance", { minDistance: 500 }],
    ["a large block", { blockSize: 9 }],
    ["an even block", { blockSize: 4 }],
    // Of one pixel the smaller eigenvalue is 0, and OpenCV ranks what rounding leaves of it.
    ["a block of two pixels", { blockSize: 2 }],
    ["gradients of 5 pixels", { gradientSize: 5 }],
    ["gradients of 7 pixels", { gradientSize: 7 }],
    ["Harris", { useHarrisDetector: true }],
    ["another k", { useHarrisDetector: true, k: 0.15 }],
  ];
  check("finds OpenCV's corners under all options", async (engine) => {
    const usual = oracleCorners(still, DETECT);
    assertCornersAgree(await detect(engine, still), usual, still, DETECT);
    for (const [what, change] of variants) {
      await under(what, async () => {
        const options = { ...DETECT, ...change };
        const want = oracleCorners(still, options);
        assertCornersAgree(await detect(engine, still, options), want, still, options);
        if (options.qualityLevel < 1) assert.ok(want.length > 0);
        assert.notDeepEqual(want, usual, "the option must make a difference");
      });
    }
  });

  check("finds corners under the mask only, judged by the best of them", async (engine) => {
    const { data } = still;
    const half = { ...still, data: data.map((v, i) => i % WIDTH < 160 ? v : 128 + (v - 128) / 8) };
    const mask = Uint8Array.from(half.data, (_, i) => i % WIDTH < 180 ? 0 : 255);
    const options = { ...DETECT, qualityLevel: 0.2 };
    const found = await detect(engine, half, options, NO_POINTS, mask);
    assertCornersAgree(found, oracleCorners(half, options, mask), half, options);
    assert.ok(found.length > 0);
    assert.ok(found.every((at, i) => i % 2 === 1 || at >= 180));
    const none = await detect(engine, half, options, NO_POINTS, mask.fill(0));
    assert.equal(none.length, 0);
  });

  check("keeps away from given points and judges as without them", async (engine) => {
    const options = { ...DETECT, qualityLevel: 0.2, minDistance: 10 };
    const best = oracleCorners(still, { ...options, maxCorners: 40 });
    const near = best.map((at, i) => at + (i % 4 < 2 ? 0.3 : 7.01));
    const far = [-4, 50, 50, -4, WIDTH + 3, 60, 60, HEIGHT + 3, -1e9, 1e30, NaN, 50, 7, Infinity];
    const avoid = Float32Array.from([...near, ...far]);
    const candidates = oracleCorners(still, { ...everywhere, qualityLevel: 0.2 });
    const want = spaced(candidates, avoid, options);
    assert.ok(want.length > 0 && want.length < candidates.length);
    assertCornersAgree(await detect(engine, still, options, avoid), want, still, options);

    const least = 0.2 * Math.max(...oracleScores(still, options));
    const scores = oracleScores(still, options);
    for (let i = 0; i < want.length; i += 2) {
      assert.ok(scores[want[i + 1] * WIDTH + want[i]] > least);
    }
  });

  check("keeps no distance below 1, as OpenCV does not", async (engine) => {
    const options = { ...DETECT, minDistance: 0.5 };
    const want = oracleCorners(still, options);
    const near = want.map((at) => at + 0.3);
    assertCornersAgree(await detect(engine, still, options, near), want, still, options);
  });

  check("finds no corner where there is none", async (engine) => {
    const blank = withFlat(still, 0, 0, WIDTH, HEIGHT);
    assert.equal((await detect(engine, blank)).length, 0);
    assert.equal((await detect(engine, blank, { ...DETECT, useHarrisDetector: true })).length, 0);
  });
}

/** Candidates taken greedily, each at least `minDistance` from all before it and from `avoid`. */
function spaced(
  candidates: Float32Array,
  avoid: Float32Array,
  { minDistance, maxCorners }: DetectOptions,
): Float32Array {
  const taken: number[] = [...avoid], start = avoid.length;
  for (let c = 0; c < candidates.length && taken.length - start < 2 * maxCorners; c += 2) {
    let free = true;
    for (let i = 0; i < taken.length && free; i += 2) {
      const dx = taken[i] - candidates[c], dy = taken[i + 1] - candidates[c + 1];
      free = !(dx * dx + dy * dy < minDistance * minDistance);
    }
    if (free) taken.push(candidates[c], candidates[c + 1]);
  }
  return Float32Array.from(taken.slice(start));
}
