import { CallError, DeadlineError, EngineError, FrameError } from "../tracking/engine.ts";
import { Gate } from "./gate.ts";
import {
  type Answer,
  type Failure,
  IN_FLIGHT,
  placeOf,
  type Ready,
  type Request,
  type Results,
  type Start,
} from "./messages.ts";

/** Makes a worker that runs `worker.ts`. */
export type Spawn = () => Worker;

/** A worker that lived this long starts over with the shortest pause. */
const STEADY_MS = 10_000;
const SHORTEST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 10_000;
/** A worker that does not answer by then will not. */
const START_MS = 60_000;

/** Looks at the call at work so many times before it is too late. */
const LOOKS = 10;

interface Call {
  sequence: number;
  resolve(result: never): void;
  reject(error: Error): void;
}

/**
 * One worker, and the next one when it dies. Calls that are in flight then
 * fail, calls after that wait for the next worker, which knows no sequence: so
 * each one begins again with a first frame. Workers that die early are followed
 * with growing pauses, 50 ms to 10 s. A worker whose call takes longer than the
 * deadline, not counting those before it, is ended too. Deno ends no worker that
 * computes (denoland/deno#35657): it is told, and looks between calls of OpenCV.
 */
export class Lane {
  /** No more calls are lost with a worker. */
  readonly #gate = new Gate(IN_FLIGHT);
  /** Sequences that live here. */
  load = 0;
  /** OpenCV's version; empty before the first worker was ready. */
  version = "";
  readonly #spawn: Spawn;
  readonly #maxFramePixels: number;
  readonly #calls = new Map<number, Call>();
  #nextCall = 0;
  #pause = SHORTEST_PAUSE_MS;
  #worker!: Worker;
  /** The worker's; see {@linkcode Start}. */
  #ended!: Start["ended"];
  #ready!: PromiseWithResolvers<void>;
  #readyAt = Infinity;
  /** Ends the pause before a worker, then its start. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed: EngineError | undefined;
  readonly #deadlineMs: number;
  readonly #watch: ReturnType<typeof setInterval>;
  /** The call at work when it was looked at last, and how often that was the same one. */
  #seen: { call: number | undefined; looks: number } = { call: undefined, looks: 0 };

  readonly #startMs: number;

  constructor(spawn: Spawn, maxFramePixels: number, deadlineMs: number, startMs = START_MS) {
    this.#spawn = spawn;
    this.#maxFramePixels = maxFramePixels;
    this.#deadlineMs = deadlineMs;
    this.#startMs = startMs;
    this.#watch = setInterval(() => this.#look(), deadlineMs / LOOKS);
    this.#begin();
  }

  /**
   * Settles when the present worker answers, or the one after a pause.
   *
   * @throws {EngineError} where it dies before it does.
   */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /**
   * Sends a request with the buffers that go along in its turn, and waits for its result.
   *
   * @throws {FrameError} what the sequence says of a frame.
   * @throws {DeadlineError} where it took too long.
   * @throws {EngineError} what it says of a call; where the worker died or the lane is closed.
   */
  call<R extends Request>(request: R, transfer: Transferable[]): Promise<Results[R["kind"]]> {
    return this.#gate.pass(() => this.#send(request, transfer));
  }

  async #send<R extends Request>(
    request: R,
    transfer: Transferable[],
  ): Promise<Results[R["kind"]]> {
    await this.#ready.promise;
    if (this.#closed) throw this.#closed;
    const call = this.#nextCall++;
    const { promise, resolve, reject } = Promise.withResolvers<Results[R["kind"]]>();
    this.#calls.set(call, { sequence: request.sequence, resolve, reject });
    Atomics.store(this.#ended, placeOf(call), 0);
    this.#worker.postMessage({ ...request, call }, transfer);
    return promise;
  }

  /** Nobody waits any more for what the worker computes for this sequence. */
  giveUp(sequence: number): void {
    for (const [number, call] of this.#calls) {
      if (call.sequence === sequence) Atomics.store(this.#ended, placeOf(number), 1);
    }
  }

  /** Ends the worker; calls in flight fail. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = new EngineError("Cannot use the wasm engine: it is closed");
    clearInterval(this.#watch);
    this.#end(this.#closed);
  }

  #begin(): void {
    this.#ready = Promise.withResolvers();
    this.#ready.promise.catch(() => {}); // whoever waits for it hears of it
    this.#launch();
  }

  #launch(): void {
    const worker = this.#worker = this.#spawn();
    worker.onmessage = ({ data }: MessageEvent<Ready | Answer>) => this.#receive(data);
    worker.onmessageerror = () => this.#died("a message could not be read");
    worker.onerror = (event) => {
      event.preventDefault(); // else it ends this thread too
      this.#replace(new EngineError("The wasm engine's worker died", { cause: event.message }));
    };
    const places = 1 + IN_FLIGHT;
    this.#ended = new Int32Array(new SharedArrayBuffer(places * Int32Array.BYTES_PER_ELEMENT));
    worker.postMessage(
      { maxFramePixels: this.#maxFramePixels, ended: this.#ended } satisfies Start,
    );
    this.#timer = setTimeout(() => this.#died("it does not start"), this.#startMs);
  }

  #receive(message: Ready | Answer): void {
    if (message.kind === "ready") {
      clearTimeout(this.#timer);
      this.version = message.version;
      this.#readyAt = performance.now();
      return this.#ready.resolve();
    }
    const { resolve, reject } = this.#calls.get(message.call)!;
    this.#calls.delete(message.call);
    if (message.kind === "result") resolve(message.result as never);
    else reject(revive(message.failure));
  }

  /** Calls are answered in order, so the oldest one is at work. */
  #look(): void {
    const [call] = this.#calls.keys();
    if (call !== this.#seen.call) this.#seen = { call, looks: 0 };
    else if (call !== undefined && ++this.#seen.looks >= LOOKS) this.#late(call);
  }

  #late(call: number): void {
    const { reject } = this.#calls.get(call)!;
    this.#calls.delete(call);
    reject(new DeadlineError(`The wasm engine took longer than ${this.#deadlineMs} ms`));
    this.#replace(new CallError("The wasm engine's worker was ended: another call took too long"));
  }

  #died(why: string): void {
    this.#replace(new EngineError(`The wasm engine's worker died: ${why}`));
  }

  /** @param error what the calls in flight fail with */
  #replace(error: EngineError): void {
    this.#end(error);
    const steady = performance.now() - this.#readyAt > STEADY_MS;
    this.#pause = steady ? SHORTEST_PAUSE_MS : Math.min(2 * this.#pause, LONGEST_PAUSE_MS);
    this.#readyAt = Infinity;
    this.#ready = Promise.withResolvers();
    this.#ready.promise.catch(() => {});
    this.#timer = setTimeout(() => this.#launch(), this.#pause);
  }

  #end(error: EngineError): void {
    clearTimeout(this.#timer);
    this.#worker.onerror = this.#worker.onmessage = null;
    Atomics.store(this.#ended, 0, 1);
    this.#worker.terminate();
    this.#ready.reject(error);
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }
}

function revive({ name, code, message }: Failure): Error {
  if (name === "FrameError") return new FrameError(code!, message);
  return new EngineError(message);
}
