import { defaultOptions, type EngineInfo } from "../protocol/mod.ts";
import {
  CallError,
  DeadlineError,
  type EngineCounters,
  EngineError,
  EngineLostError,
  explain,
  type FlowEngine,
  flowOptionsOf,
  type FlowSequence,
  FrameError,
} from "../tracking/engine.ts";
import { FailoverSequence, type Serving } from "./failover_sequence.ts";

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
  /**
   * A failed engine is tried again after this, and after twice as long each time it fails again
   * before it has served for as long as it rested. Where no other one runs, after a sixtieth.
   */
  retryMs?: number;
  /** One that takes longer to open is passed over until it does: a driver may hang at its first call. */
  openingMs?: number;
}

/** What happens to the engines of a {@linkcode FailoverEngine}. */
export interface EngineEvents {
  /** An engine was taken out. */
  failed(name: EngineInfo["name"], why: string): void;
  /** Another engine goes on; every sequence gives it its last good frame first. */
  changed(info: EngineInfo): void;
}

/** Failures in a row, of all sequences together, that take an engine out. */
const FAILURES_IN_A_ROW = 3;
const RETRY_MS = 60_000;
const LONGEST_RETRY_MS = 3_600_000;
const OPENING_MS = 60_000;
const ALONE = 1 / 60;

/** An engine in use, and its place among the candidates. */
interface Ranked extends Serving {
  readonly rank: number;
  /** By `performance.now()`. */
  readonly since: number;
  failures: number;
}

/**
 * The first engine that runs, and the next one when it fails. A failed one is tried again after a
 * pause, and takes over where it runs. Sequences live on, and their points with them: see
 * {@linkcode FailoverSequence}.
 */
export class FailoverEngine implements FlowEngine {
  events: EngineEvents = { failed() {}, changed() {} };
  readonly #options: Required<FailoverOptions>;
  #serving: Ranked | null = null;
  #info!: EngineInfo;
  /** Candidates that are being opened, or rest. */
  readonly #away = new Set<number>();
  readonly #rests = new Map<number, { timer: ReturnType<typeof setTimeout>; usualMs: number }>();
  /** Searches for an engine under way. */
  readonly #searches = new Set<Promise<unknown>>();
  /** Engines that are being closed. */
  readonly #ends = new Set<Promise<void>>();
  readonly #closed = Promise.withResolvers<never>();
  #isClosed = false;

  /**
   * Opens the first candidate that runs.
   *
   * @throws {EngineError} where none does, with the reason of each; of a sole one, its own error.
   */
  static async start(options: FailoverOptions): Promise<FailoverEngine> {
    const engine = new FailoverEngine(options);
    const errors = await engine.#search([options.reason]);
    if (engine.isReady) return engine;
    await engine.close();
    if (errors.size === 1) throw [...errors.values()][0];
    const names = [...errors.keys()].join(", ");
    throw new EngineError(`Cannot run ${names} here: ${[...errors].map(whyNot).join("; ")}`);
  }

  private constructor(options: FailoverOptions) {
    const { retryMs = RETRY_MS, openingMs = OPENING_MS } = options;
    this.#options = { ...options, retryMs, openingMs };
    this.#closed.promise.catch(() => {}); // nobody may wait
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
    if (this.#isClosed) throw new EngineError("Cannot open a sequence: the engine is closed");
    return new FailoverSequence(this);
  }

  /**
   * The engine in use; where there is none, the one that is found.
   *
   * @throws {EngineError} where none is.
   */
  async serving(): Promise<Ranked> {
    while (!this.#serving && this.#searches.size > 0) await Promise.race(this.#searches);
    if (this.#serving) return this.#serving;
    throw new EngineError("Cannot track: no engine runs; it is tried again in a while");
  }

  /**
   * To be told how each call ended: with a result, or an error.
   *
   * @returns whether it is left at that; else the next engine is to be asked.
   */
  stands(serving: Ranked, error?: unknown): boolean {
    const isOfCall = error instanceof CallError || error instanceof DeadlineError;
    if (error === undefined || isOfCall || error instanceof FrameError) {
      serving.failures = 0;
      return true;
    }
    if (this.#serving !== serving) return false;
    const isLost = error instanceof EngineLostError;
    if (!isLost && ++serving.failures < FAILURES_IN_A_ROW) return true;
    this.#takeOut(serving, error as Error);
    return false;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closed.reject(new EngineError("Cannot open an engine: it is closed"));
    for (const { timer } of this.#rests.values()) clearTimeout(timer);
    await Promise.all(this.#searches);
    if (this.#serving) this.#retire(this.#serving.engine);
    this.#serving = null;
    await Promise.all(this.#ends);
  }

  #takeOut({ engine, rank, since }: Ranked, error: Error): void {
    const { name } = engine.info, servedMs = performance.now() - since;
    this.#serving = null;
    this.#retire(engine);
    this.events.failed(name, explain(error));
    this.#away.add(rank);
    this.#search([`${name} failed: ${error.message}`]).then(() => this.#rest(rank, servedMs));
  }

  /** Opens the first candidate that runs, if it is before the one in use. @returns why not those before it */
  #search(reasons: string[]): Promise<Map<string, unknown>> {
    const search = this.#open(reasons).finally(() => this.#searches.delete(search));
    this.#searches.add(search);
    return search;
  }

  async #open(reasons: string[]): Promise<Map<string, unknown>> {
    const errors = new Map<string, unknown>();
    for (const [rank, { name }] of this.#options.candidates.entries()) {
      if (!this.#isWanted(rank)) break;
      if (this.#away.has(rank)) continue;
      const taken = this.#take(rank, [...reasons, ...[...errors].map(whyNot)].join("; "));
      try {
        await this.#inTime(rank, taken);
        break;
      } catch (error) {
        errors.set(name, error);
      }
    }
    return errors;
  }

  #isWanted(rank: number): boolean {
    return !this.#isClosed && (this.#serving === null || rank < this.#serving.rank);
  }

  /** Opens a candidate, tries it, and uses it from now on, unless a better one is in use. */
  async #take(rank: number, reason: string): Promise<void> {
    this.#away.add(rank);
    try {
      const engine = await this.#options.candidates[rank].create(reason);
      try {
        await tryOut(engine);
      } catch (error) {
        this.#retire(engine);
        throw error;
      }
      if (this.#isWanted(rank)) this.#use({ engine, rank, since: performance.now(), failures: 0 });
      else this.#retire(engine);
    } finally {
      this.#away.delete(rank);
    }
  }

  /** An opening that takes too long goes on, and its engine is used when it comes. */
  async #inTime(rank: number, taken: Promise<void>): Promise<void> {
    const { candidates, openingMs } = this.#options;
    const passedOver = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const why = `The ${candidates[rank].name} engine took longer than ${openingMs} ms to open`;
      passedOver.reject(new EngineError(why));
      taken.catch(() => this.#rest(rank, 0));
    }, openingMs);
    try {
      await Promise.race([taken, passedOver.promise, this.#closed.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  #use(serving: Ranked): void {
    if (this.#serving) this.#retire(this.#serving.engine);
    this.#serving = serving;
    this.#info = serving.engine.info;
    this.events.changed(this.#info);
  }

  #retire(engine: FlowEngine): void {
    const end = engine.close().catch(() => {}).finally(() => this.#ends.delete(end));
    this.#ends.add(end);
  }

  /** Tries a candidate again after a pause. */
  #rest(rank: number, servedMs: number): void {
    if (this.#isClosed) return;
    const { retryMs } = this.#options, last = this.#rests.get(rank)?.usualMs ?? 0;
    const usualMs = Math.min(servedMs < last ? 2 * last : retryMs, LONGEST_RETRY_MS);
    const again = async () => {
      this.#away.delete(rank);
      await this.#search(["it runs again"]);
      if (this.#isWanted(rank) && !this.#away.has(rank)) this.#rest(rank, 0);
    };
    this.#away.add(rank);
    const timer = setTimeout(again, this.isReady ? usualMs : usualMs * ALONE);
    this.#rests.set(rank, { timer, usualMs });
  }
}

/** Follows a point through two small frames. */
async function tryOut(engine: FlowEngine): Promise<void> {
  await using sequence = engine.open();
  const grey = { width: 64, height: 64, data: new Uint8Array(64 * 64) };
  const options = flowOptionsOf(defaultOptions());
  await sequence.advance(grey, new Float32Array(), options);
  await sequence.advance(grey, Float32Array.of(32, 32), options);
}

/** Part of a reason; the native library's sentence, which names the engine itself, would do so again. */
function whyNot([name, error]: [string, unknown]): string {
  const message = error instanceof Error ? error.message : String(error);
  return `no ${name}: ${message.replace(`Cannot use engine ${name}: `, "").replace(/\.$/, "")}`;
}
