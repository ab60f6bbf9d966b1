/** Attacks a server that it starts, while a client that behaves is served. `--help` tells the flags. */
import { fileURLToPath } from "node:url";
import { defineCommand, type Flag, readNumber, runProcess } from "../cli/command_line.ts";
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

const FLAGS = {
  only: { type: "string", value: "A,B,…", text: `of ${Object.keys(ATTACKS).join(", ")}` },
  url: { type: "string", value: "URL", text: "only attack this server, until it is stopped" },
  attackers: { type: "string", value: "N", default: "1", text: "at once" },
  seconds: { type: "string", value: "N", default: "8", text: "of each attack" },
  wait: {
    type: "string",
    value: "MS",
    default: "500",
    text: "bound of the good client's longest wait",
  },
  memory: {
    type: "string",
    value: "MIB",
    default: "100",
    text: "bound of what the memory may grow by at its peak",
  },
} as const satisfies Record<string, Flag>;

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

export const main = defineCommand({
  program: "deno run -A bench/attack.ts",
  usage: "[flags] [-- flags of the server]",
  about:
    "For each attack starts a server, lets a client that behaves send it a frame every 30 ms, and\n" +
    "attacks it meanwhile. Prints the client's longest wait, before and while it is attacked, and the\n" +
    "server's memory. Fails where a wait or the memory passes its bound, or the client is cut off.",
  flags: FLAGS,
  async run({ values, positionals }, { signal }) {
    const names = values.only?.split(",") ?? Object.keys(ATTACKS);
    if (values.url) return await attackOnly(values.url, names[0], signal);
    const number = (flag: "attackers" | "seconds" | "wait" | "memory") =>
      readNumber(flag, values[flag], 1, 1e6);
    let isWithinBounds = true;
    for (const name of names) {
      await onTrial(["--engine", "cpu", ...positionals], async (server) => {
        const ms = 1000 * number("seconds");
        const found = await measure(server, name, number("attackers"), ms);
        print(name, found);
        isWithinBounds &&= found.isServed && found.waitMs < number("wait") &&
          found.peakMiB - found.beforeMiB < number("memory");
      });
    }
    if (!isWithinBounds) throw new Error("A bound was passed");
  },
});

async function attackOnly(url: string, name: string, over: AbortSignal): Promise<void> {
  console.log("begun");
  const alive = setInterval(() => {}, 60_000); // who waits for a server that does not read lives on
  await ATTACKS[name](url, over);
  clearInterval(alive);
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
  await using attack = new AsyncDisposableStack();
  for (let i = 0; i < attackers; i++) attack.use(await Attacker.start(server.url, name));
  let peakMiB = beforeMiB;
  for (const until = performance.now() + ms; performance.now() < until;) {
    await pause(LOOK_MS);
    peakMiB = Math.max(peakMiB, server.state().rssMiB);
  }
  const waitMs = client.takeLongestMs();
  const isServed = client.isOpen;
  return { quietMs, waitMs, beforeMiB, peakMiB, isServed };
}

/** A process of its own, so that the client's clock is not the attacker's; ends it when disposed. */
class Attacker implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
  }

  /** Resolves once it has begun. */
  static async start(url: string, name: string): Promise<Attacker> {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        fileURLToPath(import.meta.url),
        "--url",
        url,
        "--only",
        name,
      ],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    for await (const _begun of child.stdout) break;
    return new Attacker(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
  }
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

if (import.meta.main) await runProcess(main);
