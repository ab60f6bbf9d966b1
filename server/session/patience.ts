import { CloseCode, type ErrorCode } from "../../protocol/mod.ts";
import { Allowance } from "./allowance.ts";

/** So many errors without a success between them end the session. */
const MAX_IN_A_ROW = 20;
/**
 * A flood of refused text ends it too, whatever succeeds between: past this share of the control
 * messages allowed a second. Refused frames are no flood, for they are bounded as frames are.
 */
const SHARE_OF_CONTROLS = 1 / 4;

/** Why a session ends. */
export interface Ending {
  code: number;
  reason: string;
}

/** How many errors a client may cause. */
export class Patience {
  readonly #rate: Allowance;
  #inARow = 0;

  /** @param maxControlRate control messages allowed a second */
  constructor(maxControlRate: number) {
    this.#rate = new Allowance(Math.max(2 * MAX_IN_A_ROW, SHARE_OF_CONTROLS * maxControlRate));
  }

  /** Something succeeded. */
  restore(): void {
    this.#inARow = 0;
  }

  /**
   * @param isFrame whether the error answers a frame, and not a text message
   * @returns why the session has to end after this error; null where it lives on
   */
  try(code: ErrorCode, isFrame: boolean, now: number): Ending | null {
    const isFlood = !isFrame && !this.#rate.take(now);
    this.#inARow++;
    if (code === "overloaded") {
      return { code: CloseCode.overloaded, reason: "a frame took too long" };
    }
    if (isFlood) {
      const reason = `too many errors a second, the last one: ${code}`;
      return { code: CloseCode.tooManyErrors, reason };
    }
    if (this.#inARow < MAX_IN_A_ROW) return null;
    return {
      // an engine that fails is not the client's fault: it may come again
      code: code === "engine_failed" ? CloseCode.internal : CloseCode.tooManyErrors,
      reason: `${MAX_IN_A_ROW} errors in a row, the last one: ${code}`,
    };
  }
}
