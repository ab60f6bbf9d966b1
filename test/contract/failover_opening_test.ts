import assert from "node:assert/strict";
import { EngineError } from "../../tracking/engine.ts";
import { type Candidate, FailoverEngine } from "../../engines/failover.ts";
import { advance, Trial, until } from "../lib/trials.ts";

Deno.test("failover: an engine that takes too long to open is passed over, and used when it opens", async () => {
  const [cuda, cpu, wasm] = [new Trial("cuda"), new Trial("cpu"), new Trial("wasm")];
  const { promise, resolve } = Promise.withResolvers<void>();
  let openings = 0;
  const slow: Candidate = {
    name: "cuda",
    create: (reason) => {
      openings++;
      return promise.then(() => cuda.create(reason));
    },
  };
  const engine = await FailoverEngine.start({
    candidates: [slow, cpu, wasm],
    reason: "a test",
    openingMs: 100,
    retryMs: 20,
  });
  try {
    assert.equal(engine.info.name, "cpu");
    assert.match(engine.info.reason, /no cuda: The cuda engine took longer than 100 ms to open/);
    await using sequence = engine.open();
    cpu.mood = "is lost";
    await advance(sequence);
    assert.deepEqual([engine.info.name, openings], ["wasm", 1]); // the same opening still
    resolve();
    await until(() => engine.info.name === "cuda");
    assert.deepEqual([openings, cuda.created, cuda.closed], [1, 1, 0]);
  } finally {
    await engine.close();
  }
});

Deno.test("failover: a sole engine whose opening hangs is not opened once more meanwhile", async () => {
  const cuda = new Trial("cuda");
  const { promise, resolve } = Promise.withResolvers<void>();
  let openings = 0;
  const sole: Candidate = {
    name: "cuda",
    create: (reason) => openings++ ? promise.then(() => cuda.create(reason)) : cuda.create(reason),
  };
  const engine = await FailoverEngine.start({
    candidates: [sole],
    reason: "a test",
    openingMs: 50,
    retryMs: 600, // a sixtieth where no other engine runs
  });
  try {
    await using sequence = engine.open();
    cuda.mood = "is lost";
    await assert.rejects(advance(sequence), EngineError);
    await until(() => openings === 2);
    await assert.rejects(advance(sequence), /no engine runs/); // it takes too long
    await retriedOften();
    assert.equal(openings, 2);
    cuda.mood = "well";
    resolve();
    await until(() => engine.isReady);
    assert.equal(openings, 2);
  } finally {
    await engine.close();
  }
});

/** Waits while an engine that cannot be opened, and whose opening does not hang, is tried again and again. */
async function retriedOften(): Promise<void> {
  let openings = 0;
  const cpu = new Trial("cpu");
  const lost: Candidate = {
    name: "cpu",
    create: (reason) => {
      if (openings++) throw new EngineError("it cannot be opened");
      return cpu.create(reason);
    },
  };
  const engine = await FailoverEngine.start({ candidates: [lost], reason: "a test", retryMs: 600 });
  try {
    await using sequence = engine.open();
    cpu.mood = "is lost";
    await assert.rejects(advance(sequence), EngineError);
    await until(() => openings >= 5);
  } finally {
    await engine.close();
  }
}

Deno.test("failover: to close does not wait for an opening that hangs", async () => {
  const [cuda, cpu] = [new Trial("cuda"), new Trial("cpu")];
  const { promise, resolve } = Promise.withResolvers<void>();
  const hanging: Candidate = {
    name: "cpu",
    create: (reason) => promise.then(() => cpu.create(reason)),
  };
  const engine = await FailoverEngine.start({
    candidates: [cuda, hanging],
    reason: "a test",
  });
  await using sequence = engine.open();
  cuda.mood = "is lost";
  const answer = assert.rejects(advance(sequence), EngineError);
  await until(() => cuda.closed === 1);
  await engine.close();
  await answer;
  resolve();
  await until(() => cpu.closed === 1);
});
