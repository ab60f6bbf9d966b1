import { Refusal } from "./access.ts";
import { Allowance } from "../session/allowance.ts";
import type { Log } from "../log.ts";

const LINES_PER_SECOND = 3;
/** Of who may not come in; others are a matter of form, or of how many there are. */
const LOGGED: readonly number[] = [401, 403];

/** Logs who was kept out, in no more than a few lines a second: it is they who say how often they try. */
export class RefusalLog {
  readonly #log: Log;
  readonly #lines = new Allowance(LINES_PER_SECOND);
  #unlogged = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** `unlogged` tells how many there were since the line before that got none. */
  note(from: string, error: unknown): void {
    if (!(error instanceof Refusal) || !LOGGED.includes(error.status)) return;
    if (!this.#lines.take(performance.now())) {
      this.#unlogged++;
      return;
    }
    this.#log("refused", { from, code: error.code, unlogged: this.#unlogged });
    this.#unlogged = 0;
  }
}
