import type { EngineInfo } from "../protocol/mod.ts";
import {
  type Advanced,
  CallError,
  DeadlineError,
  type Detected,
  type DetectOptions,
  type EngineCounters,
  EngineError,
  type FlowEngine,
  type FlowOptions,
  type FlowSequence,
  type Frame,
  FrameError,
  type Mask,
} from "../tracking/engine.ts";
import { Deadlines } from "./deadlines.ts";
import { LateCalls } from "./late_calls.ts";

/** An engine that may be opened, again too after it failed. */
export interface Candidate {
  name: EngineInfo["name"];
  /** @throws {EngineError} saying why it cannot run here. */
  create(reason: string): FlowEngine | Promise<FlowEngine>;
}

export interface FailoverOptions {
  /** From the one to be used where it runs to the last resort. */
  candidates: readonly Candidate[];
  /** Why the first one that runs is taken. */
  reason: string;
  /** A call that takes longer takes its engine out. */
  deadlineMs: number;
  /**
   * A failed engine is tried again after this, and after twice as long each time it fails again
   * before it has served for as long as it rested.
   */
  retryMs?: number;
  /** A candidate that takes longer to open is passed over: a driver may hang at its first call. */
  openingMs?: number;
}

/** What happens to the engines of a {@linkcode FailoverEngine}. */
export interface EngineEvents {
  /** An engine was taken out. */
  failed(name: EngineInfo["name"], why: string): void;
  /** Another engine goes on; every sequence begins anew with its next frame. */
  changed(info: EngineInfo): void;
}

/** Failures in a row, of all sequences together, that take an engine out. */
const FAILURES_IN_A_ROW = 3;
const RETRY_MS = 60_000;
const LONGEST_RETRY_MS = 3_600_000;
const OPENING_MS = 60_000;
/** The pause where no other engine runs meanwhile, in parts of the usual one. */
const ALONE = 1 / 60;
const PROBE_OPTIONS = {
  winSize: [21, 21],
  maxLevel: 1,
  maxCount: 10,
  epsilon: 0.01,
  minEigThreshold: 0,
  back: true,
} satisfies FlowOptions;

interface Serving {
  readonly engine: FlowEngine;
  readonly rank: number;
  /** By `performance.now()`. */
  readonly since: number;
  failures: number;
  readonly late: LateCalls;
  /** Settled when it is no longer used: what hangs in it is not waited for then. */
  readonly retired: PromiseWithResolvers<void>;
  /** Runs while it is found out whether the engine answers at all. */
  examination?: Promise<void>;
}

/** A candidate that does not run. */
interface PassedOver {
  name: EngineInfo["name"];
  error: unknown;
}

/** A sequence and the engine that it is of. */
interface Placed {
  serving: Serving;
  sequence: FlowSequence;
}

/**
 * The first engine that runs, and the next one when it fails or a call takes
 * longer than the deadline. A failed one is tried again after a pause, and
 * takes over where it runs. Sequences live on: a change of engines is to them
 * as a frame that does not continue the one before.
 */
export class FailoverEngine implements FlowEngine {
  events: EngineEvents = { failed() {}, changed() {} };
  readonly #options: Required<FailoverOptions>;
  readonly #deadlines: Deadlines;
  readonly #openings: Deadlines;
  /** How often each candidate failed in a row, and its pause after the last time. */
  readonly #failed = new Map<number, { times: number; pauseMs: number }>();
  /** Those that are not to be opened: they wait for their pause to end, or are being opened. */
  readonly #resting = new Map<number, ReturnType<typeof setTimeout> | undefined>();
  /** Those of them that still open, though it took too long. */
  readonly #late = new Set<number>();
  #serving: Serving | null = null;
  #info!: EngineInfo;
  /** The last engine of each candidate that was taken out; its end, which may never come. */
  readonly #ends = new Map<number, Promise<void>>();
  /** Changes of engines under way. */
  readonly #changes = new Set<Promise<void>>();
  #closed = false;

  /**
   * Opens the first candidate that runs.
   *
   * @throws {EngineError} where none does, with the reason of each; of a sole one, its own error.
   */
  static async start(options: FailoverOptions): Promise<FailoverEngine> {
    const engine = new FailoverEngine(options);
    const passedOver = await engine.#takeNext([options.reason]);
    if (engine.isReady) return engine;
    await engine.close();
    if (passedOver.length === 1) throw passedOver[0].error;
    const names = passedOver.map(({ name }) => name).join(", ");
    throw new EngineError(`Cannot run ${names} here: ${passedOver.map(whyNot).join("; ")}`);
  }

  private constructor(options: FailoverOptions) {
    this.#options = { retryMs: RETRY_MS, openingMs: OPENING_MS, ...options };
    this.#deadlines = new Deadlines(options.deadlineMs);
    this.#openings = new Deadlines(this.#options.openingMs);
  }

  /** Of the engine in use, or the last one that was. */
  get info(): EngineInfo {
    return this.#info;
  }

  /** False while no engine is in use. */
  get isReady(): boolean {
    return this.#serving !== null;
  }

  counters(): EngineCounters | null {
    return this.#serving?.engine.counters?.() ?? null;
  }

  open(): FlowSequence {
    if (this.#closed) throw new EngineError("Cannot open a sequence: the engine is closed");
    const on = this.#serving && { serving: this.#serving, sequence: this.#serving.engine.open() };
    return new FailoverSequence(this, on);
  }

  /**
   * The engine in use; where there is none, the one that a change under way brings.
   *
   * @throws {EngineError} where none is left.
   */
  async serving(): Promise<Serving> {
    while (!this.#serving && this.#changes.size > 0) await Promise.race(this.#changes);
    if (this.#serving) return this.#serving;
    throw new EngineError("Cannot track: no engine runs; it is tried again in a while");
  }

  isServing(serving: Serving): boolean {
    return this.#serving === serving;
  }

  /**
   * Makes a call of a sequence in its turn, waits no longer than the deadline from then on, unless
   * the engine keeps its time, and takes the engine out where that is due. The turn of a late call
   * ends, though the call may go on: one that never ends must not keep others waiting. Where several
   * go on already, the next late one is waited for, its client with it.
   *
   * @throws {DeadlineError} where the call takes too long, though the engine answers others.
   */
  guard<T>({ serving, sequence }: Placed, call: () => Promise<T>): Promise<T> {
    const turn = () => this.#turn(serving, call);
    return sequence.gate ? sequence.gate.pass(turn) : turn();
  }

  /** A late call's turn lasts until it is known whether the next one would hang as well. */
  async #turn<T>(serving: Serving, call: () => Promise<T>): Promise<T> {
    const { info: { name }, keepsTime } = serving.engine;
    if (!this.isServing(serving)) {
      throw new EngineError(`Cannot use the ${name} engine: it was taken out`);
    }
    const called = call();
    try {
      const result = await (keepsTime ? called : this.#deadlines.guard(name, called));
      serving.failures = 0;
      return result;
    } catch (error) {
      if (error instanceof FrameError || error instanceof CallError) {
        serving.failures = 0;
      } else if (error instanceof DeadlineError) {
        await this.#examine(serving, error);
        await serving.late.letGo(called);
      } else if (++serving.failures >= FAILURES_IN_A_ROW) {
        this.#takeOut(serving, error as Error);
      }
      throw error;
    }
  }

  /** A call that was too much work is its client's matter; an engine that answers nobody is taken out. */
  async #examine(serving: Serving, late: DeadlineError): Promise<void> {
    if (!this.isServing(serving) || serving.engine.keepsTime) return;
    serving.examination ??= this.#deadlines.guard(late.message, probe(serving.engine))
      .catch((error) => {
        if (!(error instanceof CallError)) this.#takeOut(serving, late);
      })
      .finally(() => serving.examination = undefined);
    await serving.examination;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#serving?.retired.resolve();
    for (const timer of this.#resting.values()) clearTimeout(timer);
    this.#openings.missAll();
    await Promise.all(this.#changes); // a probe that hangs ends with its deadline
    this.#deadlines.close();
    this.#openings.close();
    await this.#serving?.engine.close();
    this.#serving = null;
  }

  #takeOut(serving: Serving, { message }: Error): void {
    if (this.#serving !== serving || this.#closed) return;
    const { name } = serving.engine.info;
    const servedMs = performance.now() - serving.since;
    this.#serving = null;
    this.#retire(serving);
    this.events.failed(name, message);
    this.#resting.set(serving.rank, undefined);
    this.#change(async () => {
      await this.#takeNext([`${name} failed: ${message}`]);
      this.#rest(serving.rank, servedMs);
    });
  }

  /** Changes may overlap: a candidate is opened by one of them, and the best one that runs is used. */
  #change(change: () => Promise<void>): void {
    const under = change().finally(() => this.#changes.delete(under));
    this.#changes.add(under);
  }

  /** Opens the first candidate that runs. @returns those before it */
  async #takeNext(reasons: string[]): Promise<PassedOver[]> {
    const passedOver: PassedOver[] = [];
    for (const [rank, { name }] of this.#options.candidates.entries()) {
      if (this.#closed) break;
      if (this.#resting.has(rank)) continue;
      try {
        await this.#take(rank, [...reasons, ...passedOver.map(whyNot)].join("; "));
        return passedOver;
      } catch (error) {
        passedOver.push({ name, error });
      }
    }
    return passedOver;
  }

  /** Opens a candidate, tries it, and uses it from now on, unless a better one is in use. */
  async #take(rank: number, reason: string): Promise<void> {
    this.#resting.set(rank, undefined);
    try {
      const engine = await this.#open(rank, reason);
      if (this.#closed || this.#serves(rank)) return await engine.close();
      this.#use(engine, rank);
    } finally {
      if (!this.#late.has(rank)) this.#resting.delete(rank);
    }
  }

  async #open(rank: number, reason: string): Promise<FlowEngine> {
    const engine = await this.#create(rank, reason);
    try {
      await this.#deadlines.guard(engine.info.name, probe(engine));
      return engine;
    } catch (error) {
      this.#retire({ engine, rank });
      throw error;
    }
  }

  /** One that comes too late is closed; then its candidate, which rests until then, is tried again. */
  async #create(rank: number, reason: string): Promise<FlowEngine> {
    const candidate = this.#options.candidates[rank];
    const creation = (async () => await candidate.create(reason))();
    try {
      return await this.#openings.guard(candidate.name, creation, " to open");
    } catch (error) {
      if (error instanceof DeadlineError) {
        this.#late.add(rank);
        creation.then((engine) => engine.close()).then(() => true, () => false).then((opens) => {
          this.#late.delete(rank);
          return opens ? this.#retry(rank, "it took long to open") : this.#rest(rank, 0);
        });
      }
      throw error;
    }
  }

  #use(engine: FlowEngine, rank: number): void {
    const before = this.#serving;
    const retired = Promise.withResolvers<void>();
    const late = new LateCalls(this.#options.deadlineMs, retired.promise);
    this.#serving = { engine, rank, since: performance.now(), failures: 0, late, retired };
    this.#info = engine.info;
    if (before) this.#retire(before);
    this.events.changed(this.#info);
  }

  /** Whether this candidate or a better one is in use. */
  #serves(rank: number): boolean {
    return this.#serving !== null && this.#serving.rank <= rank;
  }

  /** Closes an engine that is no longer used, with its sequences; it may hang, and is not waited for. */
  #retire(
    { engine, rank, retired }: Pick<Serving, "engine" | "rank"> & Partial<Serving>,
  ): void {
    retired?.resolve();
    this.#ends.set(rank, engine.close().catch(() => {}));
  }

  /** Tries a candidate again after a pause. One that served as long as its last pause begins anew. */
  #rest(rank: number, servedMs: number): void {
    if (this.#closed || this.#late.has(rank)) return;
    const last = this.#failed.get(rank);
    const times = last && servedMs < last.pauseMs ? last.times : 0;
    const usual = this.#options.retryMs * 2 ** times;
    const pauseMs = Math.min(this.isReady ? usual : usual * ALONE, LONGEST_RETRY_MS);
    this.#failed.set(rank, { times: times + 1, pauseMs });
    this.#resting.set(rank, setTimeout(() => void this.#retry(rank), pauseMs));
  }

  /** While one that was taken out still hangs, another would as well, and hold a thread more. */
  async #retry(rank: number, reason = "it runs again"): Promise<void> {
    if (this.#serving) await this.#ends.get(rank);
    this.#resting.delete(rank);
    if (this.#closed || this.#serves(rank)) return;
    this.#change(() => this.#take(rank, reason).catch(() => this.#rest(rank, 0)));
  }
}

/** One camera's frames, on whichever engine is in use. */
class FailoverSequence implements FlowSequence {
  readonly #owner: FailoverEngine;
  #on: Placed | null;
  /** The current one, for the next engine. */
  #frame: Frame | null = null;
  #closed = false;

  constructor(owner: FailoverEngine, on: Placed | null) {
    this.#owner = owner;
    this.#on = on;
  }

  /** A frame that an engine fails on while it is taken out goes to the next one, as a first frame. */
  async advance(
    frame: Frame,
    points: Float32Array,
    options: FlowOptions,
    guess?: Float32Array,
  ): Promise<Advanced> {
    let late: DeadlineError | undefined;
    for (;;) {
      const placed = await this.#place().catch((none) => {
        throw late ?? none;
      });
      try {
        const call = () => placed.sequence.advance(frame, points, options, guess);
        const advanced = await this.#owner.guard(placed, call);
        this.#frame = frame;
        return advanced;
      } catch (error) {
        if (error instanceof FrameError || this.#owner.isServing(placed.serving)) {
          throw this.#given(error);
        }
        if (!(error instanceof DeadlineError)) continue;
        if (late) throw error; // two engines: it is the frame
        late = error;
      }
    }
  }

  /** Where the engine was changed since the frame, the frame is given to the new one first. */
  async detect(options: DetectOptions, avoid: Float32Array, mask?: Mask): Promise<Detected> {
    if (!this.#frame) throw new EngineError("Cannot detect: there is no frame yet");
    for (;;) {
      const before = this.#on;
      const placed = await this.#place();
      const { serving, sequence } = placed;
      try {
        if (this.#on !== before) {
          const frame = this.#frame;
          const call = () => sequence.advance(frame, new Float32Array(), PROBE_OPTIONS);
          await this.#owner.guard(placed, call);
        }
        return await this.#owner.guard(placed, () => sequence.detect(options, avoid, mask));
      } catch (error) {
        if (this.#owner.isServing(serving)) throw this.#given(error);
      }
    }
  }

  /** A sequence whose call is still at work cannot be used again. */
  #given<E>(error: E): E {
    if (error instanceof DeadlineError && this.#on) {
      abandon(this.#on.sequence);
      this.#on = null;
    }
    return error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const on = this.#on;
    this.#on = null;
    // what hangs in an engine that was taken out, or is taken out meanwhile, is not waited for
    if (!on || !this.#owner.isServing(on.serving)) return;
    await Promise.race([on.sequence[Symbol.asyncDispose](), on.serving.retired.promise]);
  }

  async #place() {
    if (this.#closed) throw new EngineError("Cannot take a frame: the sequence is closed");
    const serving = await this.#owner.serving();
    if (this.#on?.serving !== serving) {
      this.#on = { serving, sequence: serving.engine.open() };
    }
    return this.#on;
  }
}

/** Follows a point through two small frames, out of turn: does the engine answer at all? */
async function probe(engine: FlowEngine): Promise<void> {
  await using sequence = engine.open();
  const grey = { width: 64, height: 64, data: new Uint8Array(64 * 64) };
  const point = Float32Array.of(32, 32);
  await sequence.advance(grey, new Float32Array(), PROBE_OPTIONS);
  await sequence.advance(grey, point, PROBE_OPTIONS);
}

/** Closes a sequence whose call may never end. */
function abandon(sequence: FlowSequence): void {
  sequence[Symbol.asyncDispose]().then(() => {}, () => {});
}

/** Part of a reason; the native library's sentence, which names the engine itself, would do so again. */
function whyNot({ name, error }: PassedOver): string {
  const message = error instanceof Error ? error.message : String(error);
  return `no ${name}: ${message.replace(`Cannot use engine ${name}: `, "").replace(/\.$/, "")}`;
}
