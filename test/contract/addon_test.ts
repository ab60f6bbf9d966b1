/** The native library through Node-API, in Deno. */
import assert from "node:assert/strict";
import { type Addon, createAddonEngine, loadAddon } from "../../native/addon/engine.ts";
import type { Engine, ErrorCode, FlowOptions } from "../../native/addon/index.d.ts";
import { contract, DETECT, FLOW, MAX_FRAME_PIXELS } from "./mod.ts";
import { HEIGHT, NO_POINTS, points, still, texture, WIDTH } from "./given.ts";
import { withAddon } from "../lib/addon.ts";
import { rotation, shift } from "../lib/images.ts";
import { decodeGreyJpeg, encodeJpeg, withFrameHeader } from "../lib/jpeg.ts";

const moved = texture.draw(WIDTH, HEIGHT, shift(2, 1));

await withAddon(register);

function register(path: string): void {
  contract(
    "cpu over the addon",
    (deadlineMs) =>
      Promise.resolve(
        createAddonEngine({ addon: path, maxFramePixels: MAX_FRAME_PIXELS, deadlineMs }),
      ),
  );
  const addon = loadAddon(path);
  const check = (title: string, body: (engine: Engine) => Promise<void> | void) =>
    Deno.test(`addon: ${title}`, async () => {
      using engine = new addon.Engine();
      await body(engine);
    });
  checkValues(check, addon);
  checkOpenCvNames(check);
  checkLife(check);
  checkErrors(check, addon);
  checkSignals(check);
}

type Check = (title: string, body: (engine: Engine) => Promise<void> | void) => void;

function checkValues(check: Check, { jpegInfo, decodeGrey }: Addon): void {
  check("images without a sequence give what a sequence gives", async (engine) => {
    using sequence = engine.open();
    await sequence.advance(still, NO_POINTS);
    const detected = await sequence.detect(DETECT);
    const { corners, scores } = await engine.goodFeaturesToTrack(still, DETECT);
    assert.ok(corners.length > 100 && scores.length === corners.length / 2);
    assert.deepEqual([corners, scores], [detected.corners, detected.scores]);
    assert.deepEqual(scores, scores.toSorted((a, b) => b - a));

    const advanced = await sequence.advance(moved, points, { back: true });
    const flow = await engine.calcOpticalFlowPyrLK(still, moved, points, { back: true });
    for (const column of ["points", "status", "error", "fb"] as const) {
      assert.deepEqual(flow[column], advanced[column]);
    }
  });

  check("missing options are OpenCV's defaults", async (engine) => {
    const defaults: FlowOptions = { ...FLOW, back: false, getMinEigenvals: false };
    const options = await engine.calcOpticalFlowPyrLK(still, moved, points, defaults);
    assert.deepEqual(await engine.calcOpticalFlowPyrLK(still, moved, points), options);
    assert.ok(options.fb.every(Number.isNaN));
    const explicit = { ...DETECT, maxCorners: 0, minDistance: 1 };
    const corners = await engine.goodFeaturesToTrack(still, explicit);
    assert.deepEqual(await engine.goodFeaturesToTrack(still), corners);
  });

  check("errors can be smallest eigenvalues", async (engine) => {
    const options = { getMinEigenvals: true };
    const { error } = await engine.calcOpticalFlowPyrLK(still, still, points, options);
    assert.ok(error.every((value) => value > 1e-4 && value < 1));
  });

  check("rows may be padded", async (engine) => {
    const stride = WIDTH + 7;
    const data = new Uint8ClampedArray(stride * (HEIGHT - 1) + WIDTH).fill(255);
    for (let y = 0; y < HEIGHT; y++) {
      data.set(still.data.subarray(y * WIDTH, (y + 1) * WIDTH), y * stride);
    }
    const padded = { width: WIDTH, height: HEIGHT, data, stride };
    const want = await engine.goodFeaturesToTrack(still, DETECT);
    assert.deepEqual(await engine.goodFeaturesToTrack(padded, DETECT), want);
    const { points: found } = await engine.calcOpticalFlowPyrLK(padded, moved, points);
    const flow = await engine.calcOpticalFlowPyrLK(still, moved, points);
    assert.deepEqual(found, flow.points);
  });

  check("a mask holds for an image too", async (engine) => {
    const mask = Uint8Array.from(still.data, (_, i) => i % WIDTH < 160 ? 0 : 1);
    const { corners } = await engine.goodFeaturesToTrack(still, DETECT, mask);
    assert.ok(corners.length > 0 && corners.every((at, i) => i % 2 === 1 || at >= 160));
  });

  check("decodes JPEGs to their luma", async () => {
    const jpeg = encodeJpeg(still);
    assert.deepEqual(jpegInfo(jpeg), { width: WIDTH, height: HEIGHT });
    assert.deepEqual(await decodeGrey(jpeg), decodeGreyJpeg(jpeg));
  });

  check("many sequences at once give what each gives alone", async (engine) => {
    const motions = Array.from({ length: 12 }, (_, i) => rotation(i / 4 - 1, 9 * i, 120));
    const frames = motions.map((motion) => encodeJpeg(texture.draw(WIDTH, HEIGHT, motion)));
    const run = async (frame: Uint8Array) => {
      using sequence = engine.open();
      await sequence.advance(still, NO_POINTS);
      const { decodeMs: _, trackMs: __, ...found } = await sequence
        .advance(frame, points, { back: true });
      return { ...found, corners: (await sequence.detect(DETECT, points)).corners };
    };
    const together = await Promise.all(frames.map(run));
    for (const [i, frame] of frames.entries()) assert.deepEqual(together[i], await run(frame));
  });
}

function checkOpenCvNames(check: Check): void {
  check("detect and calc are OpenCV's methods of these names", async (engine) => {
    const mask = new Uint8Array(WIDTH * HEIGHT).fill(255, 0, WIDTH * HEIGHT / 2);
    assert.deepEqual(
      await engine.detect(still, mask, DETECT),
      await engine.goodFeaturesToTrack(still, DETECT, mask),
    );
    assert.deepEqual(await engine.detect(still, null), await engine.goodFeaturesToTrack(still));
    const guess = points.map((at, i) => at + (i % 2 === 0 ? 2 : 1));
    assert.deepEqual(
      await engine.calc(still, moved, points, { back: true }, guess),
      await engine.calcOpticalFlowPyrLK(still, moved, points, { back: true }, guess),
    );
  });

  check("an option that is none is refused, wherever options are taken", async (engine) => {
    using sequence = engine.open();
    await sequence.advance(still, NO_POINTS);
    // deno-lint-ignore no-explicit-any -- what the types forbid
    const wrong = { maxlevel: 2 } as any;
    const named = /^Cannot set maxlevel to 2: allowed are the names .*(maxLevel|maxCorners)/;
    await rejects(engine.calc(still, moved, points, wrong), "invalid_argument", named);
    await rejects(engine.detect(still, null, wrong), "invalid_argument", named);
    await rejects(sequence.advance(moved, points, wrong), "invalid_argument", named);
    await rejects(sequence.detect(wrong), "invalid_argument", named);
    assert.throws(() => engine.open(wrong), { code: "invalid_argument", message: /maxPixels/ });
  });
}

function checkLife(check: Check): void {
  check("a second call at a time is refused", async (engine) => {
    using sequence = engine.open();
    await sequence.advance(still, NO_POINTS);
    const first = sequence.advance(moved, points);
    await rejects(sequence.advance(moved, points), "busy");
    await rejects(sequence.detect(DETECT), "busy");
    assert.throws(() => sequence.reset(), { code: "busy" });
    assert.equal((await first).status.length, points.length / 2);
    await sequence.detect(DETECT);
  });

  check("a failed call leaves the sequence free", async (engine) => {
    using sequence = engine.open();
    await rejects(sequence.detect(DETECT), "no_frame");
    await rejects(sequence.advance(new Uint8Array(9), NO_POINTS), "bad_frame");
    await rejects(sequence.advance(still, NO_POINTS, { maxLevel: 99 }), "invalid_argument");
    assert.equal((await sequence.advance(still, NO_POINTS)).reset, true);
  });

  check("a close waits for the call that runs", async (engine) => {
    const sequence = engine.open();
    await sequence.advance(still, NO_POINTS);
    const running = sequence.advance(moved, points);
    sequence.close();
    sequence.close();
    engine.close();
    await rejects(sequence.advance(moved, points), "closed");
    assert.equal((await running).status.length, points.length / 2);
  });

  check("says so when used after it was closed", async (engine) => {
    const orphan = engine.open(), sequence = engine.open();
    sequence[Symbol.dispose]();
    await rejects(sequence.advance(still, NO_POINTS), "closed");
    await rejects(sequence.detect(), "closed");
    assert.throws(() => sequence.reset(), { code: "closed" });
    engine.close();
    engine.close();
    assert.throws(() => engine.open(), { code: "closed" });
    await rejects(engine.goodFeaturesToTrack(still), "closed");
    await rejects(engine.calcOpticalFlowPyrLK(still, moved, points), "closed");
    assert.equal(engine.name, "cpu");
    assert.equal((await orphan.advance(still, NO_POINTS)).width, WIDTH);
    orphan.close();
  });

  check("a reset forgets the frame", async (engine) => {
    using sequence = engine.open();
    await sequence.advance(still, NO_POINTS);
    sequence.reset();
    await rejects(sequence.detect(DETECT), "no_frame");
    assert.equal((await sequence.advance(still, points)).reset, true);
  });
}

function checkErrors(check: Check, { Engine, jpegInfo, decodeGrey }: Addon): void {
  check("an engine is the one that was asked for, or refused", (best) => {
    assert.ok(best.name === "cpu" && best.device.length > 0 && best.variant.length > 0);
    using engine = new Engine({ kind: "cpu", variant: best.variant });
    assert.equal(engine.variant, best.variant);
    // deno-lint-ignore no-explicit-any -- what the types forbid
    const make = (options: any) => () => new Engine(options);
    assert.throws(make({ kind: "abacus" }), { code: "invalid_argument", message: /abacus/ });
    assert.throws(make({ variant: "mmx" }), { code: "unavailable", message: /mmx/ });
    assert.throws(make({ kind: 7 }), { code: "invalid_argument", message: /kind to 7/ });
    assert.throws(make("cpu"), { code: "invalid_argument" });
  });

  check("frames are refused with their code", async (engine) => {
    const jpeg = encodeJpeg(still);
    using sequence = engine.open({ maxPixels: WIDTH * HEIGHT });
    const large = withFrameHeader(jpeg, { width: 65_500, height: 65_500 });
    await rejects(sequence.advance(large, NO_POINTS), "frame_too_large");
    await rejects(decodeGrey(large), "frame_too_large");
    await rejects(decodeGrey(jpeg, { maxPixels: WIDTH * HEIGHT - 1 }), "frame_too_large");
    await rejects(decodeGrey(jpeg.slice(0, 3000)), "bad_frame");
    assert.throws(() => jpegInfo(new Uint8Array()), { code: "bad_frame" });
    assert.throws(() => engine.open({ maxPixels: 0 }), { code: "invalid_argument" });
  });

  check("values of a wrong type or size are refused", async (engine) => {
    using sequence = engine.open();
    await sequence.advance(still, NO_POINTS);
    // deno-lint-ignore no-explicit-any -- what the types forbid
    const wrong = sequence as any;
    const short = { ...still, data: still.data.subarray(1) };
    const calls: [RegExp, () => Promise<unknown>][] = [
      [/frame to undefined/, () => wrong.advance(undefined, points)],
      [/frame/, () => wrong.advance("a.jpg", points)],
      [/frame/, () => wrong.advance(new Float32Array(9), points)],
      [/width to -1/, () => wrong.advance({ ...still, width: -1 }, points)],
      [/height to 2\.5/, () => wrong.advance({ ...still, height: 2.5 }, points)],
      [/76799 bytes.* 76800/, () => wrong.advance(short, points)],
      [/stride/, () => wrong.advance({ ...still, stride: WIDTH - 1 }, points)],
      [/points/, () => wrong.advance(still, [1, 2])],
      [/points/, () => wrong.advance(still, new Float64Array(2))],
      [/points/, () => wrong.advance(still, new Float32Array(3))],
      [/guess/, () => wrong.advance(still, points, {}, new Float32Array(2))],
      [/winSize/, () => wrong.advance(still, points, { winSize: 21 })],
      [/winSize to NaN/, () => wrong.advance(still, points, { winSize: [21, NaN] })],
      [/maxCount to 2\^32/i, () => wrong.advance(still, points, { maxCount: "2^32" })],
      [/epsilon/, () => wrong.advance(still, points, { epsilon: -1 })],
      [/back/, () => wrong.advance(still, points, { back: 1 })],
      [/options to null/, () => wrong.advance(still, points, null)],
      [/gradient_size/, () => wrong.detect({ gradientSize: 4 })],
      [/avoid/, () => wrong.detect({}, [])],
      [/mask/, () => wrong.detect({}, NO_POINTS, new Uint8Array(5))],
      [/sizes/, () => engine.calcOpticalFlowPyrLK(still, { ...moved, height: 9 }, points)],
    ];
    for (const [message, call] of calls) await rejects(call(), "invalid_argument", message);
    await sequence.detect();
  });

  check("what a getter throws is passed on", async (engine) => {
    const mine = new RangeError("Mine");
    const options = {
      get maxLevel(): number {
        throw mine;
      },
    };
    await assert.rejects(engine.calcOpticalFlowPyrLK(still, moved, points, options), mine);
  });
}

/** Minutes of work, so that it ends only where it is taken back. */
const HEAVY = { winSize: [63, 63], maxLevel: 8, maxCount: 100, epsilon: 0, back: true } as const;
const manyPoints = Float32Array.from({ length: 1_000_000 }, (_, i) => 9 + (i * 7919) % 220);

function checkSignals(check: Check): void {
  const heavy = (signal: AbortSignal): FlowOptions => ({ ...HEAVY, winSize: [63, 63], signal });
  const noise = texture.draw(WIDTH, HEIGHT);

  check("a signal takes a running call back, and the sequence goes on", async (engine) => {
    using sequence = engine.open();
    await sequence.advance(still, NO_POINTS);
    const reason = new Error("enough");
    const controller = new AbortController();
    const running = sequence.advance(noise, manyPoints, heavy(controller.signal));
    setTimeout(() => controller.abort(reason), 20);
    await assert.rejects(running, reason);
    const { reset, status } = await sequence.advance(moved, points);
    assert.ok(!reset && status.includes(0));
    const flow = engine.calcOpticalFlowPyrLK(
      still,
      noise,
      manyPoints,
      heavy(AbortSignal.timeout(20)),
    );
    await assert.rejects(flow, { name: "TimeoutError" });
  });

  check("a signal that is aborted before starts nothing", async (engine) => {
    using sequence = engine.open();
    await sequence.advance(still, NO_POINTS);
    const signal = AbortSignal.abort();
    await assert.rejects(sequence.advance(noise, manyPoints, heavy(signal)), {
      name: "AbortError",
    });
    await assert.rejects(sequence.detect({ signal }), { name: "AbortError" });
    await assert.rejects(engine.goodFeaturesToTrack(still, { signal }), { name: "AbortError" });
    assert.equal((await sequence.advance(moved, points)).reset, false);
  });

  check("a signal that comes too late, or is none, changes nothing", async (engine) => {
    using sequence = engine.open();
    const controller = new AbortController();
    await sequence.advance(still, NO_POINTS, { signal: controller.signal });
    controller.abort();
    assert.equal((await sequence.advance(moved, points)).reset, false);
    // deno-lint-ignore no-explicit-any -- what the types forbid
    const wrong = { signal: { aborted: false } as any };
    await rejects(sequence.advance(still, points, wrong), "invalid_argument", /signal/);
    await rejects(sequence.detect(wrong), "invalid_argument", /signal/);
  });
}

async function rejects(call: Promise<unknown>, code: ErrorCode, message = /^Cannot /) {
  await assert.rejects(call, (error: Error & { code: unknown }) => {
    assert.equal(error.code, code, `${message}: ${error}`);
    assert.match(error.message, message);
    return true;
  });
}
