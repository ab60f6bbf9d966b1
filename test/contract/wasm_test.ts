import assert from "node:assert/strict";
import { EngineError, explain, type FlowEngine, FrameError } from "../../tracking/engine.ts";
import { JpegDecoder } from "../../wasm/jpeg.ts";
import { Lane } from "../../wasm/lane.ts";
import type { Numbered } from "../../wasm/messages.ts";
import { createWasmEngine } from "../../wasm/mod.ts";
import { loadOpenCv } from "../../wasm/opencv.ts";
import { Sequence } from "../../wasm/sequence.ts";
import { begin } from "./ending.ts";
import { contract, DETECT, detect, FLOW, MAX_FRAME_PIXELS } from "./mod.ts";
import { inTime } from "../lib/in_time.ts";
import { shift, Texture } from "../lib/images.ts";
import { decodeGreyJpeg, encodeJpeg } from "../lib/jpeg.ts";
import { assertBelow, oracleCorners } from "../lib/oracle.ts";
import { random } from "../lib/random.ts";

const check = contract(
  "wasm",
  (deadlineMs) => createWasmEngine({ workers: 1, maxFramePixels: MAX_FRAME_PIXELS, deadlineMs }),
);

const NO_POINTS = new Float32Array();
const still = new Texture(1).draw(320, 240);

/** Makes the engine's workers, and keeps them. */
class Spy {
  readonly workers: Worker[] = [];

  readonly spawn = (module = "../../wasm/worker.ts"): Worker => {
    const worker = new Worker(new URL(module, import.meta.url), { type: "module" });
    this.workers.push(worker);
    return worker;
  };

  /** Sends what no worker expects. It dies of it, as it would of a WebAssembly trap. */
  kill(index: number): void {
    this.workers[index].postMessage(null);
  }
}

/** A worker but for OpenCV: it is ready at once, and has at once done what it is asked. */
class PlainWorker implements Pick<Worker, "postMessage" | "terminate"> {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  sent = 0;
  terminated = 0;

  postMessage({ kind, call }: Partial<Numbered>): void {
    this.sent++;
    const data = kind ? { kind: "result", call, result: {} } : { kind: "ready", version: "" };
    queueMicrotask(() => this.onmessage?.({ data }));
  }

  terminate(): void {
    this.terminated++;
  }
}

/** An engine of two plain workers, and they. */
async function onPlainWorkers(): Promise<{ engine: FlowEngine; workers: PlainWorker[] }> {
  const workers = [new PlainWorker(), new PlainWorker()], unused = [...workers];
  const engine = await createWasmEngine({
    workers: 2,
    maxFramePixels: MAX_FRAME_PIXELS,
    spawn: () => unused.shift() as unknown as Worker,
  });
  return { engine, workers };
}

check("equal scores come in OpenCV's order", async (engine) => {
  const board = {
    width: 64,
    height: 64,
    data: Uint8Array.from({ length: 64 * 64 }, (_, i) => ((i >> 3 ^ i >> 9) & 1) * 200),
  };
  const want = oracleCorners(board, DETECT);
  assert.ok(want.length > 20);
  assert.deepEqual(await detect(engine, board), want);
});

check("tells OpenCV's version and how many workers there are", (engine) => {
  assert.match(engine.info.device, /^opencv\.js 4\.\d+\.\d+ \(1 worker\)$/);
  return Promise.resolve();
});

Deno.test("wasm: sequences go to the worker with the fewest", async () => {
  const { engine, workers } = await onPlainWorkers();
  assert.match(engine.info.device, /\(2 workers\)$/);
  const [first, second] = [engine.open(), engine.open()];
  await first.advance(still, NO_POINTS, FLOW);
  await second.advance(still, NO_POINTS, FLOW);
  await second[Symbol.asyncDispose]();
  const before = workers.map(({ sent }) => sent);
  const third = engine.open();
  await third.advance(still, NO_POINTS, FLOW);
  assert.deepEqual(workers.map(({ sent }, i) => sent - before[i]), [0, 1]);
  await engine.close();
});

Deno.test("wasm: close ends every worker, once", async () => {
  const { engine, workers } = await onPlainWorkers();
  await engine.close();
  await engine.close();
  assert.deepEqual(workers.map(({ terminated }) => terminated), [1, 1]);
});

Deno.test("wasm: a worker that dies is replaced and its sequences begin again", async () => {
  const spy = new Spy(), unused = [new PlainWorker()], [plain] = unused;
  const engine = await createWasmEngine({
    workers: 2,
    maxFramePixels: MAX_FRAME_PIXELS,
    spawn: () => unused.shift() as unknown as Worker ?? spy.spawn(),
  });
  const [other, doomed] = [engine.open(), engine.open()];
  await other.advance(still, NO_POINTS, FLOW);
  await doomed.advance(still, NO_POINTS, FLOW);
  spy.kill(0);
  await assert.rejects(doomed.advance(still, NO_POINTS, FLOW), (error) => {
    assert.ok(error instanceof EngineError);
    assert.equal(error.message, "The wasm engine's worker died"); // as clients are told
    assert.match(explain(error), /worker died: .*TypeError: .+/);
    return true;
  });
  assert.equal((await doomed.advance(still, NO_POINTS, FLOW)).continues, false);
  assert.equal((await doomed.advance(still, NO_POINTS, FLOW)).continues, true);
  assert.equal(spy.workers.length, 2);

  spy.kill(1);
  await assert.rejects(doomed.detect(DETECT, NO_POINTS), EngineError);
  await doomed[Symbol.asyncDispose](); // while there is no worker
  await other.advance(still, NO_POINTS, FLOW);
  assert.equal(plain.terminated, 0); // nobody else's
  await engine.close();
});

Deno.test("wasm: a worker that cannot start fails the engine", async () => {
  const spy = new Spy(), other = new PlainWorker();
  let spawned = 0;
  const start = createWasmEngine({
    workers: 2,
    maxFramePixels: MAX_FRAME_PIXELS,
    spawn: () => spawned++ === 0 ? other as unknown as Worker : spy.spawn("../lib/dying_worker.ts"),
  });
  await assert.rejects(start, (error) => {
    assert.ok(error instanceof EngineError);
    assert.match(error.message, /^Cannot start the wasm engine: .*died on purpose/);
    return true;
  });
  assert.equal(other.terminated, 1);
});

Deno.test("wasm: a worker that does not start is replaced, and who waits for it hears of it", async () => {
  const deaf = { postMessage() {}, terminate() {} } as unknown as Worker;
  let spawned = 0;
  const spawn = () => {
    spawned++;
    return deaf;
  };
  const lane = new Lane(spawn, MAX_FRAME_PIXELS, 1000, 50);
  await assert.rejects(lane.call({ kind: "close", sequence: 0 }, []), /does not start/);
  await assert.rejects(lane.ready, /does not start/);
  assert.equal(spawned, 2);
  lane.close();
});

Deno.test("wasm: a machine that slept through the deadline is no reason to end a worker", async () => {
  const deadlineMs = 100, begun = Promise.withResolvers<number>();
  let terminated = 0;
  const worker = {
    onmessage: (_: { data: unknown }) => {},
    postMessage(request: { kind?: string; call: number }) {
      if (request.kind) begun.resolve(request.call);
      else queueMicrotask(() => worker.onmessage({ data: { kind: "ready", version: "" } }));
    },
    terminate: () => void terminated++,
  };
  const lane = new Lane(() => worker as unknown as Worker, 1, deadlineMs);
  const call = lane.call({ kind: "close", sequence: 0 }, []);
  const number = await begun.promise;
  const until = performance.now() + 3 * deadlineMs;
  while (performance.now() < until); // nothing runs, as in a machine that sleeps
  worker.onmessage({ data: { kind: "result", call: number, result: null } });
  assert.equal(await call, null);
  assert.equal(terminated, 0);
  lane.close();
});

Deno.test("wasm: workers that die early are replaced slower and slower, one that lived soon", () => {
  const { setTimeout, clearTimeout } = globalThis, { now } = performance;
  const timers: { callback: () => void; ms: number }[] = [];
  let clock = 0;
  globalThis.setTimeout =
    ((callback: () => void, ms: number) =>
      timers.push({ callback, ms })) as unknown as typeof setTimeout;
  globalThis.clearTimeout = () => {};
  performance.now = () => clock;
  try {
    const worker = { postMessage() {}, terminate() {} } as unknown as Worker;
    const lane = new Lane(() => worker, MAX_FRAME_PIXELS, 1000);
    const pauseAfterDeath = () => {
      worker.onerror!({ preventDefault() {}, message: "on purpose" } as ErrorEvent);
      const { callback, ms } = timers.at(-1)!;
      callback();
      return ms;
    };
    const pauses = Array.from({ length: 9 }, pauseAfterDeath);
    assert.deepEqual(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
    worker.onmessage!({ data: { kind: "ready", version: "" } } as MessageEvent);
    clock += 10_001;
    assert.equal(pauseAfterDeath(), 50);
    lane.close();
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
    performance.now = now;
  }
});

Deno.test("wasm: a worker that is ended computes no further", async () => {
  const told = Promise.withResolvers<string>();
  let end = () => {};
  const engine = await createWasmEngine({
    workers: 1,
    maxFramePixels: MAX_FRAME_PIXELS,
    spawn() {
      const worker = new Spy().spawn();
      end = worker.terminate.bind(worker);
      worker.terminate = () => {}; // which does not stop what computes: it goes on to its answer
      worker.addEventListener("message", ({ data }) => {
        if (data.kind === "failure") told.resolve(data.failure.message);
      });
      return worker;
    },
  });
  const { call } = await begin(engine.open());
  await engine.close();
  await assert.rejects(call, EngineError);
  assert.match(await inTime(told.promise), /nobody waits for them/);
  end();
});

Deno.test("wasm: the heap stays as it is over many frames, good and bad", async () => {
  // deno-lint-ignore no-explicit-any -- the allocator is not in the wrapper
  const cv: any = (await loadOpenCv()).cv;
  const jpeg = await JpegDecoder.load();
  const tools = { cv, jpeg, maxFramePixels: MAX_FRAME_PIXELS, isEnded: () => false };
  const texture = new Texture(1);
  const files = [0, 1, 2, 3].map((dx) => encodeJpeg(texture.draw(64, 48, shift(dx, 0))));
  const large = encodeJpeg(texture.draw(80, 60));
  const next = random(3);
  const run = async (frames: number) => {
    using sequence = new Sequence(tools);
    let points: Float32Array = NO_POINTS;
    for (let i = 0; i < frames; i++) {
      const file = i % 50 === 49 ? large : files[i % files.length];
      const { xy } = sequence.advance(file, points, FLOW, next() < 0.5 ? points : undefined);
      points = i % 10 === 0 ? sequence.detect(DETECT, xy).xy : xy;
      await Promise.resolve(); // as between messages: where the decoder renews its codec
      const cut = file.subarray(0, file.length / 2);
      assert.throws(() => sequence.advance(cut, points, FLOW), FrameError);
    }
  };
  await run(200);
  const size = cv.HEAPU8.length, top = heapTop(cv);
  await run(1000);
  assert.equal(cv.HEAPU8.length, size);
  assertBelow("growth of the heap's use in bytes", heapTop(cv) - top, 16 * 1024);
});

/** Where a new block is put that no gap between others can hold: the end of what is in use. */
// deno-lint-ignore no-explicit-any -- the allocator is not in the wrapper
function heapTop(cv: any): number {
  const place = cv._malloc(8 << 20);
  cv._free(place);
  return place;
}

Deno.test("wasm: bad frames do not wear the decoder out", async () => {
  const decoder = await JpegDecoder.load();
  const jpeg = encodeJpeg(new Texture(1).draw(64, 48));
  const pixels = new Uint8Array(64 * 48);
  const decode = (file: Uint8Array) => decoder.decode(file, MAX_FRAME_PIXELS, () => pixels);
  const cut = jpeg.subarray(0, jpeg.length / 2);
  for (let i = 0; i < 5000; i++) {
    await Promise.resolve();
    assert.throws(() => decode(cut), FrameError);
  }
  decode(jpeg);
  assert.deepEqual(pixels, decodeGreyJpeg(jpeg).data);
});
