/** Sends mutated messages and JPEGs to a server that it starts. `--help` tells the flags. */
import { parseArgs } from "node:util";
import { GoodClient } from "./attack/good_client.ts";
import { Finding } from "./fuzz/connection.ts";
import { Fuzzer, type Kind, KINDS, MESSAGES_A_JOB } from "./fuzz/jobs.ts";
import { Pick } from "./pick.ts";
import { Witness } from "./fuzz/witness.ts";
import type { ServerProcess } from "./server_process.ts";
import { onTrial } from "./trial.ts";

const HELP = `Usage: deno run -A bench/fuzz.ts [flags] [-- flags of the server]

Starts a server and sends it mutated text messages, frame headers, JPEGs and raw connections, and
floods of all that is small or nested, from many clients at once. Exits with 1 where the server ends, hangs, answers what the protocol does not
know, refuses a good frame, tracks a good client wrong or lets it wait, or keeps memory.

  --engine NAME       the server's (default auto)
  --messages N        text messages and frame headers, nine to one (default 1000000)
  --jpegs N           (default 100000)
  --wire N            connections mutated as bytes (default 10000)
  --floods N          connections or messages of each kind of flood: pipelined requests, tiny
                      messages, nested texts (default 1000)
  --wait MS           bound of a good client's longest wait for tracks (default 2000)
  --clients N         at once (default 6)
  --seed N            (default 1)
  --jobs A,B,…        only these, one after the other, as a finding names them
  --help              this text`;

const FLAGS = {
  engine: { type: "string", default: "auto" },
  messages: { type: "string", default: "1000000" },
  jpegs: { type: "string", default: "100000" },
  wire: { type: "string", default: "10000" },
  floods: { type: "string", default: "1000" },
  wait: { type: "string", default: "2000" },
  clients: { type: "string", default: "6" },
  seed: { type: "string", default: "1" },
  jobs: { type: "string" },
  help: { type: "boolean", default: false },
} as const;

/** Fuzzing is not held up by what keeps clients from asking for too much. */
const SERVER_FLAGS = ["--max-control-rate", "100000", "--max-frame-rate", "1000"];
/** Memory in the last fifth of the run against that in the middle one; on average, for garbage comes and goes. */
const MAX_GROWTH = 1.1;
/** A run of fewer ends before memory settles, and is not judged by it. */
const LEAST_JOBS = 20_000;
const LOOKS = 100;
const WITNESS_PAUSE_MS = 2000;
const REST_MS = 3000;

async function main(): Promise<void> {
  const { values: flags, positionals } = parseArgs({
    args: Deno.args,
    options: FLAGS,
    allowPositionals: true,
  });
  if (flags.help) return console.log(HELP);
  const seed = Number(flags.seed);
  const messages = Number(flags.messages), floods = Number(flags.floods);
  const numbers = [0.9 * messages, 0.1 * messages, Number(flags.jpegs), Number(flags.wire)];
  const kinds = plan([...numbers, floods, floods, floods], seed);
  const jobs = flags.jobs?.split(",").map(Number) ?? kinds.keys();
  const clients = flags.jobs ? 1 : Number(flags.clients);

  const serverFlags = ["--engine", flags.engine, ...SERVER_FLAGS, ...positionals];
  await onTrial(serverFlags, async (server, ended) => {
    const run = new Run(server, kinds, seed, Number(flags.wait));
    await run.all(jobs, clients, ended).finally(() => run.report());
  });
}

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

if (import.meta.main) await main();
