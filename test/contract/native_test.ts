import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  DeadlineError,
  EngineError,
  EngineLostError,
  type FlowEngine,
} from "../../tracking/engine.ts";
import { ABI_VERSION, STRUCTS } from "../../engines/layout.ts";
import { createNativeEngine } from "../../engines/native.ts";
import { builtLibrary, selectEngine } from "../../engines/select.ts";
import { contract, FLOW, follow, MAX_FRAME_PIXELS } from "./mod.ts";
import { gridPoints, shift, Texture } from "../lib/images.ts";
import { encodeJpeg } from "../lib/jpeg.ts";

const library = await builtLibrary().catch((error) => {
  console.log(`The tests of the native engine are skipped: ${error.message}`);
  return null;
});
const cpu = (variant = "", maxFramePixels = MAX_FRAME_PIXELS) =>
  createNativeEngine({ library: library!, kind: "cpu", variant, maxFramePixels });
const ofKind = (kind: "cpu" | "cuda") => (deadlineMs?: number) =>
  createNativeEngine({ library: library!, kind, maxFramePixels: MAX_FRAME_PIXELS, deadlineMs });

if (library) {
  contract("cpu", ofKind("cpu"));
  const cuda = ofKind("cuda");
  try {
    await (await cuda()).close();
    contract("cuda", cuda);
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
      engine = await cpu(variant);
    } catch (error) {
      assert.ok(error instanceof EngineError);
      console.log(`    ${variant} is left out: ${error.message}`);
      continue;
    }
    assert.ok(engine.info.device.endsWith(variant), engine.info.device);
    const { xy, status, error, fb } = await follow(engine, still, moved, points);
    results[variant] = { xy, status, error, fb, ...await compareSelf(engine) };
    await engine.close();
  }
  const [first, ...others] = Object.values(results);
  assert.ok(others.length >= 1, "more than one must run");
  for (const other of others) assert.deepEqual(other, first);
});

/** Windows of one frame in the other. */
async function compareSelf(engine: FlowEngine) {
  await using sequence = engine.open();
  await sequence.advance(still, NO_POINTS, FLOW);
  const { pixels } = await sequence.take(points, [21, 20]);
  await sequence.advance(moved, NO_POINTS, FLOW);
  const warps = Float32Array.from({ length: 3 * points.length }, (_, i) => i % 3 === 0 ? 1 : 0)
    .map((value, i) => i % 6 < 4 ? value : 0);
  const kept = { size: [21, 20], found: points, pixels, warps } as const;
  const { residuals, warps: after } = await sequence.compare(points, kept);
  assert.ok(residuals.some((residual) => residual < 0.1));
  return { residuals, after };
}

nativeTest("what it decodes is counted", async () => {
  const engine = await cpu();
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

nativeTest("a light call does not wait for heavy ones, however many", async () => {
  const engine = await cpu();
  const heavy = Array.from({ length: 3 * navigator.hardwareConcurrency }, () => engine.open());
  const light = engine.open();
  for (const sequence of [...heavy, light]) await sequence.advance(still, NO_POINTS, FLOW);
  const crowd = Float32Array.from({ length: 400_000 }, (_, i) => 20 + i % 200);
  const hard = { ...FLOW, winSize: [63, 63] as [number, number], epsilon: 0 };
  let ended = 0;
  const calls = heavy.map((sequence) =>
    sequence.advance(moved, crowd, hard).catch(() => {}).finally(() => ended++)
  );
  for (let i = 0; i < 5; i++) await light.advance(moved, points, FLOW);
  assert.equal(ended, 0);
  await engine.close();
  await Promise.all(calls);
});

nativeTest("an idle engine keeps no process alive", async () => {
  const url = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);
  const code = `
    import { createNativeEngine } from ${url("../../engines/native.ts")};
    const library = ${JSON.stringify(library)};
    const engine = await createNativeEngine({ library, kind: "cpu", maxFramePixels: 4096 });
    const grey = { width: 64, height: 64, data: new Uint8Array(4096) };
    const { width } = await engine.open().advance(grey, new Float32Array(), ${
    JSON.stringify(FLOW)
  });
    console.log(width);`;
  const args = ["eval", "--ext=ts", code];
  const { code: status, stdout } = await new Deno.Command(Deno.execPath(), { args }).output();
  assert.deepEqual([status, new TextDecoder().decode(stdout)], [0, "64\n"]);
});

nativeTest("64 sequences at once give what one alone gives", async () => {
  const engine = await cpu();
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

nativeTest("a sequence may be closed before its first call, and while that makes it", async () => {
  const engine = await cpu();
  const [unused, closed, left] = [engine.open(), engine.open(), engine.open()];
  const calls = [closed, left].map((sequence) => sequence.advance(still, NO_POINTS, FLOW));
  const settled = Promise.allSettled(calls); // ended, or done before
  await Promise.all([unused, unused, closed, closed].map((one) => one[Symbol.asyncDispose]()));
  await Promise.all([engine.close(), engine.close()]);
  await settled;
  await assert.rejects(unused.advance(still, NO_POINTS, FLOW), EngineError);
  assert.throws(() => engine.open(), EngineError);
});

nativeTest("a sequence that cannot be made fails its calls, and closes", async () => {
  const engine = await cpu("", 2 ** 29);
  const sequence = engine.open();
  for (let i = 0; i < 2; i++) {
    await assert.rejects(sequence.advance(still, NO_POINTS, FLOW), /Cannot use max_pixels/);
  }
  await sequence[Symbol.asyncDispose]();
  await engine.close();
});

nativeTest("more points than ever before make the buffers grow", async () => {
  const engine = await cpu();
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

nativeTest("an engine that cannot run here says why", async () => {
  await assert.rejects(cpu("avx1024"), /avx1024/);
});

Deno.test("native: a library that is none is a clear error", async () => {
  const file = fileURLToPath(new URL("../../README.md", import.meta.url));
  await assert.rejects(
    createNativeEngine({ library: file, kind: "cpu", maxFramePixels: 100 }),
    (error) => error instanceof EngineError && error.message.includes(file),
  );
});

/**
 * A library in the native one's place, whose device takes its time, and never ends work on points:
 * the library ends it by its deadline. With a completion for all that was submitted until then.
 * The device waits for a turn of the event loop too: each lets the file TURNS grow. Where none comes,
 * it leaves the file HELD.
 */
const SLOW_DEVICE = `
  #include <stdint.h>
  #include <stdio.h>
  #include <string.h>
  #include <sys/stat.h>
  #include <unistd.h>
  enum { DEADLINE = 9, DEVICES = ${STRUCTS.counters.at.devices / 4} };
  static uint32_t tags[2][64], count[2];
  static int handle;
  static long long turns(void) { struct stat file; stat(TURNS, &file); return file.st_size; }
  static int wait_for_device(void) {
    long long before = turns();
    usleep(150000);
    for (int i = 0; turns() == before; ++i) {
      if (i == 1000) return fclose(fopen(HELD, "w"));
      usleep(10000);
    }
    return 0;
  }
  uint32_t lk_abi_version(void) { return ${ABI_VERSION}; }
  uint32_t lk_sizeof_job(void) { return ${STRUCTS.job.bytes}; }
  uint32_t lk_sizeof_completion(void) { return ${STRUCTS.completion.bytes}; }
  int lk_engine_create(void *k, void *v, void **out) { *out = &handle; return wait_for_device(); }
  void lk_engine_destroy(void *engine) { wait_for_device(); }
  const char *lk_engine_device(void *engine) { return "slow"; }
  const char *lk_engine_variant(void *engine) { return ""; }
  int lk_engine_counters(void *engine, uint32_t *out) { out[DEVICES] = 1; return 0; }
  int lk_sequence_create(void *e, uint32_t n, void **out) { *out = &handle; return 0; }
  void lk_sequence_destroy(void *sequence) {}
  int lk_queue_create(void **out) { *out = &handle; return 0; }
  int lk_queue_submit(void *queue, void *sequence, const uint32_t *job, void *data) {
    int hangs = job[${(STRUCTS.job.at.points + STRUCTS.points.at.n) / 4}] > 0;
    tags[hangs][count[hangs]++] = job[${STRUCTS.job.at.tag / 4}];
    return 0;
  }
  uint32_t lk_queue_wait(void *queue, uint32_t *out, uint32_t capacity) {
    wait_for_device();
    uint32_t n = 0;
    for (int hangs = 0; hangs < 2; ++hangs) {
      for (; count[hangs] > 0; out += ${STRUCTS.completion.bytes / 4}, ++n) {
        memset(out, 0, ${STRUCTS.completion.bytes});
        out[${STRUCTS.completion.at.tag / 4}] = tags[hangs][--count[hangs]];
        out[${STRUCTS.completion.at.status / 4}] = hangs ? DEADLINE : 0;
      }
    }
    return n;
  }
  void lk_queue_destroy(void *queue) { wait_for_device(); }
`;

/** Runs a test on an engine of that library. */
async function withSlowDevice(use: (engine: FlowEngine) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const [source, slow] = [`${folder}/slow.c`, `${folder}/slow.so`];
  const [turns, held] = [`${folder}/turns`, `${folder}/held`];
  await Deno.writeTextFile(source, SLOW_DEVICE);
  const files = [`-DTURNS=${JSON.stringify(turns)}`, `-DHELD=${JSON.stringify(held)}`];
  const args = ["-shared", "-fPIC", "-w", ...files, "-o", slow, source];
  assert.ok((await new Deno.Command("cc", { args }).output()).success);
  const turn = () => Deno.writeTextFileSync(turns, ".", { append: true });
  turn();
  const timer = setInterval(turn, 1);
  try {
    const engine = await createNativeEngine({ library: slow, kind: "cuda", maxFramePixels: 1e6 });
    try {
      await use(engine);
    } finally {
      await engine.close();
    }
    await assert.rejects(Deno.stat(held), Deno.errors.NotFound, "the event loop stood still");
  } finally {
    clearInterval(timer);
    await Deno.remove(folder, { recursive: true });
  }
}

nativeTest(
  "who waits for a device does not hold the event loop",
  () =>
    withSlowDevice(async (engine) => {
      const sequences = Array.from({ length: 4 }, () => engine.open());
      await Promise.all(sequences.map((sequence) => sequence.advance(still, NO_POINTS, FLOW)));
    }),
);

nativeTest(
  "a device that answers nobody until a call's deadline is lost",
  () =>
    withSlowDevice(async (engine) => {
      const [sequence, other] = [engine.open(), engine.open()];
      const work = () => sequence.advance(still, points, FLOW);
      await assert.rejects(work(), EngineLostError);
      const [tooMuch, light] = await Promise.allSettled([
        work(),
        other.advance(still, NO_POINTS, FLOW),
      ]);
      assert.equal(light.status, "fulfilled");
      assert.ok(tooMuch.status === "rejected" && tooMuch.reason instanceof DeadlineError);
    }),
);

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
