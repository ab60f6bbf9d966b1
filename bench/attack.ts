/** Attacks a server that it starts, while a client that behaves is served. `--help` tells the flags. */
import { parseArgs } from "node:util";
import { GoodClient } from "./attack/good_client.ts";
import { NESTED, pourNested } from "./attack/nested_text.ts";
import { pipelineRequests } from "./attack/pipelined_requests.ts";
import { pourTiny, TINY } from "./attack/tiny_messages.ts";
import type { ServerProcess } from "./server_process.ts";
import { onTrial } from "./trial.ts";

type Attack = (url: string, over: AbortSignal) => Promise<void>;

const ATTACKS: Record<string, Attack> = {
  "requests": (url, over) => pipelineRequests(url, over, true),
  "unread-requests": (url, over) => pipelineRequests(url, over, false),
  ...each("tiny", TINY, pourTiny),
  ...each("nested", NESTED, pourNested),
};

const HELP = `Usage: deno run -A bench/attack.ts [flags] [-- flags of the server]

For each attack starts a server, lets a client that behaves send it a frame every 30 ms, and attacks
it meanwhile. Prints the client's longest wait, before and while it is attacked, and the server's
memory. Exits with 1 where a wait or the memory passes its bound, or the client is cut off.

  --only A,B,…        of ${Object.keys(ATTACKS).join(", ")}
  --attackers N       at once (default 1)
  --seconds N         of each attack (default 8)
  --wait MS           bound of the client's longest wait (default 500)
  --memory MIB        bound of what the memory may grow by at its peak (default 100)
  --help              this text`;

const FLAGS = {
  only: { type: "string" },
  attackers: { type: "string", default: "1" },
  seconds: { type: "string", default: "8" },
  wait: { type: "string", default: "500" },
  memory: { type: "string", default: "100" },
  help: { type: "boolean", default: false },
} as const;

const QUIET_MS = 3000;
/** Of the quiet time, the first frames' compiling is not measured. */
const WARM_UP_MS = 2000;
const LOOK_MS = 50;

/** An attack for each kind of what it sends. */
function each<Kind extends string>(
  name: string,
  kinds: Record<Kind, unknown>,
  attack: (url: string, over: AbortSignal, kind: Kind) => Promise<void>,
): Record<string, Attack> {
  return Object.fromEntries(
    (Object.keys(kinds) as Kind[]).map((
      kind,
    ) => [`${name}-${kind}`, (url, over) => attack(url, over, kind)]),
  );
}

async function main(): Promise<void> {
  const { values: flags, positionals } = parseArgs({
    args: Deno.args,
    options: FLAGS,
    allowPositionals: true,
  });
  if (flags.help) return console.log(HELP);
  const names = flags.only?.split(",") ?? Object.keys(ATTACKS);
  let isWithinBounds = true;
  for (const name of names) {
    await onTrial(["--engine", "cpu", ...positionals], async (server) => {
      const found = await measure(
        server,
        name,
        Number(flags.attackers),
        1000 * Number(flags.seconds),
      );
      print(name, found);
      isWithinBounds &&= found.isServed && found.waitMs < Number(flags.wait) &&
        found.peakMiB - found.beforeMiB < Number(flags.memory);
    });
  }
  if (!isWithinBounds) Deno.exit(1);
}

interface Found {
  quietMs: number;
  waitMs: number;
  beforeMiB: number;
  peakMiB: number;
  isServed: boolean;
}

async function measure(
  server: ServerProcess,
  name: string,
  attackers: number,
  ms: number,
): Promise<Found> {
  await using client = await GoodClient.open(server.url);
  await pause(WARM_UP_MS);
  client.takeLongestMs();
  await pause(QUIET_MS);
  const quietMs = client.takeLongestMs();
  const beforeMiB = server.state().rssMiB;
  const workers = await Promise.all(
    Array.from({ length: attackers }, () => attackInAThread(server.url, name)),
  );
  let peakMiB = beforeMiB;
  for (const until = performance.now() + ms; performance.now() < until;) {
    await pause(LOOK_MS);
    peakMiB = Math.max(peakMiB, server.state().rssMiB);
  }
  const waitMs = client.takeLongestMs();
  const isServed = client.isOpen;
  for (const worker of workers) worker.terminate();
  return { quietMs, waitMs, beforeMiB, peakMiB, isServed };
}

/** In a thread of its own, so that the client's clock is not the attacker's. */
function attackInAThread(url: string, name: string): Promise<Worker> {
  const worker = new Worker(import.meta.url, { type: "module" });
  worker.postMessage({ url, name });
  return new Promise((begun) => worker.onmessage = () => begun(worker));
}

function print(name: string, { quietMs, waitMs, beforeMiB, peakMiB, isServed }: Found): void {
  console.log(
    `${name.padEnd(16)} longest wait ${quietMs.toFixed(0)} ms, attacked ${waitMs.toFixed(0)} ms; ` +
      `memory ${beforeMiB.toFixed(0)} MiB, attacked ${peakMiB.toFixed(0)} MiB` +
      (isServed ? "" : "; the client was cut off"),
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((later) => setTimeout(later, ms));
}

if ("WorkerGlobalScope" in globalThis) {
  self.onmessage = ({ data: { url, name } }) => {
    (self as unknown as Worker).postMessage("begun");
    void ATTACKS[name](url, new AbortController().signal);
  };
} else if (import.meta.main) {
  await main();
}
