import { DeadlineError } from "../tracking/engine.ts";

/** Looks at the calls under way so many times within a deadline. */
const LOOKS = 10;

interface Call {
  looks: number;
  miss(): void;
}

/**
 * Ends the waiting for calls that take too long. Time is counted in looks of
 * the event loop, so that neither a clock that jumps nor a machine that slept
 * makes a call late.
 */
export class Deadlines {
  readonly #calls = new Set<Call>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(readonly ms: number) {
    this.#timer = setInterval(() => this.#look(), ms / LOOKS);
  }

  /**
   * @param name the engine's
   * @param doing what it is called for, if that is to be told
   * @throws {DeadlineError} where the call takes too long; otherwise what it throws.
   */
  guard<T>(name: string, call: Promise<T>, doing = ""): Promise<T> {
    return new Promise((resolve, reject) => {
      const late = `The ${name} engine took longer than ${this.ms} ms${doing}`;
      const guarded = { looks: 0, miss: () => reject(new DeadlineError(late)) };
      this.#calls.add(guarded);
      call.then(resolve, reject).finally(() => this.#calls.delete(guarded));
    });
  }

  /** Waits no longer for any call. */
  missAll(): void {
    for (const call of this.#calls) call.miss();
    this.#calls.clear();
  }

  /** Idempotent. */
  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    for (const call of this.#calls) {
      if (++call.looks <= LOOKS) continue;
      this.#calls.delete(call);
      call.miss();
    }
  }
}
