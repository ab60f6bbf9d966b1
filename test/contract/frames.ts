import assert from "node:assert/strict";
import { findMarker } from "../../protocol/jpeg.ts";
import { type FlowEngine, type Frame, FrameError, type Grey } from "../../tracking/engine.ts";
import { gridPoints, luma, merge, shift, Texture, withFlat } from "../lib/images.ts";
import {
  decodeGreyJpeg,
  encodeJpeg,
  type EncodeOptions,
  withAdobe,
  withFrameHeader,
} from "../lib/jpeg.ts";
import {
  assertBelow,
  assertCornersAgree,
  assertFlowAgrees,
  oracleCorners,
  oracleFlow,
} from "../lib/oracle.ts";
import { median } from "../../tracking/median.ts";
import { readInput } from "../lib/inputs.ts";
import { random } from "../lib/random.ts";
import {
  type Check,
  DETECT,
  detect,
  everywhere,
  FLOW,
  follow,
  HEIGHT,
  MAX_FRAME_PIXELS,
  NO_POINTS,
  points,
  still,
  texture,
  under,
  WIDTH,
} from "./given.ts";

export function checkFrames(check: Check): void {
  const encodings: [string, EncodeOptions][] = [
    ["4:2:0", { subsampling: "4:2:0" }],
    ["4:2:2", { subsampling: "4:2:2" }],
    ["4:4:4", { subsampling: "4:4:4" }],
    ["progressive", { progressive: true }],
    ["of low quality", { quality: 20 }],
  ];
  check("takes the luma of a colour JPEG as it is", async (engine) => {
    const pictures = [[160, 120], [97, 61], [33, 48]].map(([width, height]) =>
      merge(
        texture.draw(width, height),
        new Texture(2).draw(width, height),
        new Texture(3).draw(width, height),
      )
    );
    for (const [what, how] of encodings) {
      await under(what, async () => {
        for (const colours of pictures) {
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

  check(
    "takes grey JPEGs, also progressive ones and with a marker that stands alone",
    async (engine) => {
      const jpeg = encodeJpeg(still);
      await assertSamePixels(engine, jpeg, decodeGreyJpeg(jpeg));
      await assertSamePixels(
        engine,
        encodeJpeg(still, { progressive: true }),
        decodeGreyJpeg(jpeg),
      );
      const withTem = Uint8Array.of(...jpeg.subarray(0, 2), 0xff, 0x01, ...jpeg.subarray(2));
      await assertSamePixels(engine, withTem, decodeGreyJpeg(jpeg));
    },
  );

  check("every JPEG stands alone, whatever came before it", async (engine) => {
    const [plain, withoutTables, withoutQuantization] = await Promise.all(
      ["base-a.jpg", "uvc-no-dht.jpg", "no-dqt.jpg"].map(readInput),
    );
    await using sequence = engine.open();
    for (const name of ["chrome-canvas.jpg", "optimised.jpg", "optimised-dark.jpg", "base-b.jpg"]) {
      await sequence.advance(await readInput(name), NO_POINTS, FLOW);
      await rejects(name, sequence.advance(withoutQuantization, points, FLOW), "bad_frame");
      await sequence.advance(plain, NO_POINTS, FLOW);
      const found = await sequence.advance(withoutTables, points, SAME);
      assertBelow(`largest difference of pixels after ${name}`, Math.max(...found.error), 0);
    }
  });

  check("takes JPEGs that are odd in what costs no pixel", async (engine) => {
    const plain = await readInput("base-a.jpg");
    const names = ["uvc-no-dht", "stray-byte-before-dqt", "no-eoi", "no-eoi-zero-padded"];
    for (const name of [...names, "exif-thumbnail", "gainmap-mpf"]) {
      await under(name, async () => {
        const jpeg = await readInput(`${name}.jpg`);
        await assertSameFrames(engine, jpeg, plain);
        const moved = await follow(engine, jpeg, await readInput("base-b.jpg"), points);
        const steps = points.map((at, i) => moved.xy[i] - at);
        const along = (axis: 0 | 1) => median(steps.filter((_, i) => i % 2 === axis))!;
        assert.deepEqual([along(0), along(1)].map(Math.round), [-3, -2]);
      });
    }
    const restarting = await readInput("small/restart.jpg");
    const next = findMarker(restarting, restarting.indexOf(0xda))!.start;
    const stray = [...restarting.subarray(0, next), 7, 0xff, 0, 9, ...restarting.subarray(next)];
    await assertSameFrames(engine, Uint8Array.from(stray), restarting);
  });

  check("takes every sampling that is legal", async (engine) => {
    for (const name of ["410", "3x1", "luma-smaller"]) {
      const { width, height } = await sizeOf(engine, await readInput(`sampling-${name}.jpg`));
      assert.deepEqual([width, height], [WIDTH, HEIGHT], name);
    }
    const plain = await readInput("base-a.jpg");
    await assertSameFrames(engine, await readInput("sampling-3x1.jpg"), plain);
  });

  check("refuses what does not decode by the name of its kind", async (engine) => {
    const jpeg = await readInput("base-a.jpg");
    const kinds: [RegExp, Uint8Array][] = [
      [/it is lossless \(SOF3\)/, await readInput("unsupported-sof3.jpg")],
      [/it is CMYK/, await readInput("cmyk.jpg")],
      [/it has 12 bits a sample/, withFrameHeader(jpeg, { precision: 12 })],
    ];
    await using sequence = engine.open();
    for (const [kind, frame] of kinds) {
      await assert.rejects(sequence.advance(frame, NO_POINTS, FLOW), (error) => {
        assert.ok(error instanceof FrameError && error.code === "bad_frame", `${error}`);
        assert.match(error.message, kind);
        return true;
      });
    }
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

/** Nothing but equal pixels gives an error of exactly 0 in all windows, and the same corners. */
async function assertSamePixels(engine: FlowEngine, jpeg: Uint8Array, grey: Grey): Promise<void> {
  const { width, height } = await assertSameFrames(engine, jpeg, grey);
  assert.deepEqual([width, height], [grey.width, grey.height]);
}

const SAME = { ...FLOW, minEigThreshold: 0 };

async function assertSameFrames(engine: FlowEngine, jpeg: Uint8Array, same: Frame) {
  const { width, height } = await sizeOf(engine, jpeg);
  // each pixel lies in one
  const windows = gridPoints({ width, height }, SAME.winSize[0] >> 1, 0);
  const found = await follow(engine, same, jpeg, windows, SAME);
  assert.deepEqual(found.status, new Uint8Array(found.status.length));
  assertBelow("largest difference of pixels", Math.max(...found.error), 0);
  assert.deepEqual(await detect(engine, jpeg, everywhere), await detect(engine, same, everywhere));
  return found;
}

async function sizeOf(engine: FlowEngine, frame: Frame) {
  await using sequence = engine.open();
  return await sequence.advance(frame, NO_POINTS, FLOW);
}

async function rejects(what: string, call: Promise<unknown>, code: FrameError["code"]) {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof FrameError, `${what}: ${error}`);
    assert.equal(error.code, code, what);
    assert.match(error.message, /^[A-Z].{20,}/, what);
    return true;
  }, `${what} must be refused`);
}
