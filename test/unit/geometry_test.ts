import assert from "node:assert/strict";
import { crowd } from "../../tracking/crowding.ts";
import { maskShare, paintMask } from "../../tracking/mask.ts";
import { median } from "../../tracking/median.ts";
import { random } from "../lib/random.ts";

function rows(mask: Uint8Array, width: number): string[] {
  const text = Array.from(mask, (byte) => byte ? "#" : ".").join("");
  return text.match(new RegExp(`.{${width}}`, "g"))!;
}

Deno.test("mask: a pixel is in where its centre is", () => {
  assert.deepEqual(rows(paintMask([[[0.5, 0.5], [3.5, 0.5], [3.5, 2.5], [0.5, 2.5]]], 5, 4), 5), [
    ".....",
    ".###.",
    ".###.",
    ".....",
  ]);
});

Deno.test("mask: even-odd over all polygons, so one inside another is a hole", () => {
  const square = (from: number, to: number): [number, number][] => [
    [from, from],
    [to, from],
    [to, to],
    [from, to],
  ];
  assert.deepEqual(rows(paintMask([square(-9, 9), square(0.5, 2.5)], 4, 4), 4), [
    "####",
    "#..#",
    "#..#",
    "####",
  ]);
});

Deno.test("mask: neighbours share an edge without overlap or gap", () => {
  const left: [number, number][] = [[-1, -1], [1.3, -1], [2.7, 9], [-1, 9]];
  const right: [number, number][] = [[1.3, -1], [9, -1], [9, 9], [2.7, 9]];
  assert.equal(maskShare(paintMask([left, right], 6, 6)), 1);
});

Deno.test("mask: agrees with a plain even-odd test of every pixel", () => {
  const next = random(3);
  for (let round = 0; round < 50; round++) {
    const polygons = Array.from(
      { length: 3 },
      () => Array.from({ length: 7 }, () => [next() * 60 - 10, next() * 50 - 10] as const),
    );
    const mask = paintMask(polygons, 40, 30);
    for (let y = 0; y < 30; y++) {
      for (let x = 0; x < 40; x++) {
        assert.equal(mask[y * 40 + x] !== 0, isInside(x, y, polygons), `round ${round}: ${x},${y}`);
      }
    }
  }
});

Deno.test("mask: corners of any size", () => {
  const far = 1e308, near = 1e20;
  const square = (r: number) => [[-r, -r], [r, -r], [r, r], [-r, r]] as const;
  for (const [width, height] of [[8, 6], [6, 8]]) {
    const share = (polygon: readonly (readonly [number, number])[]) =>
      maskShare(paintMask([polygon], width, height));
    for (const r of [near, far, Number.MAX_VALUE]) {
      assert.equal(share(square(r)), 1, `${r}`);
      assert.equal(share([[-r, -r], [2.5, -r], [2.5, r], [-r, r]]), 3 / width, `left, ${r}`);
      assert.equal(share([[-r, -r], [r, -r], [r, 2.5], [-r, 2.5]]), 3 / height, `above, ${r}`);
      // the diagonal: x ≥ y, and the other half
      const right = paintMask([[[-r, -r], [r, -r], [r, r]]], width, height);
      const left = paintMask([[[-r, -r], [r, r], [-r, r]]], width, height);
      right.forEach((inside, i) => {
        const x = i % width, y = Math.floor(i / width);
        if (x !== y) assert.equal(inside !== 0, x > y, `${x},${y} of ${r}`);
        assert.equal(inside ^ left[i], 255, `${x},${y} of ${r}`);
      });
    }
    // an edge whose ends are of different sizes passes where it should
    const slanted = paintMask([[[0.5, -0.5], [far, -0.5], [far, far]]], width, height);
    slanted.forEach((inside, i) => {
      const x = i % width, y = Math.floor(i / width);
      if (x !== y + 1) assert.equal(inside !== 0, x > y + 1 - 0.5, `${x},${y}`);
    });
  }
});

function isInside(x: number, y: number, polygons: (readonly [number, number])[][]): boolean {
  let inside = false;
  for (const polygon of polygons) {
    polygon.forEach(([x0, y0], i) => {
      const [x1, y1] = polygon[(i + 1) % polygon.length];
      if ((y0 > y) !== (y1 > y) && x < x0 + (y - y0) * (x1 - x0) / (y1 - y0)) inside = !inside;
    });
  }
  return inside;
}

/** Which points are crowded, and whether those with a reason of their own kept it. */
function crowded(xy: Float32Array, distance: number, reasons = new Uint8Array(xy.length / 2)) {
  crowd(xy, distance, reasons, 9);
  return [...reasons].map((reason) => reason === 9);
}

Deno.test("crowding: agrees with comparing every pair", () => {
  const next = random(5);
  for (const distance of [0.5, 3, 7.3, 40]) {
    const xy = Float32Array.from({ length: 600 }, () => next() * 120 - 10);
    const kept: number[] = [];
    const expected = Array.from({ length: 300 }, (_, i) => {
      const near = kept.some((j) =>
        Math.hypot(xy[2 * i] - xy[2 * j], xy[2 * i + 1] - xy[2 * j + 1]) < distance
      );
      if (!near) kept.push(i);
      return near;
    });
    assert.deepEqual(crowded(xy, distance), expected);
    assert.ok(expected.includes(true) && expected.includes(false));
  }
});

Deno.test("crowding: a point that ends anyway crowds nobody, and keeps its reason", () => {
  const reasons = Uint8Array.of(2, 0, 0, 3);
  assert.deepEqual(
    crowded(Float32Array.of(10, 10, 11, 10, 12, 10, 12, 10), 5, reasons),
    [false, false, true, false],
  );
  assert.deepEqual([...reasons], [2, 0, 9, 3]);
});

Deno.test("crowding: distance 0 crowds nobody, not even twins", () => {
  assert.deepEqual(crowded(Float32Array.of(1, 1, 1, 1), 0), [false, false]);
});

Deno.test("median: of none, odd and even counts", () => {
  assert.equal(median(new Float32Array()), null);
  assert.equal(median(Float32Array.of(9, -1, 3)), 3);
  assert.equal(median(Float32Array.of(10, 9, 2, 1)), 5.5);
});

Deno.test("median: is what sorting gives, whatever the order and however many are equal", () => {
  const next = random(5);
  for (let n = 1; n < 200; n++) {
    for (const levels of [2, 10, 1e6]) {
      const values = Float32Array.from({ length: n }, () => Math.floor(levels * next()) - 1);
      const sorted = values.toSorted();
      const middle = n >> 1;
      const expected = n % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
      for (const order of [values, sorted, sorted.toReversed()]) {
        assert.equal(median(order), expected);
      }
    }
  }
});
