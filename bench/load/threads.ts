import process from "node:process";
import { findListener, readProcess, readThreads } from "../process.ts";
import { percentile } from "../timings.ts";
import { Generator, type Outcome, type Share, STAGES } from "./generator.ts";

export interface Load extends Omit<Share, "seed"> {
  /** Threads that the sessions are shared out to. */
  workers: number;
  /** The server's process, where it runs on this machine. */
  pid: number | null;
}

/** What one run found. Times are milliseconds; null stands for "never came". */
export interface Report {
  sessions: number;
  fps: number;
  seconds: number;
  /** Frames that were due, and what became of them. */
  due: number;
  answered: number;
  dropped: number;
  unsent: number;
  errors: Record<string, number>;
  closes: Record<string, number>;
  /** From when a frame was due to its tracks, of all frames due: one without an answer never came. */
  latency: { p50: number | null; p95: number | null; p99: number | null; max: number | null };
  /** From when a frame was sent to its tracks, of the answered ones: the half of them. */
  sentP50: number;
  /** Means of what the server says it took. */
  stages: Record<typeof STAGES[number], number>;
  /** Live points, on average. */
  points: number;
  sentMBs: number;
  generator: {
    workers: number;
    /** Processor time, from the warm-up on. */
    cores: number;
    latenessP99: number;
    latenessMax: number;
    loopDelayP99: number;
  };
  server: {
    pid: number;
    cores: number;
    /** The same by the names of its threads, the busiest first. */
    threads: Record<string, number>;
    rssMiB: number;
    peakMiB: number;
  } | null;
}

type FromThread = { opened: true } | { failed: string } | { outcome: Outcome };

/** To be called where {@linkcode isThread}: the sessions of one thread, as the main one asks. */
export function serveThread(): void {
  const main = self as unknown as DedicatedWorkerGlobalScope;
  const tell = (message: FromThread) => main.postMessage(message);
  let generator: Generator;
  main.onmessage = async ({ data }: MessageEvent<Share | "go">) => {
    try {
      if (data !== "go") {
        generator = await Generator.open(data);
        return tell({ opened: true });
      }
      const outcome = await generator.run();
      generator.close();
      tell({ outcome });
    } catch (error) {
      tell({ failed: (error as Error).message });
    }
  };
}

interface DedicatedWorkerGlobalScope {
  postMessage(message: unknown): void;
  onmessage: (event: MessageEvent) => void;
}

/**
 * Opens the sessions, sends for the warm-up and the seconds measured, and
 * closes them.
 *
 * @param module the script to run as a thread, which calls {@linkcode serveThread}
 */
export async function runLoad(load: Load, module: string): Promise<Report> {
  const threads = shareOut(load).map((share) => new Thread(module, share));
  try {
    for (const thread of threads) await thread.opened; // one after the other: it is not a flood
    const from = performance.now(), cpu = process.cpuUsage();
    const outcomes = Promise.all(threads.map((thread) => thread.go()));
    const server = await watch(load, outcomes);
    const outcome = await outcomes;
    const { user, system } = process.cpuUsage(cpu); // microseconds
    return summarize(load, outcome, server, (user + system) / 1000 / (performance.now() - from));
  } finally {
    for (const thread of threads) thread.close();
  }
}

function shareOut({ sessions, workers, ...rest }: Load): Share[] {
  return Array.from({ length: Math.min(workers, sessions) }, (_, i) => ({
    ...rest,
    sessions: Math.floor((sessions + i) / Math.min(workers, sessions)),
    seed: i,
  }));
}

class Thread {
  readonly opened: Promise<void>;
  readonly #worker: Worker;

  constructor(module: string, share: Share) {
    this.#worker = new Worker(module, { type: "module" });
    this.opened = this.#ask(share).then(() => {});
    this.opened.catch(() => {}); // told where it is awaited
  }

  async go(): Promise<Outcome> {
    const answer = await this.#ask("go");
    return (answer as { outcome: Outcome }).outcome;
  }

  #ask(message: Share | "go"): Promise<FromThread> {
    return new Promise((answered, failed) => {
      this.#worker.onmessage = ({ data }: MessageEvent<FromThread>) =>
        "failed" in data ? failed(new Error(data.failed)) : answered(data);
      this.#worker.onerror = (event) => {
        event.preventDefault();
        failed(new Error(`Cannot go on: a thread failed: ${event.message}`));
      };
      this.#worker.postMessage(message);
    });
  }

  close(): void {
    this.#worker.terminate();
  }
}

/** What the server's process takes while it is measured. */
async function watch(
  { url, pid, warmUpSeconds, seconds }: Load,
  outcomes: Promise<unknown>,
): Promise<Report["server"]> {
  const { hostname, port } = new URL(url);
  const isHere = ["127.0.0.1", "localhost", "[::1]"].includes(hostname);
  const server = pid ?? (isHere ? findListener(Number(port)) : null);
  if (server === null) return null;
  await new Promise((later) => setTimeout(later, warmUpSeconds * 1000));
  const before = readProcess(server), threads = readThreads(server);
  await Promise.race([new Promise((later) => setTimeout(later, seconds * 1000)), outcomes]);
  const after = readProcess(server);
  const cores = (seconds: number) => seconds / (after.at - before.at) * 1000;
  return {
    pid: server,
    cores: cores(after.cpuSeconds - before.cpuSeconds),
    threads: Object.fromEntries(
      [...readThreads(server)]
        .map(([name, seconds]) => [name, cores(seconds - (threads.get(name) ?? 0))] as const)
        .toSorted(([, a], [, b]) => b - a),
    ),
    rssMiB: after.rssMiB,
    peakMiB: after.peakMiB,
  };
}

function summarize(
  load: Load,
  outcomes: Outcome[],
  server: Report["server"],
  cores: number,
): Report {
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((all, o) => all + of(o), 0);
  const latencies = merged(outcomes.map(({ latencies }) => latencies));
  const lateness = merged(outcomes.map(({ lateness }) => lateness));
  const loopDelay = merged(outcomes.map(({ loopDelay }) => loopDelay));
  const due = sum((o) => o.due), answered = latencies.length;
  const at = (share: number) => latencies[Math.max(0, Math.ceil(share * due) - 1)] ?? null;
  const stage = (i: number) => sum((o) => o.stageSums[i]) / answered;
  return {
    sessions: load.sessions,
    fps: load.fps,
    seconds: load.seconds,
    due,
    answered,
    dropped: sum((o) => o.dropped),
    unsent: sum((o) => o.unsent),
    errors: merge(outcomes.map(({ errors }) => errors)),
    closes: merge(outcomes.map(({ closes }) => closes)),
    latency: { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) },
    sentP50: percentile(merged(outcomes.map(({ sentLatencies }) => sentLatencies)), 0.5),
    stages: Object.fromEntries(STAGES.map((name, i) => [name, stage(i)])) as Report["stages"],
    points: sum((o) => o.points) / answered,
    sentMBs: sum((o) => o.bytesSent) / load.seconds / 1e6,
    generator: {
      workers: outcomes.length,
      cores,
      latenessP99: percentile(lateness, 0.99),
      latenessMax: percentile(lateness, 1),
      loopDelayP99: percentile(loopDelay, 0.99),
    },
    server,
  };
}

function merged(lists: Float64Array[]): Float64Array {
  const all = new Float64Array(lists.reduce((length, list) => length + list.length, 0));
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  return all.sort();
}

function merge(counts: Record<string, number>[]): Record<string, number> {
  const all: Record<string, number> = {};
  for (const one of counts) {
    for (const [name, count] of Object.entries(one)) all[name] = (all[name] ?? 0) + count;
  }
  return all;
}
