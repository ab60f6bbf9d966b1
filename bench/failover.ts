/** Ends servers in every way behind a proxy, while cameras film, and counts what their users would notice. */
import { defineCommand, type Flag, readNumber, runProcess } from "../cli/command_line.ts";
import { findProgram, startProxy } from "../test/lib/proxy.ts";
import { makeClip } from "./clip.ts";
import { Camera, type Outcome } from "./failover/camera.ts";
import { Host } from "./failover/hosts.ts";

const FLAGS = {
  proxy: { type: "string", value: "NAME", default: "haproxy", text: "haproxy or nginx" },
  servers: { type: "string", value: "N", default: "2", text: "from 2" },
  cameras: { type: "string", value: "N", default: "20", text: "of 320×240, 30 frames a second" },
  engine: { type: "string", value: "NAME", default: "cpu", text: "of the servers" },
  only: { type: "string", value: "DRILL", text: "one of none, kill, term, stop, cut, rolling" },
} as const satisfies Record<string, Flag>;

const DRAIN_S = 5;
/** Everything has settled before and after what happens. */
const BEFORE_MS = 3000, LIVE_AGAIN_MS = 30_000, AFTER_MS = 1000;

/** What is done to the servers; the first one has sessions, as they all have. */
const DRILLS: Record<string, (hosts: Host[]) => Promise<void>> = {
  /** What cameras lose on this machine while nothing happens. */
  none() {
    return pause(BEFORE_MS);
  },
  async kill([first]) {
    first.signal("SIGKILL");
    await first.ended();
  },
  async term([first]) {
    first.signal("SIGTERM");
    await first.ended();
  },
  stop([first]) {
    first.signal("SIGSTOP");
    return Promise.resolve();
  },
  async cut([first]) {
    await first.unplug();
  },
  async rolling(hosts) {
    for (const host of hosts) {
      host.signal("SIGTERM");
      await host.ended();
      await host.start();
      await pause(BEFORE_MS); // the proxy finds it again
    }
  },
};

export const main = defineCommand({
  program: "deno run -A bench/failover.ts",
  usage: "[flags]",
  about:
    "Starts servers in network namespaces, a proxy with the configuration of docs/operations before\n" +
    "them, and cameras of the SDK that film a clip of known motion. Then ends servers: kill -9,\n" +
    "SIGTERM, SIGSTOP, a pulled cable, a restart of all, one after the other. Needs root, `ip`, and\n" +
    "the proxy: apt-get install iproute2 haproxy nginx-light",
  flags: FLAGS,
  async run({ values }) {
    const servers = readNumber("servers", values.servers, 2, 9);
    const cameras = readNumber("cameras", values.cameras, 1, 1000);
    const proxy = values.proxy === "nginx" ? "nginx" : "haproxy";
    if (await findProgram(proxy) === null) {
      throw new Error(
        `Cannot find ${proxy}: apt-get install ${proxy === "nginx" ? "nginx-light" : proxy}`,
      );
    }
    console.log(HEADER);
    for (const drill of values.only ? [values.only] : Object.keys(DRILLS)) {
      console.log(await practise(drill, { proxy, servers, cameras, engine: values.engine }));
    }
  },
});

interface Setting {
  proxy: "haproxy" | "nginx";
  servers: number;
  cameras: number;
  engine: string;
}

const HEADER =
  "drill     gap p50    worst   stayed   kept    right   two   lost  skipped  resumed  anew";

async function practise(
  drill: string,
  { proxy, servers, cameras, engine }: Setting,
): Promise<string> {
  await using stack = new AsyncDisposableStack();
  const flags = ["--engine", engine, "--drain", `${DRAIN_S}`, "--max-sessions", "200"];
  flags.push("--max-sessions-per-address", "200");
  const hosts: Host[] = [];
  for (let i = 1; i <= servers; i++) hosts.push(stack.use(await Host.make(i, flags)));
  await Promise.all(hosts.map((host) => host.start()));
  const { url, ca, close } = await startProxy(proxy, hosts.map(({ backend }) => backend));
  stack.defer(async () => void await close());
  const clip = makeClip(320, 240);
  const all = Array.from(
    { length: cameras },
    (_, i) => stack.use(new Camera(url, ca, clip, 5 * i)),
  );
  await until(() => all.every(({ isLive }) => isLive));
  await pause(BEFORE_MS);
  for (const camera of all) camera.mark();
  await DRILLS[drill](hosts);
  await pause(AFTER_MS);
  await until(() => all.every(({ isLive }) => isLive));
  await pause(AFTER_MS);
  return row(drill, all, all.map((camera) => camera.outcome()));
}

function row(drill: string, cameras: Camera[], outcomes: Outcome[]): string {
  const gaps = outcomes.map(({ gapMs }) => gapMs).toSorted((a, b) => a - b);
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((n, each) => n + of(each), 0);
  const count = (of: (camera: Camera) => number) => cameras.reduce((n, each) => n + of(each), 0);
  const stayed = sum(({ stayed }) => stayed);
  const share = (n: number) => `${(100 * n / stayed).toFixed(1)} %`.padStart(7);
  return [
    drill.padEnd(9),
    `${Math.round(gaps[gaps.length >> 1])} ms`.padStart(7),
    `${Math.round(gaps.at(-1)!)} ms`.padStart(8),
    `${stayed}`.padStart(7),
    share(sum(({ kept }) => kept)),
    share(sum(({ keptAndRight }) => keptAndRight)),
    `${count(({ idsThatMeantTwo }) => idsThatMeantTwo)}`.padStart(5),
    `${count(({ lost }) => lost)}`.padStart(6),
    `${count(({ skipped }) => skipped)}`.padStart(8),
    `${count(({ resumed }) => resumed)}`.padStart(8),
    `${count(({ anew }) => anew)}`.padStart(5),
  ].join(" ");
}

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + LIVE_AGAIN_MS;
  while (!holds() && performance.now() < end) await pause(50);
}

function pause(ms: number): Promise<void> {
  return new Promise((over) => setTimeout(over, ms));
}

if (import.meta.main) await runProcess(main);
