import assert from "node:assert/strict";
import { CallError, DeadlineError, type FlowSequence } from "../../tracking/engine.ts";
import { FailoverEngine } from "../../engines/failover.ts";
import type { Numbered } from "../../wasm/messages.ts";
import { createWasmEngine } from "../../wasm/mod.ts";
import { advance, NO_POINTS, OPTIONS } from "../lib/trials.ts";

Deno.test("failover: a wasm worker that hangs is replaced, and its call alone fails for it", async () => {
  const workers: Worker[] = [];
  const spawn = () => {
    const name = workers.length === 0 ? "../lib/hanging_worker.ts" : "../../wasm/worker.ts";
    const worker = new Worker(new URL(name, import.meta.url), { type: "module" });
    workers.push(worker);
    return worker;
  };
  const create = (reason: string) =>
    createWasmEngine({ workers: 1, maxFramePixels: 1e6, deadlineMs: 2000, reason, spawn });
  const engine = await FailoverEngine.start({
    candidates: [{ name: "wasm", create }],
    reason: "a test",
  });
  const events: string[] = [];
  engine.events = { failed: (name) => events.push(name), changed: () => {} };
  try {
    await using sequence = engine.open();
    await using other = engine.open();
    const grey = { width: 64, height: 64, data: new Uint8Array(64 * 64) };
    const first = (sequence: FlowSequence) => sequence.advance(grey, NO_POINTS, OPTIONS);
    await first(sequence); // the third, with the trial's two; the next one hangs
    const [, , { continues }] = await Promise.all([
      assert.rejects(first(sequence), DeadlineError),
      assert.rejects(first(other), CallError), // its worker has it already
      first(engine.open()),
    ]);
    assert.equal(continues, false);
    assert.equal((await first(other)).continues, false); // its first good one
    assert.equal((await first(sequence)).continues, true); // from the one before the hang
    assert.equal(workers.length, 2);
    assert.deepEqual(events, []);
  } finally {
    await engine.close();
  }
});

const DEADLINE_MS = 100;

/** A worker of the wasm engine, but for the thread: frames take it 0.6 deadlines, one after the other. */
class SlowWorker implements Pick<Worker, "postMessage" | "terminate"> {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  #before: Promise<void> = Promise.resolve();
  #frames = 0;

  postMessage(request: Partial<Numbered>): void {
    this.#before = this.#before.then(async () => {
      const isTrial = this.#frames < 2;
      if (request.kind === "advance" && !isTrial) {
        await new Promise((later) => setTimeout(later, 0.6 * DEADLINE_MS));
      }
      if (request.kind === "advance") this.#frames++;
      const answer = { kind: "result", call: request.call, result: {} };
      this.onmessage?.({ data: request.kind ? answer : { kind: "ready", version: "" } });
    });
  }

  terminate(): void {}
}

Deno.test("failover: of the frames that wait for a wasm worker none is late for it", async () => {
  const spawn = () => new SlowWorker() as unknown as Worker;
  const create = (reason: string) =>
    createWasmEngine({ workers: 1, maxFramePixels: 1, deadlineMs: DEADLINE_MS, reason, spawn });
  const engine = await FailoverEngine.start({
    candidates: [{ name: "wasm", create }],
    reason: "a test",
  });
  try {
    await Promise.all(Array.from({ length: 6 }, () => advance(engine.open())));
  } finally {
    await engine.close();
  }
});
