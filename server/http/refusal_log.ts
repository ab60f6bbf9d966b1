import { Refusal } from "./access.ts";
import { limited, type Log } from "../log.ts";

const LINES_PER_SECOND = 3;
/** Who may not come in, and who cannot read the answer; others are a matter of form, or of how many there are. */
const LOGGED: readonly string[] = [
  "unauthorized",
  "origin_not_allowed",
  "host_not_allowed",
  "https_on_http",
  "http_on_https",
];

/** Logs who was kept out, in no more than a few lines a second: it is they who say how often they try. */
export class RefusalLog {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = limited(log, LINES_PER_SECOND);
  }

  note(from: string, error: unknown): void {
    if (!(error instanceof Refusal) || !LOGGED.includes(error.code)) return;
    this.#log("refused", { from, code: error.code, error: error.message });
  }
}
