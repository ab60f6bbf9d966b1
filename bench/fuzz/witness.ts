import { decodeTracks, encodeFrame } from "../../protocol/mod.ts";
import { makeClip } from "../clip.ts";
import { Connection, Finding } from "./connection.ts";

const MAX_ERROR_PX = 0.1;
const LEAST_POINTS = 50;

/** A client that behaves, beside those that do not: it must be served as if it were alone. */
export class Witness {
  readonly #url: string;
  readonly #clip = makeClip(320, 240);
  readonly #connection: Connection;
  #seq = 0;

  private constructor(url: string, connection: Connection) {
    this.#url = url;
    this.#connection = connection;
  }

  static async open(url: string): Promise<Witness> {
    return new Witness(url, await Connection.open(url, () => {}));
  }

  /** @throws {Finding} where the server is not healthy, or does not track as it should. */
  async check(): Promise<void> {
    const health = await fetch(`${this.#url}/healthz`, { signal: AbortSignal.timeout(30_000) });
    if (await health.text() !== "ok\n") throw new Finding(`/healthz answers ${health.status}`);
    for (let n = 0; n < this.#clip.jpegs.length; n++) await this.#frame();
  }

  async #frame(): Promise<void> {
    const { jpegs, offset } = this.#clip;
    const seq = this.#seq++;
    const message = encodeFrame({ seq, timestamp: 0, jpeg: jpegs[seq % jpegs.length] });
    const answer = await this.#connection.send(message);
    if (!("tracks" in answer)) {
      throw new Finding(`A good client's frame is answered with ${JSON.stringify(answer)}`);
    }
    const { points, flow } = decodeTracks(answer.tracks);
    if (seq === 0) return;
    const before = offset(seq - 1), now = offset(seq);
    const error = flow
      ? Math.hypot(flow[0] - now[0] + before[0], flow[1] - now[1] + before[1])
      : Infinity;
    if (error > MAX_ERROR_PX || points.id.length < LEAST_POINTS) {
      throw new Finding(
        `A good client's frame ${seq} is tracked wrong: ` +
          `${points.id.length} points, median ${error} px off`,
      );
    }
  }

  async close(): Promise<void> {
    await this.#connection.close(false);
  }
}
