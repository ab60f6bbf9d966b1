import assert from "node:assert/strict";
import { checksOf, holds } from "../../client/page/panels/checks.ts";
import { countBins, position, valueAt } from "../../client/page/panels/histogram.ts";
import { defaultOptions, mergeOptions, type PartialOptions } from "../../protocol/mod.ts";
import { emptyTracks } from "../lib/empty_tracks.ts";

/** Two points 3 px apart, the younger one 2 px from the right edge of 100×80 pixels, or new. */
function failed(change: PartialOptions, { age = 5, eigenvalue = 0.01 } = {}): string[] {
  const tracks = emptyTracks(0, {
    points: {
      id: Uint32Array.of(4, 7),
      xy: Float32Array.of(94.5, 40, 97.5, 40),
      dxy: new Float32Array(4),
      error: Float32Array.of(1, 12),
      fb: Float32Array.of(0.1, 0.6),
      age: Uint32Array.of(9, age),
      appearance: Float32Array.of(0.1, 0.5),
    },
  });
  const checks = checksOf(tracks, 1, eigenvalue, mergeOptions(defaultOptions(), change));
  return checks.filter((check) => !holds(check)).map(({ reason }) => reason);
}

Deno.test("page checks: what a point fails is named by the server's reason", () => {
  assert.deepEqual(failed({ filter: { crowding: 0.3 } }), []);
  assert.deepEqual(failed({}), ["crowded"]); // nearer than half of 8 px
  assert.deepEqual(
    failed({
      flow: { minEigThreshold: 0.011 },
      filter: { maxError: 11.9, forwardBackward: 0.5, crowding: 0 },
    }),
    ["flat", "high_error", "forward_backward"],
  );
  assert.deepEqual(failed({ filter: { appearance: 0.4, crowding: 0 } }), ["appearance"]);
});

Deno.test("page checks: exactly at a limit a point lives, as on the server", () => {
  const filter = {
    ...{ maxError: 12, forwardBackward: Math.fround(0.6), crowding: 3 / 8, appearance: 0.5 },
  };
  assert.deepEqual(failed({ flow: { minEigThreshold: 0.01 }, filter }), []);
});

Deno.test("page checks: what is switched off or not known fails nothing", () => {
  const off = { maxError: null, forwardBackward: null, crowding: 0 };
  assert.deepEqual(failed({ filter: off }), []);
  const filter = { maxError: 1, crowding: 0 };
  assert.deepEqual(failed({ filter }, { age: 0, eigenvalue: NaN }), []);
});

Deno.test("page histogram: every value has its bin, NaN none", () => {
  const counts = countBins([0, 1e-9, 0.5, 1, 7, NaN, Infinity], 1, 4);
  assert.deepEqual([...counts], [2, 0, 0, 4]); // half of the range is 0.79 of the axis
  assert.deepEqual([...countBins([0.125], 1, 4)], [0, 0, 1, 0]); // begins at a bin's start
});

Deno.test("page histogram: a place on the axis is the value it was made of", () => {
  for (const value of [0, 0.001, 0.02, 1, 20, 255]) {
    assert.equal(valueAt(position(value, 255), 255), value);
  }
});
