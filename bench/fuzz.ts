/** Sends mutated messages and JPEGs to a server that it starts. `--help` tells the flags. */
import { defineCommand, type Flag, readNumber, runProcess } from "../cli/command_line.ts";
import { GoodClient } from "./attack/good_client.ts";
import { Finding } from "./fuzz/connection.ts";
import { Fuzzer, type Kind, KINDS, MESSAGES_A_JOB } from "./fuzz/jobs.ts";
import { Pick } from "./pick.ts";
import { Witness } from "./fuzz/witness.ts";
import type { ServerProcess } from "./server_process.ts";
import { onTrial, TRIAL_FLAGS } from "./trial.ts";

const FLAGS = {
  ...TRIAL_FLAGS,
  messages: {
    type: "string",
    value: "N",
    default: "1000000",
    text: "text messages and frame headers, nine to one",
  },
  jpegs: { type: "string", value: "N", default: "100000", text: "mutated JPEGs" },
  streams: { type: "string", value: "N", default: "10000", text: "sessions with a name, resumed" },
  wire: { type: "string", value: "N", default: "10000", text: "connections mutated as bytes" },
  floods: {
    type: "string",
    value: "N",
    default: "1000",
    text: "of each kind: pipelined requests, tiny messages, nested texts",
  },
  wait: {
    type: "string",
    value: "MS",
    default: "2000",
    text: "bound of a good client's longest wait for tracks",
  },
  clients: { type: "string", value: "N", default: "6", text: "at once" },
  jobs: {
    type: "string",
    value: "A,B,…",
    text: "only these, one after the other, as a finding names them",
  },
} as const satisfies Record<string, Flag>;

/** Fuzzing is not held up by what keeps clients from asking for too much. */
const SERVER_FLAGS = [
  ...["--max-control-rate", "100000", "--max-frame-rate", "1000"],
  ...["--foxglove", "0"], // streams with a name feed a sink
];
/** Memory in the last fifth of the run against that in the middle one; on average, for garbage comes and goes. */
const MAX_GROWTH = 1.1;
/** A run of fewer ends before memory settles, and is not judged by it. */
const LEAST_JOBS = 20_000;
const LOOKS = 100;
const WITNESS_PAUSE_MS = 2000;
const REST_MS = 3000;

export const main = defineCommand({
  program: "deno run -A bench/fuzz.ts",
  usage: "[flags] [-- flags of the server]",
  about:
    "Starts a server and sends it mutated text messages, frame headers, JPEGs and raw connections,\n" +
    "and floods of what is small or nested, from many clients at once. Fails where the server ends,\n" +
    "hangs, answers what the protocol does not know, refuses a good frame, tracks a good client\n" +
    "wrong or lets it wait, or keeps memory.",
  flags: FLAGS,
  async run({ values, positionals }) {
    const count = (flag: "messages" | "jpegs" | "streams" | "wire" | "floods" | "wait" | "seed") =>
      readNumber(flag, values[flag], 0, 1e9);
    const seed = count("seed");
    const messages = count("messages"), floods = count("floods");
    const numbers = [
      0.9 * messages,
      0.1 * messages,
      count("jpegs"),
      count("streams"),
      count("wire"),
    ];
    const kinds = plan([...numbers, floods, floods, floods], seed);
    const jobs = values.jobs?.split(",").map(Number) ?? kinds.keys();
    const clients = values.jobs ? 1 : readNumber("clients", values.clients, 1, 1000);

    const serverFlags = ["--engine", values.engine, ...SERVER_FLAGS, ...positionals];
    await onTrial(serverFlags, async (server, ended) => {
      const run = new Run(server, kinds, seed, count("wait"));
      await run.all(jobs, clients, ended).finally(() => run.report());
    });
  },
});

/**
 * What each job is, in an order that the seed shuffles.
 *
 * @param numbers of messages or connections, one a kind
 */
function plan(numbers: readonly number[], seed: number): Kind[] {
  const kinds = numbers.flatMap((n, i) =>
    Array.from({ length: Math.ceil(n / MESSAGES_A_JOB) }, () => KINDS[i])
  );
  const pick = new Pick(seed);
  for (let i = kinds.length - 1; i > 0; i--) {
    const j = pick.below(i + 1);
    [kinds[i], kinds[j]] = [kinds[j], kinds[i]];
  }
  return kinds;
}

class Run {
  readonly #server: ServerProcess;
  readonly #kinds: Kind[];
  readonly #seed: number;
  readonly #mostWaitMs: number;
  #longestWaitMs = 0;
  readonly #outcomes = new Map<string, number>();
  readonly #sent = new Map<Kind, number>();
  #done = 0;
  readonly #rssMiB: number[] = [];

  /** @param mostWaitMs bound of a good client's wait */
  constructor(server: ServerProcess, kinds: Kind[], seed: number, mostWaitMs: number) {
    this.#server = server;
    this.#kinds = kinds;
    this.#seed = seed;
    this.#mostWaitMs = mostWaitMs;
  }

  /** @throws what was found, or where the server ended. */
  async all(jobs: Iterable<number>, clients: number, ended: Promise<never>): Promise<void> {
    const over = new AbortController();
    const queue = jobs[Symbol.iterator]();
    await this.#note("start");
    const witness = this.#watch(over.signal);
    const work = Array.from({ length: clients }, () => this.#work(queue, over.signal));
    try {
      await Promise.race([ended, witness, Promise.all(work)]);
    } finally {
      over.abort();
      await Promise.allSettled([...work, witness]);
    }
    await witness;
    await new Promise((rested) => setTimeout(rested, REST_MS));
    await this.#note("end");
    await this.#judgeRest();
  }

  async #work(queue: Iterator<number>, over: AbortSignal): Promise<void> {
    const fuzzer = new Fuzzer(this.#server.url, this.#seed, (outcome) => this.#count(outcome));
    try {
      for (let job = queue.next(); !job.done && !over.aborted; job = queue.next()) {
        const kind = this.#kinds[job.value];
        await fuzzer.do(kind, job.value);
        this.#sent.set(kind, (this.#sent.get(kind) ?? 0) + MESSAGES_A_JOB);
        if (++this.#done % Math.ceil(this.#kinds.length / LOOKS) === 0) await this.#look();
      }
    } finally {
      await fuzzer.close();
    }
  }

  async #watch(over: AbortSignal): Promise<void> {
    const witness = await Witness.open(this.#server.url);
    await using client = await GoodClient.open(this.#server.url);
    const overNow = new Promise((resolve) => over.addEventListener("abort", resolve));
    try {
      do {
        await witness.check();
        this.#count("checks by a good client");
        let timer;
        const pause = new Promise((later) => timer = setTimeout(later, WITNESS_PAUSE_MS));
        await Promise.race([pause, overNow]);
        clearTimeout(timer);
        this.#judgeWait(client);
      } while (!over.aborted);
      await witness.check();
    } finally {
      await witness.close();
    }
  }

  #judgeWait(client: GoodClient): void {
    const waitMs = client.takeLongestMs();
    this.#longestWaitMs = Math.max(this.#longestWaitMs, waitMs);
    if (!client.isOpen) throw new Finding("A good client was cut off");
    if (waitMs > this.#mostWaitMs) {
      throw new Finding(`A good client waited ${waitMs.toFixed(0)} ms for its tracks`);
    }
  }

  async #look(): Promise<void> {
    const looks = this.#rssMiB.push(this.#server.state().rssMiB);
    if (looks % (LOOKS / 10) === 0) await this.#note(`${Math.round(100 * looks / LOOKS)} %`);
  }

  async #note(when: string): Promise<void> {
    const { rssMiB, handles, threads } = this.#server.state();
    const heap = await this.#server.metric("lkstream_memory_bytes", 'kind="heap"') / 2 ** 20;
    console.log(
      `${when.padStart(6)}  ${rssMiB.toFixed(0).padStart(5)} MiB resident, ` +
        `${heap.toFixed(0).padStart(3)} MiB heap, ${handles} handles, ${threads} threads`,
    );
  }

  async #judgeRest(): Promise<void> {
    const sessions = await this.#server.metric("lkstream_sessions");
    if (sessions !== 0) throw new Finding(`${sessions} sessions are left`);
    const early = mean(this.#rssMiB.slice(2 * LOOKS / 5, 3 * LOOKS / 5));
    const late = mean(this.#rssMiB.slice(4 * LOOKS / 5));
    console.log(
      `On average ${early.toFixed(0)} MiB in the middle fifth, ${late.toFixed(0)} in the last`,
    );
    if (this.#done >= LEAST_JOBS && late > MAX_GROWTH * early) throw new Finding("Memory grew");
  }

  #count(outcome: string): void {
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
  }

  report(): void {
    console.log(`\nA good client's longest wait: ${this.#longestWaitMs.toFixed(0)} ms`);
    console.log(`Seed ${this.#seed}. Sent:`);
    for (const kind of KINDS) console.log(`${this.#sent.get(kind) ?? 0}`.padStart(9), kind);
    console.log("Outcomes:");
    for (const [outcome, n] of [...this.#outcomes].sort()) console.log(`${n}`.padStart(9), outcome);
  }
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

if (import.meta.main) await runProcess(main);
