import assert from "node:assert/strict";
import {
  meanDifference,
  minEigenvalue,
  partFor,
  type Patch,
  type Size,
  windowAt,
} from "../../client/page/panels/patch.ts";
import type { Grey } from "../../tracking/engine.ts";
import { shift, Texture } from "../lib/images.ts";
import { assertBelow, oracleFlow } from "../lib/oracle.ts";

const TEXTURE = new Texture(5);
const [WIDTH, HEIGHT] = [96, 72];
const THEN = TEXTURE.draw(WIDTH, HEIGHT);
const NOW = TEXTURE.draw(WIDTH, HEIGHT, shift(1.3, -0.7));
const FLOW = { maxLevel: 2, maxCount: 30, epsilon: 0.01, minEigThreshold: 1e-4 };
/** In the middle, between pixels, at each side, and with even windows' half pixels. */
const POINTS = [[48, 36], [40.25, 30.75], [3, 40], [93.5, 30], [50, 2.5], [60, 69], [4, 66.5]];
const SIZES: Size[] = [[21, 21], [15, 9], [5, 31], [20, 20], [4, 17], [9, 32]];

/** What the page would keep of the frame for a point. */
function patchOf(image: Grey, x: number, y: number, size: Size): Patch {
  const part = partFor(x, y, size, image);
  const grey = new Uint8Array(part.width * part.height);
  for (let row = 0; row < part.height; row++) {
    const from = (part.top + row) * image.width + part.left;
    grey.set(image.data.subarray(from, from + part.width), row * part.width);
  }
  return { ...part, grey };
}

Deno.test("page patch: the mean difference is the err of OpenCV", () => {
  for (const winSize of SIZES) {
    const options = { ...FLOW, winSize: [...winSize] as [number, number] };
    const { xy, found, error } = oracleFlow(THEN, NOW, Float32Array.from(POINTS.flat()), options);
    let compared = 0;
    for (const [i, [x, y]] of POINTS.entries()) {
      if (!found[i]) continue;
      const [nowX, nowY] = [xy[2 * i], xy[2 * i + 1]];
      const then = windowAt(patchOf(THEN, x, y, winSize), x, y, winSize);
      const now = windowAt(patchOf(NOW, nowX, nowY, winSize), nowX, nowY, winSize);
      assertBelow(`difference at ${x}, ${y}`, Math.abs(meanDifference(then, now) - error[i]), 0.05);
      compared++;
    }
    assert.ok(compared >= 5, `${compared} points compared`);
  }
});

Deno.test("page patch: OpenCV calls a point flat right above the eigenvalue", () => {
  for (const winSize of SIZES) {
    for (const [x, y] of POINTS) {
      const value = minEigenvalue(patchOf(THEN, x, y, winSize), x, y, winSize);
      const isFound = (minEigThreshold: number) =>
        oracleFlow(THEN, THEN, Float32Array.of(x, y), {
          ...FLOW,
          winSize: [...winSize] as [number, number],
          minEigThreshold,
        }).found[0];
      assert.equal(isFound(value * 0.995), 1, `found at ${x}, ${y} with ${winSize}`);
      assert.equal(isFound(value * 1.005), 0, `flat at ${x}, ${y} with ${winSize}`);
    }
  }
});

Deno.test("page patch: what is kept of a frame does not reach out of it", () => {
  assert.deepEqual(partFor(0, 0, [21, 21], { width: 30, height: 20 }), {
    frame: { width: 30, height: 20 },
    left: 0,
    top: 0,
    width: 13,
    height: 13,
  });
  const tiny = partFor(1, 1, [63, 63], { width: 3, height: 2 });
  assert.deepEqual([tiny.left, tiny.top, tiny.width, tiny.height], [0, 0, 3, 2]);
});
