import assert from "node:assert/strict";
import { EngineError } from "../server/engines/engine.ts";
import { CALLS_AT_ONCE } from "../server/engines/ffi.ts";
import { createNativeEngine } from "../server/engines/native.ts";
import { builtLibrary, selectEngine } from "../server/engines/select.ts";
import { contract, FLOW, follow, MAX_FRAME_PIXELS } from "./contract.ts";
import { gridPoints, shift, Texture } from "./lib/images.ts";
import { encodeJpeg } from "./lib/jpeg.ts";

const library = await builtLibrary().catch((error) => {
  console.log(`The tests of the native engine are skipped: ${error.message}`);
  return null;
});
const cpu = (variant = "") =>
  createNativeEngine({ library: library!, kind: "cpu", variant, maxFramePixels: MAX_FRAME_PIXELS });

if (library) {
  contract("cpu", () => Promise.resolve(cpu()));
  const cuda = () =>
    createNativeEngine({ library, kind: "cuda", maxFramePixels: MAX_FRAME_PIXELS });
  try {
    await cuda().close();
    contract("cuda", () => Promise.resolve(cuda()));
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    console.log(`The contract suite on CUDA is skipped: ${error.message}`);
  }
}

const NO_POINTS = new Float32Array();
const texture = new Texture(4);
const still = texture.draw(320, 240);
const moved = texture.draw(320, 240, shift(2.3, -1.7));
const points = gridPoints(still, 8, 16);

function nativeTest(name: string, body: () => Promise<void>): void {
  Deno.test({ name: `native: ${name}`, ignore: library === null, fn: body });
}

nativeTest("every instruction set that runs here gives the same bits", async () => {
  const results: Record<string, unknown> = {};
  for (const variant of ["portable", "sse2", "avx2", "avx512", "neon"]) {
    let engine;
    try {
      engine = cpu(variant);
    } catch (error) {
      assert.ok(error instanceof EngineError);
      console.log(`    ${variant} is left out: ${error.message}`);
      continue;
    }
    assert.ok(engine.info.device.endsWith(variant), engine.info.device);
    const { xy, status, error, fb } = await follow(engine, still, moved, points);
    results[variant] = { xy, status, error, fb };
    await engine.close();
  }
  const [first, ...others] = Object.values(results);
  assert.ok(others.length >= 1, "more than one must run");
  for (const other of others) assert.deepEqual(other, first);
});

nativeTest("what it decodes is counted", async () => {
  const engine = cpu();
  assert.deepEqual(engine.counters!(), {
    jpegsOnGpu: 0,
    jpegsOnCpu: 0,
    jpegsRefused: 0,
    devices: 0,
    failedDevices: 0,
  });
  const sequence = engine.open();
  for (let i = 0; i < 3; i++) await sequence.advance(encodeJpeg(still), NO_POINTS, FLOW);
  await sequence.advance(moved, NO_POINTS, FLOW); // grey already
  assert.equal(engine.counters!()!.jpegsOnCpu, 3);
  await engine.close();
  assert.equal(engine.counters!(), null);
});

nativeTest("its sequences wait for their turn together, for so many calls at once", async () => {
  const engine = cpu();
  const [{ gate }, other] = [engine.open(), engine.open()];
  assert.equal(other.gate, gate);
  let begun = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const call = () => {
    begun++;
    return promise;
  };
  const calls = Array.from({ length: CALLS_AT_ONCE + 1 }, () => gate!.pass(call));
  assert.equal(begun, CALLS_AT_ONCE);
  resolve();
  await Promise.all(calls);
  await engine.close();
});

nativeTest("64 sequences at once give what one alone gives", async () => {
  const engine = cpu();
  const alone = await follow(engine, still, moved, points);
  const together = await Promise.all(
    Array.from({ length: 64 }, () => follow(engine, still, moved, points)),
  );
  for (const { xy, status } of together) {
    assert.deepEqual(xy, alone.xy);
    assert.deepEqual(status, alone.status);
  }
  await engine.close();
});

nativeTest(
  "a call that runs when its sequence, and then the engine, is closed comes to its end",
  async () => {
    const engine = cpu();
    const sequence = engine.open();
    await sequence.advance(still, NO_POINTS, FLOW);
    const running = sequence.advance(moved, points, FLOW);
    sequence[Symbol.asyncDispose]();
    await engine.close();
    assert.equal((await running).status.length, points.length / 2);
    await assert.rejects(sequence.advance(still, NO_POINTS, FLOW), EngineError);
  },
);

nativeTest("more points than ever before make the buffers grow", async () => {
  const engine = cpu();
  await using sequence = engine.open();
  for (const count of [3, 700, 100, 9000]) {
    const many = Float32Array.from({ length: 2 * count }, (_, i) => 20 + i % 200);
    await sequence.advance(still, NO_POINTS, FLOW);
    const { xy } = await sequence.advance(still, many, FLOW);
    assert.equal(xy.length, 2 * count);
    assert.ok(xy.every((at, i) => Math.abs(at - many[i]) < 0.01));
  }
  await engine.close();
});

nativeTest("an engine that cannot run here says why", () => {
  assert.throws(() => cpu("avx1024"), /avx1024/);
  return Promise.resolve();
});

Deno.test("native: a library that is none is a clear error", () => {
  const file = new URL("../README.md", import.meta.url).pathname;
  assert.throws(
    () => createNativeEngine({ library: file, kind: "cpu", maxFramePixels: 100 }),
    (error) => error instanceof EngineError && error.message.includes(file),
  );
});

const OPTIONS = { library: null, maxFramePixels: MAX_FRAME_PIXELS, deadlineMs: 10_000 };

Deno.test("select: an engine that was asked for and cannot run fails, saying why", async () => {
  const options = { ...OPTIONS, library: "/nowhere/liblkstream.so" };
  for (const choice of ["cpu", "cuda"] as const) {
    await assert.rejects(selectEngine(choice, options), (error) => {
      assert.ok(error instanceof EngineError);
      assert.match(error.message, /nowhere/);
      return true;
    });
  }
});

Deno.test("select: automatic choice goes on to opencv.js and says why", async () => {
  const options = { ...OPTIONS, library: "/nowhere/liblkstream.so" };
  const engine = await selectEngine("auto", options);
  assert.equal(engine.info.name, "wasm");
  assert.match(engine.info.reason, /no cuda: .*nowhere.*no cpu: .*nowhere/);
  await engine.close();
});

Deno.test({
  name: "select: automatic choice takes the fastest that runs here",
  ignore: library === null,
  fn: async () => {
    const engine = await selectEngine("auto", OPTIONS);
    assert.ok(["cuda", "cpu"].includes(engine.info.name));
    assert.doesNotMatch(engine.info.reason, /Cannot/); // why not cuda is said once
    await engine.close();
  },
});
