/** Engines that fail, hang and refuse as a test tells them to, and one that moves from one to the next. */
import { defaultOptions } from "../../protocol/mod.ts";
import {
  CallError,
  DeadlineError,
  EngineError,
  EngineLostError,
  type FlowEngine,
  flowOptionsOf,
  type FlowSequence,
} from "../../tracking/engine.ts";
import { type Candidate, FailoverEngine } from "../../engines/failover.ts";
import { HEADER_ONLY_JPEG as JPEG } from "./header_only_jpeg.ts";
import { ScriptedSequence } from "./scripted.ts";

export const OPTIONS = flowOptionsOf(defaultOptions());
const LIMIT_MS = 30_000;
export const NO_POINTS = new Float32Array();

/** As the native library says it. */
export const whyNot = (name: string) => `Cannot use engine ${name}: there is none on this machine.`;

/** How the next calls of a {@linkcode Trial}'s sequences go. */
type Mood = "well" | "fails" | "is lost" | "overworked once" | "refuses";

/** A candidate whose engines do as they are told. */
export class Trial implements Candidate {
  mood: Mood = "well";
  runsHere = true;
  /** The exception behind its being lost. */
  cause: string | undefined;
  /** Calls do not begin before it. */
  hold: Promise<void> = Promise.resolve();
  created = 0;
  closed = 0;
  /** Calls that were made. */
  begun = 0;

  constructor(readonly name: "cuda" | "cpu" | "wasm") {}

  create(reason: string): FlowEngine {
    if (!this.runsHere) throw new EngineError(whyNot(this.name));
    this.created++;
    return {
      info: { name: this.name, device: "trial", reason },
      open: () => this.#sequence(),
      close: () => {
        this.closed++;
        return Promise.resolve();
      },
    };
  }

  #sequence(): FlowSequence {
    const wrapped = new ScriptedSequence(Array.from({ length: 99 }, () => ({ corners: [[5, 5]] })));
    const minded = async <T>(call: () => Promise<T>): Promise<T> => {
      this.begun++;
      await this.hold;
      if (this.mood === "fails") throw new EngineError(`the ${this.name} engine is told to fail`);
      if (this.mood === "is lost") {
        throw new EngineLostError(`the ${this.name} engine is lost`, { cause: this.cause });
      }
      if (this.mood === "refuses") throw new CallError("the call is wrong");
      if (this.mood === "overworked once") {
        this.mood = "well";
        throw new DeadlineError("it is too much work");
      }
      return await call();
    };
    return {
      advance: (...args) => minded(() => wrapped.advance(...args)),
      detect: (...args) => minded(() => wrapped.detect(...args)),
      take: (...args) => minded(() => wrapped.take(...args)),
      compare: (...args) => minded(() => wrapped.compare(...args)),
      [Symbol.asyncDispose]: () => wrapped[Symbol.asyncDispose](),
    };
  }
}

export async function withTrials(
  use: (engine: FailoverEngine, trials: Trial[], events: string[]) => Promise<void>,
  { retryMs = 60_000, openingMs, prepare = () => {} }: {
    retryMs?: number;
    openingMs?: number;
    prepare?: (trials: Trial[]) => void;
  } = {},
): Promise<void> {
  const trials = [new Trial("cuda"), new Trial("cpu"), new Trial("wasm")];
  prepare(trials);
  const engine = await FailoverEngine.start({
    candidates: trials,
    reason: "a test",
    retryMs,
    openingMs,
  });
  const events: string[] = [];
  engine.events = {
    failed: (name, why) => events.push(`${name} failed: ${why}`),
    changed: ({ name }) => events.push(`${name} goes on`),
  };
  try {
    await use(engine, trials, events);
  } finally {
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
