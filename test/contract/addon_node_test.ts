/** The native library through Node-API, in a real Node process. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withAddon } from "../lib/addon.ts";
import { shift } from "../lib/images.ts";
import { encodeJpeg } from "../lib/jpeg.ts";
import { HEIGHT, texture, WIDTH } from "./given.ts";

const HAS_NODE = await new Deno.Command("node", { args: ["--version"] }).output()
  .then(() => true, () => false);

await withAddon(checkNode);

function checkNode(path: string): void {
  const check = (title: string, body: () => Promise<void>) =>
    Deno.test({
      name: `addon in Node: ${title}${HAS_NODE ? "" : ". Skipped: there is no node on the PATH"}`,
      ignore: !HAS_NODE,
      fn: body,
    });

  check("the example prints the motion of a folder of JPEGs", async () => {
    const folder = await Deno.makeTempDir();
    try {
      for (let i = 0; i < 6; i++) {
        const frame = texture.draw(WIDTH, HEIGHT, shift(2.5 * i, -1.25 * i));
        await Deno.writeFile(join(folder, `${i}.jpg`), encodeJpeg(frame, { quality: 95 }));
      }
      const example = fileURLToPath(new URL("../../native/addon/example.js", import.meta.url));
      const { stdout } = await node([example, folder]);
      assertPrintedMotion(stdout.trim().split("\n"), 2.5, -1.25);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });

  check("buffers and handles live as long as their calls, and no longer", async () => {
    const env = { UV_THREADPOOL_SIZE: "1" }; // so that calls wait while the collector runs
    const { stdout } = await node(["--expose-gc", "-e", LIFETIME, path], { env });
    const { wrong, megabytes } = JSON.parse(stdout);
    assert.equal(wrong, 0, "calls gave other results than the first one");
    assert.ok(megabytes < 150, `600 dropped sequences left ${megabytes} MB behind`);
  });

  check("getters that resize buffers find none of them taken", async () => {
    const { stdout } = await node(["-e", RESIZING, path]);
    assert.deepEqual(JSON.parse(stdout), Array(5).fill("invalid_argument"));
  });

  check("worker threads have engines of their own and may end at any time", async () => {
    const { stdout } = await node(["-e", WORKERS, path]);
    assert.deepEqual(JSON.parse(stdout), [true, true, true]);
  });

  if (Deno.build.os !== "linux") return; // LD_PRELOAD puts the wrong version in front
  check("a library of another version is refused", async () => {
    for (
      const [name, message] of [
        ["lk_abi_version", "ABI version is 99, this addon was built for 3"],
        ["lk_sizeof_completion", "size of lk_completion is 99, this addon was built for 256"],
      ]
    ) {
      const { success, stderr } = await withFunction(name, 99, path);
      assert.ok(!success);
      assert.ok(stderr.includes(message), stderr);
      assert.ok(stderr.includes("code: 'abi_mismatch'"), stderr);
    }
  });
}

interface Ended {
  success: boolean;
  stdout: string;
  stderr: string;
}

async function node(args: string[], { env = {}, fails = false } = {}): Promise<Ended> {
  const { success, stdout, stderr } = await new Deno.Command("node", { args, env }).output();
  const decoder = new TextDecoder();
  const ended = { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  if (!fails) assert.ok(success, ended.stderr);
  return ended;
}

/** Every line but the first, which has no motion, tells it; almost no point is lost. */
function assertPrintedMotion(lines: string[], dx: number, dy: number): void {
  assert.equal(lines.length, 6);
  assert.equal(lines[0], "0.jpg: 0 tracked, 0 lost, median flow NaN NaN");
  for (const [i, line] of lines.slice(1).entries()) {
    const [name, ...numbers] = line.split(/: | tracked, | lost, median flow | /);
    const [tracked, lost, x, y] = numbers.map(Number);
    assert.equal(name, `${i + 1}.jpg`);
    assert.ok(tracked > 150, line);
    assert.ok(lost < 0.1 * tracked, line);
    assert.ok(Math.abs(x - dx) <= 0.03 && Math.abs(y - dy) <= 0.03, line);
  }
}

/** Loads the addon where a C function of the library gives another number. */
async function withFunction(name: string, value: number, path: string): Promise<Ended> {
  const folder = await Deno.makeTempDir();
  try {
    const source = join(folder, "other.c"), library = join(folder, "other.so");
    await Deno.writeTextFile(source, `unsigned ${name}(void) { return ${value}; }`);
    const args = ["-shared", "-fPIC", "-o", library, source];
    assert.ok((await new Deno.Command("cc", { args }).output()).success);
    return await node(["-e", "require(process.argv[1])", path], {
      env: { LD_PRELOAD: library },
      fails: true,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What both programs below draw: a wavy image whose waves are `dx` to the right. */
const DRAW = `
  const width = 640, height = 480;
  const wave = new Float32Array(width + 64).map((_, x) => Math.sin(x / 5) + Math.sin(x / 11));
  const draw = (dx) => {
    const data = new Uint8Array(width * height);
    for (let i = 0; i < data.length; i++) {
      data[i] = 128 + 30 * wave[i % width - dx + 32] * wave[Math.floor(i / width)];
    }
    return { width, height, data };
  };
  const points = () => new Float32Array(600).map((_, i) => 40 + (i * 37) % 400);
`;

/**
 * Calls on buffers, sequences and engines that nobody else holds, while the
 * collector runs and freed memory is written over. Then sequences are dropped
 * unclosed, whose memory must come back.
 */
const LIFETIME = `
  const { Engine } = require(process.argv[1]);
  const breathe = () => new Promise((resolve) => setImmediate(resolve));
  ${DRAW}
  const still = draw(0), moved = draw(3);
  const copy = (image) => ({ ...image, data: image.data.slice() });
  const start = async () => {
    const sequence = new Engine().open();
    await sequence.advance(still, new Float32Array());
    return sequence;
  };
  const churn = () => {
    gc();
    for (let i = 0; i < 20; i++) new Uint8Array(width * height).fill(i);
    gc();
  };
  (async () => {
    const call = (sequence) => sequence.advance(copy(moved), points(), { back: true }, points());
    const want = Buffer.from((await call(await start())).points.buffer);
    let wrong = 0;
    for (let round = 0; round < 10; round++) {
      const sequences = await Promise.all(Array.from({ length: 16 }, start));
      const calls = sequences.map(call);
      sequences.forEach((sequence, i) => i % 2 || sequence.close());
      sequences.length = 0;
      churn();
      for (const { points } of await Promise.all(calls)) {
        if (!want.equals(Buffer.from(points.buffer))) wrong++;
      }
    }
    gc();
    await breathe();
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 600; i++) {
      await start();
      if (i % 20 === 19) gc(), await breathe();
    }
    gc();
    await breathe();
    const megabytes = (process.memoryUsage().rss - before) / 1e6;
    console.log(JSON.stringify({ wrong, megabytes }));
  })();
`;

/** Options and fields whose getters take away the memory of buffers of the same call. */
const RESIZING = `
  const { Engine } = require(process.argv[1]);
  const SIZE = 1000, BYTES = SIZE * SIZE;
  const grown = () => new ArrayBuffer(BYTES, { maxByteLength: BYTES });
  const shrinking = (object, name, value, buffer) =>
    Object.defineProperty(object, name, { get: () => (buffer.resize(0), value) });
  const image = (buffer) => ({ width: SIZE, height: SIZE, data: new Uint8Array(buffer) });
  (async () => {
    const engine = new Engine(), sequence = engine.open();
    const still = image(new ArrayBuffer(BYTES));
    await sequence.advance(still, new Float32Array());
    const codes = [];
    const expect = (call) => call.then(() => codes.push("none"), ({ code }) => codes.push(code));
    let buffer = grown();
    await expect(sequence.advance(shrinking(image(grown()), "stride", SIZE, buffer),
      new Float32Array(buffer), {}, new Float32Array(BYTES / 4)));
    buffer = grown();
    await expect(sequence.advance(image(buffer), new Float32Array(4),
      shrinking({}, "maxLevel", 2, buffer)));
    buffer = grown();
    await expect(engine.calcOpticalFlowPyrLK(image(buffer),
      shrinking(image(grown()), "stride", SIZE, buffer), new Float32Array(4)));
    buffer = grown();
    await expect(engine.goodFeaturesToTrack(image(buffer), shrinking({}, "k", 0.04, buffer)));
    buffer = grown();
    await expect(sequence.detect(shrinking({}, "k", 0.04, buffer), new Float32Array(4),
      new Uint8Array(buffer)));
    console.log(JSON.stringify(codes));
  })();
`;

/** Each worker says whether points were found; the last ones are ended while their calls run. */
const WORKERS = `
  const { Worker } = require("node:worker_threads");
  const source = (then) => \`
    const { workerData, parentPort } = require("node:worker_threads");
    const { Engine } = require(workerData);
    ${DRAW.replaceAll("`", "\\`")}
    const engine = new Engine();
    const call = () => engine.calcOpticalFlowPyrLK(draw(0), draw(3), points());
    \${then}
  \`;
  const run = (then) => new Worker(source(then), { eval: true, workerData: process.argv[1] });
  const message = (worker) => new Promise((resolve, reject) => {
    worker.once("message", resolve).once("error", reject);
  });
  (async () => {
    const once = "call().then(({ status }) => parentPort.postMessage(status.includes(0)));";
    const found = await Promise.all([once, once, once].map(run).map(message));
    for (let i = 0; i < 5; i++) {
      const busy = run("for (let i = 0; i < 20; i++) call(); parentPort.postMessage(true);");
      await message(busy);
      await busy.terminate();
    }
    console.log(JSON.stringify(found));
  })();
`;
