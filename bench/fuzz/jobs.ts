import { decodeTracks, encodeFrame, type Tracks } from "../../protocol/mod.ts";
import { mutateBytes } from "./bytes.ts";
import { Connection, Finding, Refused } from "./connection.ts";
import { fuzzedControl, fuzzedResume } from "./control.ts";
import { fuzzedJpeg, seedJpegs } from "./jpegs.ts";
import { Pick } from "../pick.ts";
import { nestedText, pipeline, pourTiny } from "./floods.ts";
import { fuzzWire } from "./wire.ts";

/** Messages of one job. Fewer than the errors in a row that end a session. */
export const MESSAGES_A_JOB = 16;
/** Then it begins anew, so that what a finding needs is not far back. */
const JOBS_A_CONNECTION = 60;
/** By these the server may end a connection: not a frame, not UTF-8, too many errors, too large. */
const ALLOWED_CLOSES = [1003, 1007, 1008, 1009];

export const KINDS = [
  "controls",
  "headers",
  "jpegs",
  "streams",
  "wire",
  "pipelined requests",
  "tiny messages",
  "nested texts",
] as const;
export type Kind = typeof KINDS[number];

/** Few, so that some are taken; and what is no name. */
const NAMES = [..."abcdefghijklmnop", "cam-1", "x".repeat(64)];
const NO_NAMES = ["", "a b", "a.b", "x".repeat(65), "%00", "%ff", "é", "a&stream=b", "__proto__"];
/** Such a name may be none, may be taken, or there are too many sessions. */
const ALLOWED_REFUSALS = [400, 409, 503];

const JPEGS = seedJpegs();
const GOOD = JPEGS.slice(-16);

/** Does jobs one after the other on connections of its own. */
export class Fuzzer {
  readonly #url: string;
  readonly #seed: number;
  readonly #count: (outcome: string) => void;
  #connection: Connection | null = null;
  #seq = 0x80000000;

  constructor(url: string, seed: number, count: (outcome: string) => void) {
    this.#url = url;
    this.#seed = seed;
    this.#count = count;
  }

  /** @throws {Finding} saying the jobs that lead there. */
  async do(kind: Kind, job: number): Promise<void> {
    const pick = new Pick(Math.imul(this.#seed, 0x9e3779b1) + job);
    try {
      await this.#run(kind, job, pick);
    } catch (error) {
      const jobs = this.#connection?.jobs ?? [job];
      throw new Finding(`${(error as Error).message} [${kind}, jobs ${jobs.join(",")}]`);
    }
  }

  async close(): Promise<void> {
    await this.#connection?.close(false);
  }

  async #run(kind: Kind, job: number, pick: Pick): Promise<void> {
    if (kind === "wire") {
      for (let n = 0; n < MESSAGES_A_JOB; n++) {
        this.#count(await fuzzWire(this.#url, pick, goodFrame(0, pick)));
      }
      return;
    }
    if (kind === "pipelined requests" || kind === "tiny messages") {
      const flood = kind === "tiny messages" ? pourTiny : pipeline;
      for (let n = 0; n < MESSAGES_A_JOB; n++) await flood(this.#url, pick);
      return;
    }
    if (kind === "streams") {
      for (let n = 0; n < MESSAGES_A_JOB; n++) await this.#stream(job, pick);
      return;
    }
    if (this.#connection && this.#connection.jobs.length >= JOBS_A_CONNECTION) {
      await this.#connection.close(pick.chance(0.5));
    }
    await this.#goodFrame(job, pick); // positions and masks need a frame
    if (kind === "controls") await this.#texts(job, pick, fuzzedControl);
    else if (kind === "nested texts") await this.#texts(job, pick, nestedText);
    else await this.#frames(kind, job, pick);
  }

  async #texts(
    job: number,
    pick: Pick,
    text: (pick: Pick) => Uint8Array<ArrayBuffer>,
  ): Promise<void> {
    const connection = await this.#connected(job);
    for (let n = 0; n < MESSAGES_A_JOB; n++) connection.say(text(pick));
    await this.#goodFrame(job, pick);
  }

  async #frames(kind: "headers" | "jpegs", job: number, pick: Pick): Promise<void> {
    for (let n = 0; n < MESSAGES_A_JOB; n++) {
      const connection = await this.#connected(job);
      const message = kind === "jpegs" ? withJpeg(pick) : withHeader(pick);
      const answer = await connection.send(message);
      this.#judge(answer);
      if ("tracks" in answer) this.#count(`${kind} tracked`);
    }
    await this.#goodFrame(job, pick);
  }

  /** One that has a name and goes on with points from elsewhere, if the server takes them. */
  async #stream(job: number, pick: Pick): Promise<void> {
    await this.#connection?.close(pick.chance(0.5));
    this.#connection = null;
    const name = pick.one(pick.chance(0.9) ? NAMES : NO_NAMES);
    try {
      const connection = await this.#connected(job, `?stream=${name}`);
      for (let n = pick.below(4); n > 0; n--) {
        connection.say(pick.chance(0.7) ? fuzzedResume(pick) : fuzzedControl(pick));
      }
    } catch (error) {
      if (!(error instanceof Refused && ALLOWED_REFUSALS.includes(error.status))) throw error;
      return this.#count(`stream ${error.status}`);
    }
    for (let n = 1 + pick.below(3); n > 0; n--) await this.#goodFrame(job, pick);
  }

  /** It is tracked whatever came before, and told in the right form; unless what came before ended the connection. */
  async #goodFrame(job: number, pick: Pick): Promise<void> {
    const connection = await this.#connected(job);
    const seq = this.#seq++ >>> 0;
    const answer = await connection.send(goodFrame(seq, pick), seq);
    this.#judge(answer);
    if ("error" in answer) throw new Finding(`A good frame is answered with ${answer.error}`);
    if ("tracks" in answer) checkTracks(decodeTracks(answer.tracks));
  }

  #judge(answer: Awaited<ReturnType<Connection["send"]>>): void {
    if ("closed" in answer && !ALLOWED_CLOSES.includes(answer.closed)) {
      throw new Finding(`The connection was closed with ${answer.closed}`);
    }
  }

  async #connected(job: number, query?: string): Promise<Connection> {
    if (!this.#connection?.isOpen) {
      this.#connection = await Connection.open(this.#url, this.#count, query);
      this.#count("connections");
    }
    if (this.#connection.jobs.at(-1) !== job) this.#connection.jobs.push(job);
    return this.#connection;
  }
}

function checkTracks({ points: { id, xy } }: Tracks): void {
  if (id.some((id, i, ids) => i > 0 && id <= ids[i - 1])) {
    throw new Finding(`The ids ${id} do not ascend`);
  }
  if (!xy.every(Number.isFinite)) throw new Finding(`The positions ${xy} are not finite`);
}

function goodFrame(seq: number, pick: Pick): Uint8Array<ArrayBuffer> {
  return encodeFrame({ seq, timestamp: seq, jpeg: pick.one(GOOD) });
}

function withJpeg(pick: Pick): Uint8Array<ArrayBuffer> {
  const jpeg = fuzzedJpeg(JPEGS, pick);
  return pick.chance(0.2) ? jpeg : encodeFrame({ seq: pick.below(2 ** 32), timestamp: 0, jpeg });
}

/** A frame's 16 bytes: fields of any value, or any bytes. */
function withHeader(pick: Pick): Uint8Array<ArrayBuffer> {
  const jpeg = pick.one(GOOD);
  const message = encodeFrame({
    seq: pick.below(2 ** 32),
    timestamp: pick.between(-1e300, 1e300),
    jpeg,
  });
  const view = new DataView(message.buffer);
  if (pick.chance(0.9)) {
    view.setUint8(1, pick.below(256)); // flags
    if (pick.chance(0.2)) view.setUint16(2, pick.one([16, 17, 40, pick.few(600)]), true);
    if (pick.chance(0.2)) {
      view.setBigUint64(8, BigInt(pick.below(2 ** 32)) << 32n | 0xfff0_0000n, true);
    }
    return message;
  }
  const header = mutateBytes(message.subarray(0, 16), pick, [jpeg.subarray(0, 4)]);
  return Uint8Array.from([...header, ...jpeg]);
}
