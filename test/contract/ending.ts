import assert from "node:assert/strict";
import { CallError, DeadlineError, EngineError, type FlowSequence } from "../../tracking/engine.ts";
import { random } from "../lib/random.ts";
import { FLOW, HEIGHT, type MakeEngine, NO_POINTS, points, still, WIDTH } from "./given.ts";

/** Far more than is done until any deadline of these tests. */
const HARD = { ...FLOW, winSize: [63, 63] as [number, number], maxCount: 100, epsilon: 0 };
const next = random(9);
const crowd = Float32Array.from(
  { length: 1_000_000 },
  (_, i) => next() * (i % 2 === 0 ? WIDTH : HEIGHT),
);

/** What light work comes to. On a busy machine even that may be late, so it is tried some more times. */
async function served<T>(work: () => Promise<T>): Promise<T> {
  for (let late = 0;; late++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DeadlineError) || late === 20) throw error;
    }
  }
}

/** A sequence at work for longer than it may. */
export async function begin(sequence: FlowSequence): Promise<{ call: Promise<unknown> }> {
  await served(() => sequence.advance(still, NO_POINTS, FLOW));
  const call = sequence.advance(still, crowd, HARD);
  call.catch(() => {}); // of which the test hears where it asks
  await new Promise((later) => setTimeout(later, 20)); // it is at work by now, or waits
  return { call };
}

async function assertEnded(call: Promise<unknown>): Promise<void> {
  await assert.rejects(
    call,
    (error) => error instanceof EngineError && !(error instanceof DeadlineError),
  );
}

/** A call settles by its deadline, whatever the engine does; and when its sequence is closed. */
export function checkEnding(name: string, makeEngine: MakeEngine): void {
  Deno.test(`${name}: a running call is ended by its deadline, and others go on`, async () => {
    const engine = await makeEngine(500);
    try {
      const [sequence, other] = [engine.open(), engine.open()];
      const { call } = await begin(sequence);
      // where both are one worker's, the other one's call may be lost with it
      const light = other.advance(still, NO_POINTS, FLOW).catch((error) => {
        if (!(error instanceof CallError)) throw error;
      });
      await assert.rejects(call, DeadlineError);
      await light;
      for (const one of [other, sequence]) {
        const { status } = await served(async () => {
          await one.advance(still, NO_POINTS, FLOW);
          return await one.advance(still, points, FLOW);
        });
        assert.equal(status.length, points.length / 2);
      }
    } finally {
      await engine.close();
    }
  });

  Deno.test(`${name}: a running call is ended by closing its sequence, and others go on`, async () => {
    const engine = await makeEngine(60_000);
    try {
      const [sequence, other] = [engine.open(), engine.open()];
      const { call } = await begin(sequence);
      const light = other.advance(still, NO_POINTS, FLOW);
      const closing = sequence[Symbol.asyncDispose]();
      await assertEnded(call);
      await Promise.all([closing, sequence[Symbol.asyncDispose](), light]);
      await assert.rejects(sequence.advance(still, NO_POINTS, FLOW), EngineError);
      for (let i = 0; i < 3; i++) {
        assert.equal((await other.advance(still, points, FLOW)).status.length, points.length / 2);
      }
    } finally {
      await engine.close();
    }
  });

  Deno.test(`${name}: running calls are ended by closing the engine`, async () => {
    const engine = await makeEngine(60_000);
    const calls = await Promise.all(Array.from({ length: 3 }, () => begin(engine.open())));
    await Promise.all([engine.close(), engine.close()]);
    for (const { call } of calls) await assertEnded(call);
  });
}
