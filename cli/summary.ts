import { type Io, printLine } from "./io.ts";
import { type EngineInfo, reasonOf, type Tracks } from "../protocol/mod.ts";

/** So many frames that cannot be tracked are told one by one; of the rest, the number. */
const TOLD = 5;

/** Counts what was tracked, and tells it on standard error. */
export class Summary {
  readonly #engine: EngineInfo;
  readonly #io: Pick<Io, "stderr">;
  readonly #startedAt = performance.now();
  readonly #lost = new Map<string, number>();
  #frames = 0;
  #found = 0;
  #passedOver = 0;
  #size = "";

  constructor(engine: EngineInfo, io: Pick<Io, "stderr">) {
    this.#engine = engine;
    this.#io = io;
  }

  count({ width, height, points, lost }: Tracks): void {
    this.#frames++;
    this.#size = `${width}×${height}`;
    this.#found = points.id.reduce((most, id) => Math.max(most, id), this.#found);
    for (const code of lost.reason) {
      const reason = reasonOf(code);
      this.#lost.set(reason, (this.#lost.get(reason) ?? 0) + 1);
    }
  }

  /** Notes a frame that could not be tracked, and says why. */
  passOver(why: string): void {
    if (++this.#passedOver <= TOLD) printLine(this.#io, `Passed over ${why}`);
  }

  /**
   * Tells the sums.
   *
   * @param damaged frames of a stream that were cut short
   * @throws {Error} where no frame could be tracked.
   */
  finish(damaged: number): void {
    const passedOver = this.#passedOver + damaged;
    const those = passedOver === 1 ? "1 damaged one was" : `${passedOver} damaged ones were`;
    const andThose = passedOver > 0 ? `; ${those} passed over` : "";
    if (this.#frames === 0) throw new Error(`Cannot track: there was no frame${andThose}`);
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const lost = Array.from(this.#lost, ([reason, n]) => `${n} ${reason.replaceAll("_", " ")}`);
    printLine(
      this.#io,
      `Tracked ${counted(this.#frames, "frame")} of ${this.#size} on ${this.#engine.name} in ` +
        `${seconds.toFixed(2)} s, ${(this.#frames / seconds).toFixed(0)} frames/s${andThose}\n` +
        `${counted(this.#found, "point")} found, lost: ${lost.join(", ") || "none"}`,
    );
  }
}

function counted(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}
