import { Completion, type Job } from "./layout.ts";
import { type Handle, newHandle, type Symbols, unwrap } from "./ffi.ts";

/** Completions that are collected at once. */
const CAPACITY = 64;

/**
 * An lk_queue: jobs are submitted, and their completions collected in batches. One call waits for
 * them, and only while a job is in flight: an idle queue keeps no process alive.
 */
export class Queue {
  readonly #symbols: Symbols;
  readonly #handle: Handle;
  readonly #completions = new Completion(CAPACITY);
  /** Who hears of the job with a tag. */
  readonly #jobs = new Map<number, (completion: Completion) => void>();
  #collecting: Promise<void> | null = null;

  constructor(symbols: Symbols) {
    this.#symbols = symbols;
    this.#handle = newHandle((...out) => symbols.lk_queue_create(...out));
  }

  /**
   * Submits a job, of whose tag none may be in flight. What it points to, and `data`, must be kept
   * until `done` is called; that must read the completion at once.
   *
   * @throws {EngineError} where the library does not take it; then `done` is not called
   */
  submit(
    sequence: Handle,
    job: Job,
    data: Uint8Array | null,
    done: (completion: Completion) => void,
  ): void {
    const { lk_queue_submit } = this.#symbols;
    unwrap(
      lk_queue_submit(this.#handle, sequence, job.view, data as BufferSource | null),
      () => "Cannot submit a job: there is no memory for it",
    );
    this.#jobs.set(job.tag, done);
    this.#collecting ??= this.#collect();
  }

  async #collect(): Promise<void> {
    const { lk_queue_wait } = this.#symbols;
    while (this.#jobs.size > 0) {
      const count = await lk_queue_wait(this.#handle, this.#completions.buffer, CAPACITY);
      for (let i = 0; i < count; i++) {
        const completion = this.#completions.goTo(i), { tag } = completion;
        const done = this.#jobs.get(tag)!;
        this.#jobs.delete(tag);
        done(completion);
      }
    }
    this.#collecting = null;
  }

  /** Waits for the jobs in flight, which somebody has to end, and gives the queue back. */
  async close(): Promise<void> {
    await this.#collecting;
    await this.#symbols.lk_queue_destroy(this.#handle);
  }
}
