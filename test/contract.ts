/**
 * The suite that every engine must pass: what `FlowEngine` promises, on images
 * whose motion is known exactly, and against OpenCV by direct calls.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  type Advanced,
  type DetectOptions,
  EngineError,
  type FlowEngine,
  type FlowOptions,
  type Frame,
  FrameError,
  type Grey,
  Status,
} from "../server/engines/engine.ts";
import {
  gridPoints,
  luma,
  merge,
  type Motion,
  move,
  rotation,
  shift,
  Texture,
  withFlat,
  zoom,
} from "./lib/images.ts";
import { random } from "./lib/random.ts";
import {
  decodeGreyJpeg,
  encodeJpeg,
  type EncodeOptions,
  withAdobe,
  withFrameHeader,
} from "./lib/jpeg.ts";
import {
  assertBelow,
  assertCornersAgree,
  assertFlowAgrees,
  oracleCorners,
  oracleFlow,
  oracleScores,
  percentile,
} from "./lib/oracle.ts";

/** What the engines under test must be made with. */
export const MAX_FRAME_PIXELS = 640 * 480;

export const FLOW: FlowOptions = {
  winSize: [21, 21],
  maxLevel: 3,
  maxCount: 30,
  epsilon: 0.01,
  minEigThreshold: 1e-4,
  back: true,
};

export const DETECT: DetectOptions = {
  maxCorners: 500,
  qualityLevel: 0.01,
  minDistance: 8,
  blockSize: 3,
  gradientSize: 3,
  useHarrisDetector: false,
  k: 0.04,
};

const WIDTH = 320, HEIGHT = 240;
const NO_POINTS = new Float32Array();
const texture = new Texture(1);
const still = texture.draw(WIDTH, HEIGHT);
const points = gridPoints(still, 16, 32);
const everywhere = { ...DETECT, maxCorners: 1e6, minDistance: 0 };

/** Registers the suite's tests for one engine, each with an engine of its own. */
export function contract(name: string, makeEngine: () => Promise<FlowEngine>): void {
  const check = (title: string, body: (engine: FlowEngine) => Promise<void>) =>
    Deno.test(`${name}: ${title}`, async () => {
      const engine = await makeEngine();
      try {
        await body(engine);
      } finally {
        await engine.close();
      }
    });
  checkMotion(check);
  checkColumns(check);
  checkOptions(check);
  checkCorners(check);
  checkFrames(check);
  checkLife(check);
}

type Check = (title: string, body: (engine: FlowEngine) => Promise<void>) => void;

function checkMotion(check: Check): void {
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

function checkColumns(check: Check): void {
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

function checkOptions(check: Check): void {
  const motion = rotation(3, 100, 100);
  const moved = texture.draw(WIDTH, HEIGHT, motion);
  const crowd = gridPoints(still, 6, 4);
  const variants: [string, Partial<FlowOptions>][] = [
    ["a small window", { winSize: [7, 7] }],
    ["a wide window", { winSize: [31, 9] }],
    ["a large window", { winSize: [63, 63], maxLevel: 1 }],
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
    const usual = await follow(engine, still, moved, crowd);
    for (const [what, change] of variants) {
      await under(what, async () => {
        const options = { ...FLOW, ...change };
        const want = oracleFlow(still, moved, crowd, options);
        assertFlowAgrees(await follow(engine, still, moved, crowd, options), want);
        assert.throws(() => assertFlowExact(usual, want), "the option must make a difference");
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

function checkCorners(check: Check): void {
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

function checkFrames(check: Check): void {
  const encodings: [string, EncodeOptions][] = [
    ["4:2:0", { subsampling: "4:2:0" }],
    ["4:2:2", { subsampling: "4:2:2" }],
    ["4:4:4", { subsampling: "4:4:4" }],
    ["progressive", { progressive: true }],
    ["of low quality", { quality: 20 }],
  ];
  check("takes the luma of a colour JPEG as it is", async (engine) => {
    for (const [what, how] of encodings) {
      await under(what, async () => {
        for (const [width, height] of [[320, 240], [97, 61], [33, 48]]) {
          const colours = merge(
            texture.draw(width, height),
            new Texture(2).draw(width, height),
            new Texture(3).draw(width, height),
          );
          const grey = decodeGreyJpeg(encodeJpeg(luma(colours), { quality: how.quality }));
          await assertSamePixels(engine, encodeJpeg(colours, how), grey);
          await assertSamePixels(engine, withAdobe(encodeJpeg(colours, how), 1), grey);
        }
      });
    }
  });

  check("takes a JPEG that is RGB by libjpeg's weights", async (engine) => {
    const grey = encodeJpeg(still);
    const planes = encodeJpeg(merge(still, still, still), { subsampling: "4:4:4" });
    const red = decodeGreyJpeg(grey);
    const middle = withFlat(red, 0, 0, WIDTH, HEIGHT, 128);
    await assertSamePixels(engine, withAdobe(planes, 0), luma(merge(red, middle, middle)));
  });

  check("takes grey JPEGs, also progressive ones", async (engine) => {
    const jpeg = encodeJpeg(still);
    await assertSamePixels(engine, jpeg, decodeGreyJpeg(jpeg));
    await assertSamePixels(engine, encodeJpeg(still, { progressive: true }), decodeGreyJpeg(jpeg));
  });

  check("takes frames of any size", async (engine) => {
    for (const [width, height] of [[16, 16], [17, 23], [63, 5], [5, 63], [2, 2], [1, 1]]) {
      const prev = texture.draw(width, height);
      const next = texture.draw(width, height, shift(0.5, 0.25));
      const some = Float32Array.from([width / 2, height / 2, 0, 0, width - 1, height - 1]);
      const found = await follow(engine, prev, next, some);
      assert.deepEqual([found.width, found.height], [width, height]);
      assertFlowAgrees(found, oracleFlow(prev, next, some, FLOW));
      assertCornersAgree(
        await detect(engine, prev),
        oracleCorners(prev, DETECT),
        prev,
        DETECT,
      );
    }
  });

  check("a first frame, and a new size, continue nothing", async (engine) => {
    await using sequence = engine.open();
    const small = texture.draw(160, 120);
    for (
      const [frame, continues] of [[still, false], [still, true], [small, false], [
        small,
        true,
      ]] as const
    ) {
      const found = await sequence.advance(frame, points, FLOW);
      assert.equal(found.continues, continues);
      assert.equal(found.status.length, continues ? points.length / 2 : 0);
      assert.equal(found.xy.length, 2 * found.status.length);
      assert.equal(found.error.length, found.status.length);
      assert.equal(found.fb.length, found.status.length);
    }
    const turned = { width: 120, height: 160, data: small.data };
    assert.equal((await sequence.advance(turned, points, FLOW)).continues, false);
  });

  check("a bad frame leaves the sequence as it was", async (engine) => {
    const moved = encodeJpeg(texture.draw(WIDTH, HEIGHT, shift(2, 1)));
    const want = await follow(engine, encodeJpeg(still), moved, points);
    await using sequence = engine.open();
    await sequence.advance(encodeJpeg(still), NO_POINTS, FLOW);
    const corners = await sequence.detect(DETECT, NO_POINTS);
    for (const [what, frame] of badFrames()) {
      await rejects(what, sequence.advance(frame, points, FLOW), "bad_frame");
    }
    assert.deepEqual((await sequence.detect(DETECT, NO_POINTS)).xy, corners.xy);
    const found = await sequence.advance(moved, points, FLOW);
    assert.ok(found.continues);
    assert.deepEqual(found.xy, want.xy);
    assert.deepEqual(found.status, want.status);
  });

  check("a damaged JPEG decodes or is a bad frame", async (engine) => {
    await using sequence = engine.open();
    const whole = encodeJpeg(texture.draw(64, 48), { quality: 60 });
    const next = random(7);
    for (let i = 0; i < 250; i++) {
      const damaged = whole.slice(0, i % 3 === 0 ? whole.length * next() : whole.length);
      for (let hits = 0; hits < 1 + i % 5; hits++) {
        damaged[Math.floor(damaged.length * next())] = Math.floor(256 * next());
      }
      await sequence.advance(damaged, NO_POINTS, FLOW).catch((error) => {
        assert.ok(error instanceof FrameError, `damaged JPEG ${i}: ${error}`);
      });
    }
    assert.equal((await sequence.advance(whole, NO_POINTS, FLOW)).width, 64);
  });

  check("a frame of too many pixels is refused", async (engine) => {
    await using sequence = engine.open();
    await sequence.advance(still, NO_POINTS, FLOW);
    const width = 640, height = 481;
    const grey = { width, height, data: new Uint8Array(width * height) };
    await rejects("grey", sequence.advance(grey, points, FLOW), "frame_too_large");
    for (const [w, h] of [[width, height], [65_500, 65_500]]) {
      const jpeg = withFrameHeader(encodeJpeg(still), { width: w, height: h });
      await rejects(`${w}×${h}`, sequence.advance(jpeg, points, FLOW), "frame_too_large");
    }
    assert.ok((await sequence.advance(still, points, FLOW)).continues);
    const largest = { width, height: 480, data: new Uint8Array(MAX_FRAME_PIXELS) };
    assert.equal((await sequence.advance(largest, points, FLOW)).height, 480);
  });
}

function* badFrames(): Generator<[string, Frame]> {
  const colours = merge(still, texture.draw(WIDTH, HEIGHT, shift(5, 5)), still);
  const jpeg = encodeJpeg(colours);
  yield ["empty", new Uint8Array()];
  yield ["FF D8 only", jpeg.slice(0, 2)];
  yield ["noise", Uint8Array.from({ length: 5000 }, (_, i) => i * i * 31 % 253)];
  yield ["a header only", jpeg.slice(0, 300)];
  yield ["cut in the middle", jpeg.slice(0, jpeg.length / 2)];
  const progressive = encodeJpeg(colours, { progressive: true });
  yield ["progressive, cut", progressive.slice(0, progressive.length / 2)];
  yield ["4 components", withFrameHeader(jpeg, { components: 4 })];
  yield ["0 rows", withFrameHeader(jpeg, { height: 0 })];
  yield ["grey of a wrong length", { ...still, data: still.data.subarray(1) }];
}

function checkLife(check: Check): void {
  check("has a name, a device and a reason", (engine) => {
    for (const text of [engine.info.name, engine.info.device, engine.info.reason]) {
      assert.ok(text.length > 0);
    }
    return Promise.resolve();
  });

  check("measures its times", async (engine) => {
    await using sequence = engine.open();
    await sequence.advance(encodeJpeg(still), NO_POINTS, FLOW);
    const { decodeMs, trackMs } = await sequence.advance(encodeJpeg(still), points, FLOW);
    const { detectMs } = await sequence.detect(DETECT, NO_POINTS);
    for (const ms of [decodeMs, trackMs, detectMs]) assert.ok(ms > 0 && ms < 10_000, `${ms} ms`);
  });

  check("sequences do not know of each other", async (engine) => {
    const motions = [
      shift(1, 0),
      shift(0, -2),
      shift(-1.5, 1.5),
      rotation(1, 100, 100),
      zoom(1.01, 9, 9),
    ];
    const sequences = motions.map(() => engine.open());
    await Promise.all(sequences.map((s) => s.advance(still, NO_POINTS, FLOW)));
    const found = await Promise.all(
      sequences.map((sequence, i) =>
        sequence.advance(texture.draw(WIDTH, HEIGHT, motions[i]), points, FLOW)
      ),
    );
    found.forEach(({ xy }, i) => {
      const off = distances(xy, move(motions[i], points));
      assertBelow(`p95 distance to the true place in sequence ${i}`, percentile(off, 95), 0.2);
    });
    await sequences[0][Symbol.asyncDispose]();
    assert.ok((await sequences[1].advance(still, points, FLOW)).continues);
    await Promise.all(sequences.map((sequence) => sequence[Symbol.asyncDispose]()));
  });

  check("finds no corner before the first frame", async (engine) => {
    await using sequence = engine.open();
    await assert.rejects(sequence.detect(DETECT, NO_POINTS), EngineError);
  });

  check("says so when used after it was closed", async (engine) => {
    const sequence = engine.open();
    await sequence.advance(still, NO_POINTS, FLOW);
    await sequence[Symbol.asyncDispose]();
    await sequence[Symbol.asyncDispose]();
    await assert.rejects(sequence.advance(still, points, FLOW), EngineError);
    await assert.rejects(sequence.detect(DETECT, NO_POINTS), EngineError);

    const orphan = engine.open();
    await orphan.advance(still, NO_POINTS, FLOW);
    await engine.close();
    await engine.close();
    assert.throws(() => engine.open(), EngineError);
    await assert.rejects(orphan.advance(still, points, FLOW), EngineError);
    await assert.rejects(orphan.detect(DETECT, NO_POINTS), EngineError);
    await orphan[Symbol.asyncDispose]();
  });
}

/** Runs a part of a test; its name goes before the message of what it throws. */
async function under(what: string, part: () => Promise<void>): Promise<void> {
  try {
    await part();
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
  }
}

/** Follows points from one frame into another in a sequence of its own. */
export async function follow(
  engine: FlowEngine,
  prev: Frame,
  next: Frame,
  from: Float32Array,
  options = FLOW,
  guess?: Float32Array,
): Promise<Advanced> {
  await using sequence = engine.open();
  await sequence.advance(prev, NO_POINTS, options);
  return await sequence.advance(next, from, options, guess);
}

/** Corners of one frame, in a sequence of its own. */
export async function detect(
  engine: FlowEngine,
  frame: Frame,
  options = DETECT,
  avoid = NO_POINTS,
  mask?: Uint8Array,
): Promise<Float32Array> {
  await using sequence = engine.open();
  await sequence.advance(frame, NO_POINTS, FLOW);
  return (await sequence.detect(options, avoid, mask)).xy;
}

/** Nothing but equal pixels gives an error of exactly 0 in all windows, and the same corners. */
async function assertSamePixels(engine: FlowEngine, jpeg: Uint8Array, grey: Grey): Promise<void> {
  const everyWindow = gridPoints(grey, 8, 0);
  const options = { ...FLOW, minEigThreshold: 0 };
  const { width, height, error, status } = await follow(engine, grey, jpeg, everyWindow, options);
  assert.deepEqual([width, height], [grey.width, grey.height]);
  assert.deepEqual(status, new Uint8Array(status.length));
  assertBelow("largest difference of pixels", Math.max(...error), 0);
  assert.deepEqual(await detect(engine, jpeg, everywhere), await detect(engine, grey, everywhere));
}

async function rejects(what: string, call: Promise<unknown>, code: FrameError["code"]) {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof FrameError, `${what}: ${error}`);
    assert.equal(error.code, code, what);
    assert.match(error.message, /^[A-Z].{20,}/, what);
    return true;
  }, `${what} must be refused`);
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

function assertFlowExact(got: Advanced, want: ReturnType<typeof oracleFlow>): void {
  assert.deepEqual(got.status.map((status) => status === 0 ? 1 : 0), want.found);
  assertBelow("largest distance", Math.max(...distances(got.xy, want.xy)), 1e-4);
}

function distances(a: Float32Array, b: Float32Array): number[] {
  assert.equal(a.length, b.length);
  return Array.from(
    { length: a.length / 2 },
    (_, i) => Math.hypot(a[2 * i] - b[2 * i], a[2 * i + 1] - b[2 * i + 1]),
  );
}
