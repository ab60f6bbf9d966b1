import { Refusal } from "./access.ts";
import { limited, type Log } from "../log.ts";

const LINES_PER_SECOND = 3;
/** Of who may not come in; others are a matter of form, or of how many there are. */
const LOGGED: readonly number[] = [401, 403];
/** Where a header is what was refused, it is told: operators may want to allow it. */
const TOLD: Record<string, "origin" | "host"> = {
  origin_not_allowed: "origin",
  host_not_allowed: "host",
};
const MAX_CHARACTERS = 200;

/** Logs who was kept out, in no more than a few lines a second: it is they who say how often they try. */
export class RefusalLog {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = limited(log, LINES_PER_SECOND);
  }

  note(from: string, error: unknown, headers: { origin?: string; host?: string }): void {
    if (!(error instanceof Refusal) || !LOGGED.includes(error.status)) return;
    const header = TOLD[error.code];
    const told = header && { [header]: headers[header]?.slice(0, MAX_CHARACTERS) ?? "" };
    this.#log("refused", { from, code: error.code, ...told });
  }
}
