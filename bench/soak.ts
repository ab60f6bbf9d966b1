/** Lets clients of all kinds come and go for a long time, and looks at what the server keeps. */
import { defineCommand, type Flag, readNumber, runProcess } from "../cli/command_line.ts";
import { Pick } from "./pick.ts";
import type { ServerProcess } from "./server_process.ts";
import { pause } from "./soak/visit.ts";
import { VISITORS } from "./soak/visitors.ts";
import { onTrial, TRIAL_FLAGS } from "./trial.ts";

const FLAGS = {
  ...TRIAL_FLAGS,
  minutes: { type: "string", value: "N", default: "30", text: "how long, from 2" },
  visitors: { type: "string", value: "N", default: "8", text: "at once" },
} as const satisfies Record<string, Flag>;

const SERVER_FLAGS = ["--message-timeout", "3", "--handshake-timeout", "3"];
const SAMPLE_MS = 5000;
const MINUTE_MS = 60_000;
const COMPARED_MINUTE = 5;
const MAX_GROWTH = 1.05;
/** So many visits are cameras; of the others, all kinds come equally often. */
const CAMERAS = 0.4;
/** Connections of HTTP that are kept alive end within this. */
const REST_MS = 8000;
/** The server's own may differ by so many: a timer, a library loaded later. */
const FEW_HANDLES = 3;

export const main = defineCommand({
  program: "deno run -A bench/soak.ts",
  usage: "[flags] [-- flags of the server]",
  about:
    "Starts a server and sends it clients that film, change options and sizes, misbehave, and go.\n" +
    "Fails where the server ends, does not answer a camera, or keeps something: memory in the last\n" +
    "minute more than 5 % above that of minute 5 (or of the middle, if that is sooner), a session or\n" +
    "a handle when all are gone.",
  flags: FLAGS,
  async run({ values, positionals }) {
    const minutes = readNumber("minutes", values.minutes, 2, 100_000);
    const visitors = readNumber("visitors", values.visitors, 1, 1000);
    const seed = readNumber("seed", values.seed, 0, 1e9);
    const serverFlags = ["--engine", values.engine, ...SERVER_FLAGS, ...positionals];
    await onTrial(serverFlags, async (server, ended) => {
      await new Soak(server, minutes * MINUTE_MS).run(visitors, seed, ended);
    });
  },
});

interface Sample {
  minute: number;
  rssMiB: number;
  heapMiB: number;
  handles: number;
  sessions: number;
}

class Soak {
  readonly #server: ServerProcess;
  readonly #ms: number;
  readonly #began = performance.now();
  readonly #visits = new Map<string, number>();
  readonly #samples: Sample[] = [];

  constructor(server: ServerProcess, ms: number) {
    this.#server = server;
    this.#ms = ms;
  }

  get #isOver(): boolean {
    return performance.now() - this.#began >= this.#ms;
  }

  /** @throws where the server ended, failed a visitor or kept something. */
  async run(visitors: number, seed: number, ended: Promise<never>): Promise<void> {
    console.log("minute   resident  heap  handles  sessions  frames received, answered");
    const before = await this.#sample();
    const work = Array.from({ length: visitors }, (_, i) => this.#visit(new Pick(seed + i)));
    await Promise.race([ended, Promise.all([this.#watch(), ...work])]);
    await pause(REST_MS);
    const after = await this.#sample();
    console.log("\nVisits:");
    for (const [name, n] of this.#visits) console.log(`${n}`.padStart(6), name);
    this.#judge(before, after);
  }

  async #visit(pick: Pick): Promise<void> {
    const names = Object.keys(VISITORS);
    while (!this.#isOver) {
      const name = pick.chance(CAMERAS) ? "camera" : pick.one(names);
      try {
        await VISITORS[name](this.#server.url, pick);
      } catch (error) {
        throw new Error(`One who ${name}: ${(error as Error).message}`);
      }
      this.#visits.set(name, (this.#visits.get(name) ?? 0) + 1);
    }
  }

  async #watch(): Promise<void> {
    for (let minute = 1; !this.#isOver; minute++) {
      while (!this.#isOver && performance.now() - this.#began < minute * MINUTE_MS) {
        await pause(SAMPLE_MS);
        this.#samples.push(await this.#sample());
      }
      const { rssMiB, heapMiB, handles, sessions } = this.#mean(minute);
      const received = await this.#server.metric("lkstream_frames_received_total");
      const processed = await this.#server.metric("lkstream_frames_processed_total");
      console.log([
        `${minute}`.padStart(6),
        `${rssMiB.toFixed(0)} MiB`.padStart(11),
        `${heapMiB.toFixed(0)}`.padStart(6),
        `${handles.toFixed(0)}`.padStart(9),
        `${sessions.toFixed(1)}`.padStart(10),
        `  ${received}, ${processed}`,
      ].join(""));
    }
  }

  async #sample(): Promise<Sample> {
    const { rssMiB, handles } = this.#server.state();
    return {
      minute: 1 + Math.floor((performance.now() - this.#began) / MINUTE_MS),
      rssMiB,
      heapMiB: await this.#server.metric("lkstream_memory_bytes", 'kind="heap"') / 2 ** 20,
      handles,
      sessions: await this.#server.metric("lkstream_sessions"),
    };
  }

  /** Means over a minute: single looks depend on when garbage was last collected. */
  #mean(minute: number): Sample {
    const samples = this.#samples.filter((sample) => sample.minute === minute);
    const mean = (of: (sample: Sample) => number) =>
      samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
    return {
      minute,
      rssMiB: mean((s) => s.rssMiB),
      heapMiB: mean((s) => s.heapMiB),
      handles: mean((s) => s.handles),
      sessions: mean((s) => s.sessions),
    };
  }

  #judge(before: Sample, after: Sample): void {
    const last = Math.floor(this.#ms / MINUTE_MS);
    const early = Math.min(COMPARED_MINUTE, Math.ceil(last / 2));
    const growth = this.#mean(last).rssMiB / this.#mean(early).rssMiB;
    console.log(
      `Memory in minute ${last} is ${(100 * growth).toFixed(1)} % of that in minute ${early}. ` +
        `With all gone: ${after.sessions} sessions, ${after.handles} handles ` +
        `(${before.handles} before the first came).`,
    );
    if (growth > MAX_GROWTH) throw new Error("Memory grew");
    if (after.sessions !== 0) throw new Error("Sessions are left");
    if (after.handles > before.handles + FEW_HANDLES) throw new Error("Handles are left");
  }
}

if (import.meta.main) await runProcess(main);
