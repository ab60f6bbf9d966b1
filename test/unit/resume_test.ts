import assert from "node:assert/strict";
import { ProtocolError, readResume, resumeMessage } from "../../protocol/mod.ts";
import { random } from "../lib/random.ts";

const GOOD = {
  type: "resume",
  nextId: 8,
  sinceDetection: 3,
  points: { id: [1, 7], x: [0.5, 1], y: [2, 3], dx: [0, 1], dy: [0, -1], age: [4, 0] },
};

Deno.test("resume: reads what it writes, every bit of every number", () => {
  const next = random(1);
  const n = 1000;
  const spread = () =>
    Float32Array.from({ length: 2 * n }, () => (next() - 0.5) * 10 ** (8 * next() - 4));
  const state = {
    nextId: 0xffffffff,
    sinceDetection: 17,
    epoch: 1_800_000_000_123,
    points: {
      id: Uint32Array.from({ length: n }, (_, i) => 1 + 4294967 * i),
      xy: spread(),
      dxy: spread(),
      age: Uint32Array.from({ length: n }, (_, i) => i),
    },
  };
  assert.deepEqual(readResume(JSON.parse(JSON.stringify(resumeMessage(state)))), state);
});

Deno.test("resume: what was left out is 0", () => {
  const { dx: _, dy: __, ...points } = GOOD.points;
  const { sinceDetection: ___, ...rest } = GOOD;
  const state = readResume({ ...rest, points });
  assert.equal(state.sinceDetection, 0);
  assert.deepEqual([...state.points.dxy], [0, 0, 0, 0]);
});

const WRONG: [what: string, change: Record<string, unknown>, name: RegExp][] = [
  ["no next id", { nextId: undefined }, /nextId/],
  ["a next id past 32 bits", { nextId: 2 ** 32 }, /nextId/],
  ["a next id of 0", { nextId: 0, points: { id: [], x: [], y: [], age: [] } }, /nextId/],
  ["half a frame since detection", { sinceDetection: 0.5 }, /sinceDetection/],
  ["no points", { points: null }, /points/],
  ["points as a list", { points: [] }, /points.id/],
  ["ids that do not ascend", { points: { ...GOOD.points, id: [7, 1] } }, /points.id/],
  ["an id twice", { points: { ...GOOD.points, id: [7, 7] } }, /points.id/],
  ["an id of 0", { points: { ...GOOD.points, id: [0, 7] } }, /points.id/],
  ["an id that is not below the next one", { points: { ...GOOD.points, id: [1, 8] } }, /points.id/],
  ["columns of other lengths", { points: { ...GOOD.points, x: [1] } }, /points.x/],
  ["a column that is no list", { points: { ...GOOD.points, dy: 5 } }, /points.dy/],
  ["a missing column", { points: { ...GOOD.points, age: undefined } }, /points.age/],
  ["a place as text", { points: { ...GOOD.points, y: ["1", 2] } }, /points.y/],
  ["null for a place", { points: { ...GOOD.points, x: [null, 2] } }, /points.x/],
  ["what overflows single precision", { points: { ...GOOD.points, x: [1e39, 2] } }, /points.x/],
  ["a negative age", { points: { ...GOOD.points, age: [-1, 2] } }, /points.age/],
];

for (const [what, change, name] of WRONG) {
  Deno.test(`resume: refuses ${what}`, () => {
    assert.throws(() => readResume({ ...GOOD, ...change }), (error) => {
      assert.ok(error instanceof ProtocolError);
      assert.equal(error.code, "bad_message");
      assert.match(error.message, name);
      return true;
    });
  });
}
