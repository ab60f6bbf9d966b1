import assert from "node:assert/strict";
import type { Encoder, EncodeRequest } from "../../client/sdk/capture/encoding.ts";
import { QuickerEncoder } from "../../client/sdk/capture/quicker_encoder.ts";

/** Encoders that take as long as they are told, and what closed them. */
function encoders(ms: { worker: number; main: number }, isTrue = true) {
  let now = 0;
  const closed: string[] = [];
  const make = (thread: "worker" | "main"): Encoder => ({
    thread,
    isTrue: thread === "worker" || isTrue,
    encode() {
      now += ms[thread];
      return Promise.resolve({ picture: null, jpeg: new Uint8Array() });
    },
    [Symbol.dispose]: () => void closed.push(thread),
  });
  const encoder = new QuickerEncoder(make("worker"), () => make("main"), () => now);
  const encode = async (frames: number) => {
    for (let i = 0; i < frames; i++) await encoder.encode({} as EncodeRequest);
    return encoder.thread;
  };
  return { encoder, encode, closed };
}

Deno.test("encoder: a worker that is fast enough does all", async () => {
  const { encoder, encode, closed } = encoders({ worker: 30, main: 1 });
  assert.equal(await encode(100), "worker");
  encoder[Symbol.dispose]();
  assert.deepEqual(closed, ["worker"]);
});

Deno.test("encoder: the page's thread takes over from a slow worker, and is asked again", async () => {
  const ms = { worker: 1000, main: 20 };
  const { encoder, encode, closed } = encoders(ms);
  assert.equal(await encode(7), "main");
  assert.equal(await encode(300), "main");
  ms.worker = 10; // another browser window was closed, say
  assert.equal(await encode(400), "worker");
  encoder[Symbol.dispose]();
  assert.deepEqual(closed, ["worker", "main"]);
});

Deno.test("encoder: where the page's thread is not much faster, the worker stays", async () => {
  const { encode } = encoders({ worker: 100, main: 60 });
  assert.equal(await encode(7), "main"); // it is tried
  assert.equal(await encode(7), "worker");
  for (let i = 0; i < 50; i++) assert.equal(await encode(7), "worker");
});

Deno.test("encoder: a page's thread that gives noise is not used", async () => {
  const { encode } = encoders({ worker: 1000, main: 20 }, false);
  assert.equal(await encode(100), "worker");
});
