/** Engines that fail, hang and refuse as a test tells them to, and one that moves from one to the next. */
import {
  CallError,
  EngineError,
  type FlowEngine,
  type FlowSequence,
} from "../../tracking/engine.ts";
import { type Candidate, FailoverEngine } from "../../engines/failover.ts";
import type { Gate } from "../../tracking/gate.ts";
import { HEADER_ONLY_JPEG as JPEG } from "./header_only_jpeg.ts";
import { ScriptedSequence } from "./scripted.ts";

export const OPTIONS = {
  winSize: [21, 21] as [number, number],
  maxLevel: 3,
  maxCount: 30,
  epsilon: 0.01,
  minEigThreshold: 0.0001,
  back: true,
};
export const DEADLINE_MS = 100;
const LIMIT_MS = 30_000;
export const NO_POINTS = new Float32Array();

/** As the native library says it. */
export const whyNot = (name: string) => `Cannot use engine ${name}: there is none on this machine.`;

/** How the next calls of a {@linkcode Trial}'s sequences go. */
type Mood = "well" | "fails" | "hangs" | "hangs once" | "refuses";

/** A candidate whose engines do as they are told. */
export class Trial implements Candidate {
  mood: Mood = "well";
  /** So many calls go well before one hangs. */
  wellFor = Infinity;
  runsHere = true;
  gate?: Gate;
  /** When those that are closed have come to their end. */
  ended: Promise<void> = Promise.resolve();
  created = 0;
  closed = 0;
  opened = 0;
  /** Calls that were made. */
  begun = 0;
  #hanging: (() => void)[] = [];

  constructor(readonly name: "cuda" | "cpu" | "wasm") {}

  create(reason: string): FlowEngine {
    if (!this.runsHere) throw new EngineError(whyNot(this.name));
    this.created++;
    return {
      info: { name: this.name, device: "trial", reason },
      open: () => {
        this.opened++;
        return this.#sequence();
      },
      close: () => {
        this.closed++;
        return this.ended;
      },
    };
  }

  /** Lets the calls that hang end, so that nothing outlives a test. */
  release(): void {
    for (const end of this.#hanging.splice(0)) end();
  }

  #sequence(): FlowSequence {
    const wrapped = new ScriptedSequence(Array.from({ length: 99 }, () => ({ corners: [[5, 5]] })));
    const minded = async <T>(call: () => Promise<T>): Promise<T> => {
      this.begun++;
      if (this.mood === "fails") throw new EngineError(`the ${this.name} engine is told to fail`);
      if (this.mood === "refuses") throw new CallError("the call is wrong");
      if (this.wellFor-- === 0) this.mood = "hangs";
      const { mood } = this;
      if (mood === "hangs once") this.mood = "well";
      if (mood.startsWith("hangs")) await new Promise<void>((end) => this.#hanging.push(end));
      return await call();
    };
    return {
      gate: this.gate,
      advance: (...args) => minded(() => wrapped.advance(...args)),
      detect: (...args) => minded(() => wrapped.detect(...args)),
      [Symbol.asyncDispose]: async () => {
        if (this.mood === "hangs") await new Promise<void>((end) => this.#hanging.push(end));
        await wrapped[Symbol.asyncDispose]();
      },
    };
  }
}

export async function withTrials(
  use: (engine: FailoverEngine, trials: Trial[], events: string[]) => Promise<void>,
  { retryMs = 60_000, prepare = () => {} }: {
    retryMs?: number;
    prepare?: (trials: Trial[]) => void;
  } = {},
): Promise<void> {
  const trials = [new Trial("cuda"), new Trial("cpu"), new Trial("wasm")];
  prepare(trials);
  const engine = await FailoverEngine.start({
    candidates: trials,
    reason: "a test",
    deadlineMs: DEADLINE_MS,
    retryMs,
  });
  const events: string[] = [];
  engine.events = {
    failed: (name, why) => events.push(`${name} failed: ${why}`),
    changed: ({ name }) => events.push(`${name} goes on`),
  };
  try {
    await use(engine, trials, events);
  } finally {
    for (const trial of trials) trial.release();
    await engine.close();
    await engine.close();
  }
}

/** @throws where the condition does not come to hold: a test that hangs says nothing. */
export async function until(condition: () => boolean): Promise<void> {
  const limit = performance.now() + LIMIT_MS;
  while (!condition()) {
    if (performance.now() > limit) throw new Error(`Not so within ${LIMIT_MS} ms: ${condition}`);
    await new Promise((later) => setTimeout(later, 5));
  }
}

export const advance = (sequence: FlowSequence) => sequence.advance(JPEG, NO_POINTS, OPTIONS);
