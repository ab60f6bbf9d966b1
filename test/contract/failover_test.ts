import assert from "node:assert/strict";
import { encodeFrame } from "../../protocol/mod.ts";
import { CallError, DeadlineError, EngineError } from "../../tracking/engine.ts";
import { FailoverEngine } from "../../engines/failover.ts";
import { DEFAULT_LIMITS } from "../../server/limits.ts";
import { Gate } from "../../tracking/gate.ts";
import { serve } from "../../server/http/server.ts";
import { Client } from "../lib/client.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";
import { type Script, ScriptedEngine, ScriptedSequence } from "../lib/scripted.ts";
import {
  advance,
  DEADLINE_MS,
  NO_POINTS,
  OPTIONS,
  Trial,
  until,
  whyNot,
  withTrials,
} from "../lib/trials.ts";

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
  const start = (candidates: Trial[]) =>
    FailoverEngine.start({ candidates, reason: "", deadlineMs: DEADLINE_MS });
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
    await advance(sequence);
    cuda.mood = "fails";
    await assert.rejects(advance(sequence), EngineError);
    await assert.rejects(advance(sequence), EngineError);
    assert.deepEqual(events, []);
    const advanced = await advance(sequence); // the frame of the third goes to the next engine
    assert.equal(advanced.continues, false);
    assert.ok((await advance(sequence)).continues);
    assert.equal(engine.info.name, "cpu");
    assert.equal(cpu.created, 1);
    assert.equal(cuda.closed, 1);
    assert.match(events.join("; "), /^cuda failed: .*told to fail; cpu goes on$/);
  }));

Deno.test("failover: a call that asks for what cannot be is no failure of the engine", () =>
  withTrials(async (engine, [cuda], events) => {
    await using sequence = engine.open();
    cuda.mood = "refuses";
    for (let i = 0; i < 5; i++) await assert.rejects(advance(sequence), CallError);
    assert.deepEqual(events, []);
    assert.equal(engine.info.name, "cuda");
  }));

Deno.test("failover: a call beyond its deadline takes the engine out, and its frame goes on", () =>
  withTrials(async (engine, [cuda], events) => {
    const sequences = [engine.open(), engine.open()];
    for (const sequence of sequences) await advance(sequence);
    cuda.mood = "hangs";
    const advanced = await Promise.all(sequences.map(advance));
    assert.deepEqual(advanced.map(({ continues }) => continues), [false, false]);
    assert.match(events.join("; "), /^cuda failed: .*longer than 100 ms; cpu goes on$/);
    for (const sequence of sequences) {
      assert.ok((await advance(sequence)).continues);
      await sequence[Symbol.asyncDispose](); // does not wait for what hangs
      await sequence[Symbol.asyncDispose]();
    }
  }));

Deno.test("failover: a frame that is too much work costs its session, not the engine", () =>
  withTrials(async (engine, [cuda], events) => {
    await using sequence = engine.open();
    await using other = engine.open();
    await advance(sequence);
    await advance(other);
    cuda.mood = "hangs once";
    await assert.rejects(advance(sequence), DeadlineError);
    assert.ok((await advance(other)).continues);
    assert.equal((await advance(sequence)).continues, false); // on a new sequence
    assert.deepEqual(events, []);
    assert.equal(cuda.created, 1);
  }));

Deno.test("failover: a frame that two engines take too long for is not given to a third", () =>
  withTrials(async (engine, [cuda, cpu]) => {
    await using sequence = engine.open();
    await advance(sequence);
    cuda.mood = "hangs";
    cpu.wellFor = 2; // its probe
    await assert.rejects(advance(sequence), DeadlineError);
  }));

/** Works on two calls at once, as Deno's thread pool does on 32: the others wait inside of it. */
class Pooled extends ScriptedEngine {
  readonly begun: number[] = [];
  readonly #gate = new Gate(2);
  readonly #pool = new Gate(2);

  override open(): ScriptedSequence {
    const sequence = super.open();
    const advance = sequence.advance.bind(sequence);
    sequence.advance = (frame, points, options) =>
      this.#pool.pass(async () => {
        this.begun.push(points.length); // which tells the calls apart
        const ms = points.length === 0 ? 0 : DEADLINE_MS * (points.length <= 8 ? 0.7 : 0.1);
        await new Promise((later) => setTimeout(later, ms));
        return await advance(frame, points, options);
      });
    return Object.assign(sequence, { gate: this.#gate });
  }
}

Deno.test("failover: calls wait for their turn in order, and none is late for it", async () => {
  const pooled = new Pooled();
  const engine = await FailoverEngine.start({
    candidates: [{ name: "wasm", create: () => pooled }],
    reason: "a test",
    deadlineMs: DEADLINE_MS,
  });
  pooled.begun.length = 0; // the probe's
  const lengths = Array.from({ length: 12 }, (_, i) => 2 * (i + 1)); // four heavy ones, then light ones
  const sequences = lengths.map(() => engine.open());
  try {
    await Promise.all(
      sequences.map((sequence, i) => sequence.advance(JPEG, new Float32Array(lengths[i]), OPTIONS)),
    );
    assert.deepEqual(pooled.begun, lengths);
  } finally {
    for (const sequence of sequences) await sequence[Symbol.asyncDispose]();
    await engine.close();
  }
});

Deno.test("failover: where a call hangs, those that wait for its turn go on with the next engine", () =>
  withTrials(async (engine, [cuda, cpu], events) => {
    const sequences = Array.from({ length: 5 }, () => engine.open());
    const before = cuda.begun;
    cuda.mood = "hangs";
    await Promise.all(sequences.map(advance));
    assert.equal(cuda.begun - before, 2); // the first, and the probe
    assert.equal(cpu.begun, 2 + 5); // its probe, and all of them
    assert.match(events.join("; "), /^cuda failed: .*longer than 100 ms; cpu goes on$/);
  }, { prepare: ([cuda]) => cuda.gate = new Gate(1) }));

Deno.test("failover: a call that never ends does not keep others from an engine that answers", () =>
  withTrials(async (engine, [cuda], events) => {
    await using sequence = engine.open();
    await using other = engine.open();
    cuda.mood = "hangs once";
    const [late, waited] = await Promise.allSettled([advance(sequence), advance(other)]);
    assert.equal(late.status, "rejected");
    assert.equal(waited.status, "fulfilled");
    assert.deepEqual(events, []);
  }, { prepare: ([cuda]) => cuda.gate = new Gate(1) }));

Deno.test("failover: two late calls go on beside the others, of a third its client waits for the end", () =>
  withTrials(async (engine, [cuda], events) => {
    const sequences = Array.from({ length: 3 }, () => engine.open());
    const settled: number[] = [];
    const late: Promise<unknown>[] = [];
    for (const [i, sequence] of sequences.entries()) {
      cuda.mood = "hangs once";
      late.push(assert.rejects(advance(sequence), DeadlineError).then(() => settled.push(i)));
      await until(() => cuda.mood === "well");
    }
    await until(() => settled.length === 2);
    await new Promise((later) => setTimeout(later, 3 * DEADLINE_MS));
    assert.deepEqual(settled, [0, 1]);
    await using other = engine.open();
    await advance(other); // in one of the two turns that are free again
    cuda.release();
    await Promise.all(late);
    assert.deepEqual(events, []);
    for (const sequence of sequences) await sequence[Symbol.asyncDispose]();
  }, { prepare: ([cuda]) => cuda.gate = new Gate(3) }));

Deno.test("failover: of late calls that go on for very long, one at a time does so without its turn", () =>
  withTrials(async (engine, [cuda]) => {
    const sequences = Array.from({ length: 5 }, () => engine.open());
    let settled = 0;
    const late: Promise<unknown>[] = [];
    for (const sequence of sequences) {
      cuda.mood = "hangs once";
      late.push(assert.rejects(advance(sequence), DeadlineError).then(() => settled++));
      await until(() => cuda.mood === "well");
    }
    await until(() => settled === 3); // ten deadlines later
    await new Promise((later) => setTimeout(later, 3 * DEADLINE_MS));
    assert.equal(settled, 3);
    cuda.release();
    await Promise.all(late);
    for (const sequence of sequences) await sequence[Symbol.asyncDispose]();
  }));

Deno.test("failover: a sequence that ends while its engine hangs is not waited for once that is taken out", () =>
  withTrials(async (engine, [cuda]) => {
    const idle = engine.open();
    await using busy = engine.open();
    await advance(idle);
    cuda.mood = "hangs";
    let hasEnded = false;
    idle[Symbol.asyncDispose]().then(() => hasEnded = true);
    await advance(busy);
    assert.equal(engine.info.name, "cpu");
    await until(() => hasEnded);
  }));

Deno.test("failover: a detection after the engine was changed is done by the next one", () =>
  withTrials(async (engine, [cuda]) => {
    await using sequence = engine.open();
    await advance(sequence);
    cuda.mood = "hangs";
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

Deno.test("failover: from one to the next to the last", () =>
  withTrials(async (engine, [cuda, cpu], events) => {
    await using sequence = engine.open();
    cuda.mood = cpu.mood = "hangs";
    await advance(sequence);
    assert.equal(engine.info.name, "wasm");
    assert.equal(events.filter((event) => event.includes("failed")).length, 1); // cpu failed its probe
  }));

Deno.test("failover: after a pause the first engine is tried, and takes over where it runs", () =>
  withTrials(async (engine, [cuda, cpu], events) => {
    await using sequence = engine.open();
    await advance(sequence);
    cuda.mood = "hangs";
    await advance(sequence);
    assert.equal(engine.info.name, "cpu");
    await until(() => cuda.created >= 2); // tried, and still hangs
    assert.ok((await advance(sequence)).width > 0);
    assert.equal(engine.info.name, "cpu");
    cuda.mood = "well";
    await until(() => engine.info.name === "cuda");
    assert.equal((await advance(sequence)).continues, false);
    assert.equal(cpu.closed, 1);
    assert.equal(events.at(-1), "cuda goes on");
  }, { retryMs: 20 }));

Deno.test("failover: while the first is tried again, the second serves, and the third follows it", () =>
  withTrials(async (engine, [cuda, cpu], events) => {
    await using sequence = engine.open();
    await advance(sequence);
    cuda.mood = "hangs";
    await advance(sequence);
    await until(() => cuda.created === 2); // its probe hangs now
    assert.ok((await advance(sequence)).width > 0);
    cpu.mood = "fails";
    for (let i = 0; i < 2; i++) await assert.rejects(advance(sequence), EngineError);
    await advance(sequence);
    assert.equal(engine.info.name, "wasm");
    assert.deepEqual([cuda.created, cuda.closed], [2, 1]); // the same probe still
    cuda.mood = "well";
    await until(() => engine.info.name === "cuda");
    assert.equal(cuda.created, 3);
    assert.deepEqual(events.map((event) => event.split(/(?<=failed)/)[0]), [
      "cuda failed",
      "cpu goes on",
      "cpu failed",
      "wasm goes on",
      "cuda goes on",
    ]);
  }, { retryMs: 50 }));

Deno.test("failover: an engine that still hangs is not tried again while another one serves", () =>
  withTrials(async (engine, [cuda]) => {
    await using sequence = engine.open();
    const { promise, resolve } = Promise.withResolvers<void>();
    cuda.ended = promise;
    cuda.mood = "hangs";
    await advance(sequence);
    await new Promise((later) => setTimeout(later, 100)); // twice the pause
    assert.deepEqual([cuda.created, engine.info.name], [1, "cpu"]);
    cuda.mood = "well";
    resolve();
    await until(() => engine.info.name === "cuda");
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
  }, { retryMs: 20_000 }));

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

Deno.test("failover: a machine that slept through the deadline is no reason to take an engine out", () =>
  withTrials(async (engine, [cuda], events) => {
    await using sequence = engine.open();
    cuda.mood = "hangs";
    const call = advance(sequence);
    await new Promise((later) => setTimeout(later, 5));
    const until = performance.now() + 3 * DEADLINE_MS;
    while (performance.now() < until); // nothing runs, as in a machine that sleeps
    cuda.mood = "well";
    cuda.release();
    await call;
    assert.deepEqual(events, []);
  }));

Deno.test("failover: clients are told, keep their session, and begin anew", () =>
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
      cuda.mood = "hangs";
      client.send(encodeFrame({ seq: 2, timestamp: 0, jpeg: JPEG }));
      const { engine: info } = (await client.nextOf("engine"))!;
      assert.equal(info.name, "cpu");
      assert.match(info.reason, /cuda failed: .*longer than 100 ms/);
      const second = (await client.nextOf("tracks"))!.tracks;
      assert.equal(second.seq, 2);
      assert.ok(second.reset && second.detected);
      assert.deepEqual([...second.lost.id], [...first.points.id]);
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
    deadlineMs: DEADLINE_MS,
  });
  const sequence = engine.open();
  await sequence[Symbol.asyncDispose]();
  await engine.close();
  assert.throws(() => engine.open(), EngineError);
  await assert.rejects(advance(sequence), EngineError);
});
