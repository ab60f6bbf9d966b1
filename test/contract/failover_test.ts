import assert from "node:assert/strict";
import { encodeFrame } from "../../protocol/mod.ts";
import { CallError, DeadlineError, EngineError, FrameError } from "../../tracking/engine.ts";
import { FailoverEngine } from "../../engines/failover.ts";
import { FailoverSequence } from "../../engines/failover_sequence.ts";
import { DEFAULT_LIMITS } from "../../server/limits.ts";
import { serve } from "../../server/http/server.ts";
import { Client } from "../lib/client.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";
import { type Script, ScriptedEngine } from "../lib/scripted.ts";
import { advance, NO_POINTS, Trial, until, whyNot, withTrials } from "../lib/trials.ts";

Deno.test("failover: the first candidate that runs is used, with the reasons of those before it", () =>
  withTrials((engine, [cuda, cpu]) => {
    assert.equal(engine.info.name, "cpu");
    assert.equal(engine.info.reason, "a test; no cuda: there is none on this machine");
    assert.equal(cuda.created, 0);
    assert.equal(cpu.created, 1);
    return Promise.resolve();
  }, { prepare: ([cuda]) => cuda.runsHere = false }));

Deno.test("failover: an engine that fails its first frames is passed over from the start", () =>
  withTrials((engine, [cuda]) => {
    assert.equal(engine.info.name, "cpu");
    assert.equal(cuda.closed, 1);
    return Promise.resolve();
  }, { prepare: ([cuda]) => cuda.mood = "fails" }));

Deno.test("failover: where none runs, all reasons are told; of a sole one, its own sentence", async () => {
  const trials = [new Trial("cuda"), new Trial("cpu")];
  for (const trial of trials) trial.runsHere = false;
  const start = (candidates: Trial[]) => FailoverEngine.start({ candidates, reason: "" });
  await assert.rejects(start(trials), {
    message: "Cannot run cuda, cpu here: no cuda: there is none on this machine; " +
      "no cpu: there is none on this machine",
  });
  await assert.rejects(start([trials[0]]), new EngineError(whyNot("cuda")));
});

Deno.test("failover: one failure is the frame's; the third in a row takes the engine out", () =>
  withTrials(async (engine, [cuda, cpu], events) => {
    await using sequence = engine.open();
    await advance(sequence);
    assert.ok((await advance(sequence)).continues);
    cuda.mood = "fails";
    await assert.rejects(advance(sequence), EngineError);
    cuda.mood = "well";
    assert.ok((await advance(sequence)).continues);
    cuda.mood = "fails";
    await assert.rejects(advance(sequence), EngineError);
    await assert.rejects(advance(sequence), EngineError);
    assert.deepEqual(events, []);
    // the frame of the third goes to the next engine, after the last good one
    assert.ok((await advance(sequence)).continues);
    assert.ok((await advance(sequence)).continues);
    assert.equal(engine.info.name, "cpu");
    assert.equal(cpu.created, 1);
    assert.equal(cuda.closed, 1);
    assert.match(events.join("; "), /^cuda failed: .*told to fail; cpu goes on$/);
  }));

Deno.test("failover: what an exception behind a failure said is for the log, and no part of the reason", () =>
  withTrials(async (engine, [cuda], events) => {
    cuda.mood = "is lost";
    cuda.cause = "TypeError: a fault";
    await using sequence = engine.open();
    await advance(sequence);
    assert.deepEqual(events, [
      "cuda failed: the cuda engine is lost: TypeError: a fault",
      "cpu goes on",
    ]);
    assert.match(engine.info.reason, /cuda failed: the cuda engine is lost/);
    assert.doesNotMatch(engine.info.reason, /TypeError/);
  }));

Deno.test("failover: a call that asks for what cannot be is no failure of the engine", () =>
  withTrials(async (engine, [cuda], events) => {
    await using sequence = engine.open();
    cuda.mood = "refuses";
    for (let i = 0; i < 5; i++) await assert.rejects(advance(sequence), CallError);
    assert.deepEqual(events, []);
    assert.equal(engine.info.name, "cuda");
  }));

Deno.test("failover: an engine that is lost is taken out at once, and the frames under way go on", () =>
  withTrials(async (engine, [cuda, cpu], events) => {
    const sequences = Array.from({ length: 5 }, () => engine.open());
    for (const sequence of sequences) await advance(sequence);
    const before = cuda.begun, { promise, resolve } = Promise.withResolvers<void>();
    cuda.hold = promise;
    cuda.mood = "is lost";
    const calls = sequences.map(advance);
    await until(() => cuda.begun === before + 5);
    resolve();
    const advanced = await Promise.all(calls);
    assert.deepEqual(advanced.map(({ continues }) => continues), Array(5).fill(true));
    assert.equal(cpu.begun, 2 + 2 * 5); // its trial, and all of them after their last good frames
    assert.deepEqual(events, ["cuda failed: the cuda engine is lost", "cpu goes on"]);
    for (const sequence of sequences) {
      assert.ok((await advance(sequence)).continues);
      await sequence[Symbol.asyncDispose]();
      await sequence[Symbol.asyncDispose]();
    }
  }));

Deno.test("failover: a frame that is too much work costs its session, not the engine", () =>
  withTrials(async (engine, [cuda], events) => {
    await using sequence = engine.open();
    await using other = engine.open();
    await advance(sequence);
    await advance(other);
    for (let i = 0; i < 5; i++) {
      cuda.mood = "overworked once";
      await assert.rejects(advance(sequence), DeadlineError);
    }
    assert.ok((await advance(other)).continues);
    assert.deepEqual(events, []);
    assert.equal(cuda.created, 1);
  }));

Deno.test("failover: a sequence that is closed during its call is no failure of the engine", () =>
  withTrials(async (engine, [cuda], events) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const sequences = Array.from({ length: 5 }, () => engine.open());
    const before = cuda.begun;
    cuda.hold = promise;
    const calls = sequences.map((sequence) => assert.rejects(advance(sequence), EngineError));
    await until(() => cuda.begun === before + 5);
    for (const sequence of sequences) await sequence[Symbol.asyncDispose]();
    cuda.mood = "fails"; // as a call does whose sequence is closed
    resolve();
    await Promise.all(calls);
    assert.deepEqual(events, []);
  }));

Deno.test("failover: a detection after the engine was changed is done by the next one", () =>
  withTrials(async (engine, [cuda]) => {
    await using sequence = engine.open();
    await advance(sequence);
    cuda.mood = "is lost";
    const options = {
      maxCorners: 9,
      qualityLevel: 0.01,
      minDistance: 5,
      blockSize: 3,
      gradientSize: 3,
      useHarrisDetector: false,
      k: 0.04,
    };
    assert.deepEqual([...(await sequence.detect(options, NO_POINTS)).xy], [5, 5]);
    assert.equal(engine.info.name, "cpu");
    assert.ok((await advance(sequence)).continues);
  }));

Deno.test("failover: where the next engine refuses the last good frame, the one after it is a first one", async () => {
  const engines = [[{}, { fails: "engine" }], [{ fails: "bad_frame" }, {}]] as Script[][];
  const serving = engines.map((script) => ({ engine: new ScriptedEngine(() => script) }));
  await using sequence = new FailoverSequence({
    serving: () => Promise.resolve(serving[0]),
    stands(_, error) {
      const isOver = error === undefined || error instanceof FrameError;
      if (!isOver) serving.shift();
      return isOver;
    },
  });
  await advance(sequence);
  assert.equal((await advance(sequence)).continues, false);
  assert.ok((await advance(sequence)).continues);
});

Deno.test("failover: from one to the next to the last", () =>
  withTrials(async (engine, [cuda, cpu], events) => {
    await using sequence = engine.open();
    cuda.mood = cpu.mood = "is lost";
    await advance(sequence);
    assert.equal(engine.info.name, "wasm");
    assert.equal(events.filter((event) => event.includes("failed")).length, 1); // cpu failed its trial
  }));

Deno.test("failover: after a pause the first engine is tried, and takes over where it runs", () =>
  withTrials(async (engine, [cuda, cpu], events) => {
    await using sequence = engine.open();
    await advance(sequence);
    cuda.mood = "is lost";
    await advance(sequence);
    assert.equal(engine.info.name, "cpu");
    await until(() => cuda.created >= 2); // tried, and still lost
    assert.ok((await advance(sequence)).width > 0);
    assert.equal(engine.info.name, "cpu");
    cuda.mood = "well";
    await until(() => engine.info.name === "cuda");
    assert.ok((await advance(sequence)).continues);
    assert.equal(cpu.closed, 1);
    assert.equal(events.at(-1), "cuda goes on");
  }, { retryMs: 20 }));

Deno.test("failover: while the first is tried again, the second serves, and the third follows it", () =>
  withTrials(async (engine, [cuda, cpu], events) => {
    await using sequence = engine.open();
    await advance(sequence);
    cuda.mood = "is lost";
    await advance(sequence);
    const { promise, resolve } = Promise.withResolvers<void>();
    cuda.hold = promise;
    await until(() => cuda.created === 2); // it is tried out now
    assert.ok((await advance(sequence)).width > 0);
    cpu.mood = "fails";
    for (let i = 0; i < 2; i++) await assert.rejects(advance(sequence), EngineError);
    await advance(sequence);
    assert.equal(engine.info.name, "wasm");
    assert.deepEqual([cuda.created, cuda.closed], [2, 1]); // the same trial still
    cuda.mood = "well";
    resolve();
    await until(() => engine.info.name === "cuda");
    assert.equal(cuda.created, 2);
    assert.deepEqual(events.map((event) => event.split(/(?<=failed)/)[0]), [
      "cuda failed",
      "cpu goes on",
      "cpu failed",
      "wasm goes on",
      "cuda goes on",
    ]);
  }, { retryMs: 50 }));

/** Keeps what long timers are asked to wait for, has them come soon, and puts the time on. */
class Pauses implements Disposable {
  readonly asked: number[] = [];
  #ahead = 0;
  readonly #timeout = globalThis.setTimeout;
  readonly #now = performance.now;

  constructor(long: number) {
    globalThis.setTimeout = ((then: () => void, ms = 0) => {
      if (ms < long) return this.#timeout(then, ms);
      this.asked.push(ms);
      return this.#timeout(then, 20);
    }) as typeof setTimeout;
    performance.now = () => this.#now.call(performance) + this.#ahead;
  }

  pass(ms: number): void {
    this.#ahead += ms;
  }

  [Symbol.dispose](): void {
    globalThis.setTimeout = this.#timeout;
    performance.now = this.#now;
  }
}

Deno.test("failover: pauses grow while it fails soon, and begin anew once it has served for one", () =>
  withTrials(async (engine, [cuda], events) => {
    await using sequence = engine.open();
    await advance(sequence);
    using pauses = new Pauses(20_000);
    const fail = async () => {
      cuda.mood = "fails";
      for (let i = 0; i < 2; i++) await assert.rejects(advance(sequence), EngineError);
      await advance(sequence); // the third, on the next engine
      cuda.mood = "well";
      await until(() => events.at(-1) === "cuda goes on");
    };
    await fail();
    await fail();
    assert.deepEqual(pauses.asked, [20_000, 40_000]);
    pauses.pass(45_000);
    await fail();
    assert.equal(pauses.asked.at(-1), 20_000); // not 80
  }, { retryMs: 20_000, openingMs: 10_000 }));

Deno.test("failover: where all fail, frames fail at once and the engine is not ready, until one runs", () =>
  withTrials(async (engine, trials) => {
    await using sequence = engine.open();
    for (const trial of trials) trial.mood = "fails";
    for (let i = 0; i < 3; i++) await assert.rejects(advance(sequence), EngineError);
    await assert.rejects(advance(sequence), /no engine runs/);
    assert.equal(engine.isReady, false);
    trials[0].mood = "well";
    await until(() => engine.isReady);
    await advance(sequence);
  }, { retryMs: 600 }));

Deno.test("failover: clients are told, and keep their session and its points", () =>
  withTrials(async (engine, [cuda]) => {
    const log: string[] = [];
    const server = await serve({
      host: "127.0.0.1",
      port: 0,
      engine,
      isEngineReady: () => engine.isReady,
      limits: DEFAULT_LIMITS,
      token: null,
      allowOrigins: [],
      log: (event, fields) => log.push(`${event} ${JSON.stringify(fields)}`),
    });
    engine.events = server.engineEvents;
    try {
      const client = await Client.connect(server.url);
      client.send(encodeFrame({ seq: 1, timestamp: 0, jpeg: JPEG }));
      const first = (await client.nextOf("tracks"))!.tracks;
      cuda.mood = "is lost";
      client.send(encodeFrame({ seq: 2, timestamp: 0, jpeg: JPEG }));
      const { engine: info } = (await client.nextOf("engine"))!;
      assert.equal(info.name, "cpu");
      assert.match(info.reason, /cuda failed: the cuda engine is lost/);
      const second = (await client.nextOf("tracks"))!.tracks;
      assert.equal(second.seq, 2);
      assert.ok(!second.reset);
      assert.deepEqual([...second.points.id], [...first.points.id]);
      assert.deepEqual([...second.lost.id], []);
      const metrics = await (await fetch(`${server.url}/metrics`)).text();
      assert.match(metrics, /lkstream_engine_failures_total\{engine="cuda"\} 1/);
      assert.match(metrics, /lkstream_engine\{engine="cpu",device="trial"\} 1/);
      assert.ok(!/lkstream_engine\{engine="cuda"/.test(metrics));
      assert.match(log.join("\n"), /engine_failed .*cuda[\s\S]*engine_changed .*cpu/);
      await client.close();
    } finally {
      await server.close();
    }
  }));

Deno.test("failover: not ready while no engine runs", () =>
  withTrials(async (engine, trials) => {
    const server = await serve({
      host: "127.0.0.1",
      port: 0,
      engine,
      isEngineReady: () => engine.isReady,
      limits: DEFAULT_LIMITS,
      token: null,
      allowOrigins: [],
      log: () => {},
    });
    const ready = async () => {
      const response = await fetch(`${server.url}/readyz`);
      return [response.status, await response.text()];
    };
    try {
      assert.deepEqual(await ready(), [200, "ready\n"]);
      for (const trial of trials) trial.mood = "fails";
      await using sequence = engine.open();
      for (let i = 0; i < 3; i++) await advance(sequence).catch(() => {});
      await until(() => !engine.isReady);
      assert.deepEqual(await ready(), [503, "no engine runs\n"]);
      const load = await (await fetch(`${server.url}/v1/load`)).json();
      assert.deepEqual([load.state, load.free], ["drain", 0], "proxies bring no more sessions");
      const live = await fetch(`${server.url}/healthz`);
      assert.equal(await live.text(), "ok\n");
    } finally {
      await server.close();
    }
  }));

Deno.test("failover: sequences of a closed engine are closed", async () => {
  const scripted = new ScriptedEngine(() => [{} as Script]);
  const engine = await FailoverEngine.start({
    candidates: [{ name: "wasm", create: () => scripted }],
    reason: "a test",
  });
  const sequence = engine.open();
  await sequence[Symbol.asyncDispose]();
  await engine.close();
  assert.throws(() => engine.open(), EngineError);
  await assert.rejects(advance(sequence), EngineError);
});
