import assert from "node:assert/strict";
import { defaultOptions, LOST_REASONS, mergeOptions } from "../../protocol/mod.ts";
import {
  EngineError,
  type FlowEngine,
  type Grey,
  keptBytes,
  type KeptSize,
  type KeptWindows,
} from "../../tracking/engine.ts";
import { type Step, Tracker } from "../../tracking/tracker.ts";
import { compareWindows, takeWindows } from "../../wasm/windows.ts";
import { type Motion, move, rotation, shift, Texture, zoom } from "../lib/images.ts";
import { encodeJpeg } from "../lib/jpeg.ts";
import { assertBelow } from "../lib/oracle.ts";
import { random } from "../lib/random.ts";
import {
  type Check,
  FLOW,
  HEIGHT,
  NO_POINTS,
  points,
  still,
  texture,
  under,
  WIDTH,
} from "./given.ts";

const SIZES: KeptSize[] = [[21, 21], [3, 3], [31, 31], [20, 7], [4, 30]];

/** As it would be in other light. */
function lit(frame: Grey, gain: number, offset: number): Grey {
  return { ...frame, data: frame.data.map((grey) => Math.round(gain * grey + offset)) };
}

function start(size: KeptSize, found: Float32Array, pixels: Uint8Array): KeptWindows {
  const warps = Float32Array.from({ length: 3 * found.length }, (_, i) => i % 3 === 0 ? 1 : 0)
    .map((value, i) => i % 6 === 0 || i % 6 === 3 ? value : 0);
  return { size, found, pixels, warps };
}

/** Takes windows of one frame and compares them with another one, around points where they are then. */
async function compare(
  engine: FlowEngine,
  before: Grey,
  found: Float32Array,
  now: Grey,
  there: Float32Array,
  size: KeptSize = [21, 21],
) {
  await using sequence = engine.open();
  await sequence.advance(before, NO_POINTS, FLOW);
  const { pixels } = await sequence.take(found, size);
  await sequence.advance(now, NO_POINTS, FLOW);
  const kept = start(size, found, pixels);
  return { kept, ...await sequence.compare(there, kept) };
}

/** Points everywhere, between pixels, at the border, outside and nowhere. */
const anywhere = Float32Array.from({ length: 240 }, () => 0);
{
  const next = random(3);
  for (let i = 0; i < 120; i++) {
    anywhere[2 * i] = next() * (WIDTH + 20) - 10;
    anywhere[2 * i + 1] = next() * (HEIGHT + 20) - 10;
  }
  anywhere.set([NaN, 50, 50, Infinity, 1e30, 60, 10, 10, 9, 10, 10.5, 200]);
}

export function checkAppearance(check: Check): void {
  check("takes the pixels that windows are mixed of", async (engine) => {
    await using sequence = engine.open();
    await sequence.advance(still, NO_POINTS, FLOW);
    for (const size of SIZES) {
      const { pixels } = await sequence.take(anywhere, size);
      assert.deepEqual(pixels, takeWindows(still, anywhere, size));
    }
    const { pixels } = await sequence.take(Float32Array.of(50, 40, 10, 10), [21, 21]);
    assert.equal(pixels.length, 2 * keptBytes([21, 21]));
    assert.equal(pixels[12 * 24 + 12], still.data[41 * WIDTH + 51]);
    assert.ok(pixels.subarray(576).every((grey) => grey === 0), "it does not lie inside");
  });

  check("finds windows again that have turned, grown and changed in light", async (engine) => {
    const motions: Record<string, Motion> = {
      turned: rotation(7, 150, 110),
      grown: zoom(1.12, 160, 120),
      shrunk: zoom(0.9, 160, 120),
      moved: shift(1.4, -0.8),
    };
    for (const [what, motion] of Object.entries(motions)) {
      await under(what, async () => {
        const now = lit(texture.draw(WIDTH, HEIGHT, motion), 0.6, 50);
        const truth = move(motion, points), next = random(1);
        const there = truth.map((at) => at + next() - 0.5);
        const { residuals, warps } = await compare(engine, still, points, now, there);
        const known = [...residuals.keys()].filter((i) => !Number.isNaN(residuals[i]));
        assert.ok(known.length > residuals.length * 0.7, `${known.length} were compared`);
        for (const i of known) {
          assertBelow(`residual of point ${i}`, residuals[i], 0.08);
          const [a, b, c, d, x, y] = warps.subarray(6 * i, 6 * i + 6);
          const linear = [a - motion[0], b - motion[1], c - motion[3], d - motion[4]];
          assertBelow(`linear part of point ${i}`, Math.max(...linear.map(Math.abs)), 0.02);
          const off = [there[2 * i] + x - truth[2 * i], there[2 * i + 1] + y - truth[2 * i + 1]];
          assertBelow(`place of point ${i}`, Math.hypot(...off), 0.1);
        }
      });
    }
  });

  check("finds nothing of them elsewhere", async (engine) => {
    const other = new Texture(77).draw(WIDTH, HEIGHT);
    const { residuals } = await compare(engine, still, points, other, points);
    const middle = residuals.toSorted()[residuals.length >> 1];
    assert.ok(residuals.every((residual) => residual > 0.3) && middle > 0.7, `${residuals}`);
    const negative = lit(still, -1, 255);
    const inverted = await compare(engine, still, points, negative, points);
    assert.ok(inverted.residuals.every((residual) => residual === 1), "light cannot turn round");
  });

  check("compares to the same bits as the plain way", async (engine) => {
    const now = texture.draw(WIDTH, HEIGHT, rotation(4, 160, 120));
    const there = move(rotation(4, 160, 120), anywhere);
    for (const size of SIZES) {
      const { kept, residuals, warps } = await compare(engine, still, anywhere, now, there, size);
      const plain = compareWindows(now, there, kept);
      assert.deepEqual({ residuals, warps }, plain, `${size}`);
      assert.ok(residuals.filter((residual) => residual < 0.5).length > 40, `${size}`);
      // on from where that ended, as a tracker does
      await using sequence = engine.open();
      await sequence.advance(still, NO_POINTS, FLOW);
      const again = { ...kept, warps };
      const { compareMs: _, ...second } = await sequence.compare(anywhere, again);
      assert.deepEqual(second, compareWindows(still, anywhere, again));
    }
  });

  check("cannot compare what has no contrast, or lies outside", async (engine) => {
    const flat = { ...still, data: still.data.map(() => 100) };
    const flatBefore = await compare(engine, flat, points, still, points);
    assert.ok(flatBefore.residuals.every(Number.isNaN));
    assert.deepEqual(flatBefore.warps, flatBefore.kept.warps);
    const flatNow = await compare(engine, still, points, flat, points);
    assert.ok(flatNow.residuals.every((residual) => residual === 1));
    const outside = points.map((at) => at - 400);
    const away = await compare(engine, still, points, still, outside);
    assert.ok(away.residuals.every(Number.isNaN));
  });

  check("refuses windows without a frame, or of other lengths", async (engine) => {
    await using sequence = engine.open();
    const kept = start([21, 21], points, new Uint8Array(points.length / 2 * 576));
    await assert.rejects(sequence.take(points, [21, 21]), EngineError);
    await assert.rejects(sequence.compare(points, kept), EngineError);
    await sequence.advance(still, NO_POINTS, FLOW);
    await assert.rejects(sequence.compare(points.subarray(2), kept), EngineError);
    const { pixels } = await sequence.take(NO_POINTS, [21, 21]);
    assert.equal(pixels.length, 0);
    const none = await sequence.compare(NO_POINTS, start([21, 21], NO_POINTS, pixels));
    assert.equal(none.residuals.length, 0);
  });

  check("loses what slides behind something else, and nothing else", async (engine) => {
    const steps = await track(engine, { filter: { appearance: 0.5 } });
    const lost = steps.flatMap(({ lost }) =>
      Array.from(lost.reason, (code) => LOST_REASONS[code - 1])
    );
    const covered = lost.filter((reason) => reason === "appearance").length;
    assert.ok(covered > 5, `${covered} of ${lost.length} are lost as appearance`);
    const { points } = steps.at(-1)!;
    assert.ok(points.id.length > 50 && points.appearance!.every((of) => !(of > 0.5)));
  });

  check("changes nothing but what it loses", async (engine) => {
    const off = await track(engine, {}), on = await track(engine, { filter: { appearance: 1 } });
    const bare = on.map(({ points: { appearance, ...points }, ...step }) => {
      assert.equal(appearance!.length, points.id.length);
      return { ...step, points };
    });
    assert.deepEqual(bare, off);
    assert.ok(on.at(-1)!.points.appearance!.some((residual) => residual > 0.5));
  });
}

const FRAMES = 24;
/** A texture that turns, while a board of another one comes over it from the left, 6 px a frame. */
const clip = Array.from({ length: FRAMES }, (_, i) => {
  const frame = texture.draw(WIDTH, HEIGHT, rotation(0.5 * i, 160, 120));
  const board = new Texture(5).draw(WIDTH, HEIGHT, shift(0, 0));
  for (let y = 60; y < 180; y++) {
    const from = y * WIDTH;
    frame.data.set(board.data.subarray(from, from + Math.min(6 * i, 120)), from);
  }
  return encodeJpeg(frame);
});

/** Without times; and without the checks that would lose the covered points at once. */
async function track(engine: FlowEngine, change: Record<string, unknown>): Promise<Step[]> {
  await using sequence = engine.open();
  const loose = mergeOptions(defaultOptions(), { filter: { forwardBackward: null, crowding: 0 } });
  const tracker = new Tracker(sequence, mergeOptions(loose, change), 10_000);
  const steps: Step[] = [];
  for (const jpeg of clip) {
    const step = await tracker.process(jpeg);
    steps.push({ ...step, timing: { decode: 0, track: 0, detect: 0 } });
  }
  return steps;
}
