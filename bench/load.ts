/**
 * Sends camera streams to a running server, open loop: a frame is due when its
 * camera takes it, and late from then on, whatever the server does. `--help`
 * tells the flags.
 *
 * Runs from one file where there are no packages:
 * `deno bundle --platform deno bench/load.ts -o load.js`
 */
import { parseArgs } from "node:util";
import { makeFrames, readFrames } from "./frames.ts";
import { type Load, type Report, runLoad, serveThread } from "./load/threads.ts";

const HELP = `Usage: deno run -A bench/load.ts [flags]

Sends N camera streams to a running server and tells what became of the frames.

  --url URL           the server (default http://127.0.0.1:8000)
  --token T           the server's token
  --sessions N        camera streams; with --find, where to begin (default 1)
  --fps N             frames a second of each (default 30)
  --frames FOLDER     JPEGs to send, back and forth
  --size WxH          size of a made clip, where there is no --frames (default 1280x720)
  --options JSON      options of all sessions, such as {"detect":{"maxCorners":1000}}
  --seconds N         measured, after the warm-up (default 10)
  --warm-up N         seconds (default 3)
  --workers N         threads of the generator (default 1)
  --pid N             the server's process, if it is not found by its port (Linux)
  --find              find the most sessions of which p99 stays under the bound
  --bound MS          (default 33)
  --per-thread        print the cores of the server's threads too, by their names (Linux)
  --json              one line of JSON a run
  --help              this text

Latencies run from when a frame was due to its tracks. Their percentiles are of all frames due:
one that was dropped, refused or not sent in time counts as one that never came. "Sent" is the
median from when an answered frame was sent: less than p50 by what the generator was late.`;

const FLAGS = {
  url: { type: "string", default: "http://127.0.0.1:8000" },
  token: { type: "string" },
  sessions: { type: "string", default: "1" },
  fps: { type: "string", default: "30" },
  frames: { type: "string" },
  size: { type: "string", default: "1280x720" },
  options: { type: "string", default: "{}" },
  seconds: { type: "string", default: "10" },
  "warm-up": { type: "string", default: "3" },
  workers: { type: "string", default: "1" },
  pid: { type: "string" },
  find: { type: "boolean", default: false },
  bound: { type: "string", default: "33" },
  "per-thread": { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

/** The generator is as late as this: its figures are no longer the server's. */
const LATE_MS = 5;

async function main(): Promise<void> {
  const { values: flags } = parseArgs({ args: Deno.args, options: FLAGS });
  if (flags.help) return console.log(HELP);
  const [width, height] = flags.size.split("x").map(Number);
  const frames = flags.frames ? await readFrames(flags.frames) : await makeFrames(width, height);
  const load: Load = {
    url: flags.url.replace(/\/$/, ""),
    token: flags.token ?? null,
    sessions: whole("sessions", flags.sessions),
    fps: positive("fps", flags.fps),
    options: JSON.parse(flags.options),
    jpegs: frames.jpegs,
    warmUpSeconds: positive("warm-up", flags["warm-up"]),
    seconds: positive("seconds", flags.seconds),
    workers: whole("workers", flags.workers),
    pid: flags.pid === undefined ? null : whole("pid", flags.pid),
  };
  const print = (report: Report) => {
    if (flags.json) return console.log(JSON.stringify(report));
    printRow(report);
    if (flags["per-thread"]) printThreads(report);
  };
  if (!flags.json) printHead(frames, load);
  if (!flags.find) return print(await runLoad(load, import.meta.url));
  const found = await find(load, positive("bound", flags.bound), print);
  console.log(flags.json ? JSON.stringify(found) : sentence(found, load.fps));
}

function whole(name: string, text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  throw new Error(`Cannot set --${name} to "${text}": allowed are whole numbers from 1`);
}

function positive(name: string, text: string): number {
  const number = Number(text);
  if (number > 0) return number;
  throw new Error(`Cannot set --${name} to "${text}": allowed are numbers above 0`);
}

interface Found {
  bound: number;
  /** The most sessions of which p99 stayed under the bound; 0 if none did. */
  most: number;
  /** The least that did not. */
  tooMany: number;
}

/** Doubles the sessions until the bound does not hold, then halves the gap down to a thirtieth. */
async function find(load: Load, bound: number, print: (report: Report) => void): Promise<Found> {
  const holds = async (sessions: number) => {
    const report = await runLoad({ ...load, sessions }, import.meta.url);
    print(report);
    return report.latency.p99 !== null && report.latency.p99 <= bound;
  };
  let most = 0, tooMany = load.sessions;
  while (await holds(tooMany)) {
    most = tooMany;
    tooMany *= 2;
  }
  while (tooMany - most > Math.max(1, most / 30)) {
    const middle = (most + tooMany) >> 1;
    if (await holds(middle)) most = middle;
    else tooMany = middle;
  }
  return { bound, most, tooMany };
}

function sentence({ bound, most, tooMany }: Found, fps: number): string {
  return most > 0
    ? `${most} sessions at ${fps} frames/s stay under ${bound} ms at p99; ${tooMany} do not`
    : `No number of sessions at ${fps} frames/s stays under ${bound} ms at p99`;
}

function printHead({ width, height, jpegs }: Awaited<ReturnType<typeof readFrames>>, load: Load) {
  const kb = jpegs.reduce((sum, jpeg) => sum + jpeg.length, 0) / jpegs.length / 1000;
  console.log(
    `${width}×${height}, ${jpegs.length} frames of ${kb.toFixed(0)} kB, ${load.fps} a second, ` +
      `${load.seconds} s after ${load.warmUpSeconds} s, ${load.workers} threads\n` +
      "sessions     due  answered   dropped    unsent      p50      p95      p99    sent  points" +
      "  server ms  cores  MiB   late  own cores",
  );
}

/** Latencies and the generator's lateness (p99) in milliseconds; never is a dash. */
function printRow(report: Report): void {
  const { latency, server, generator } = report;
  const ms = (value: number | null) => value === null ? "-" : value.toFixed(1);
  console.log([
    `${report.sessions}`.padStart(8),
    `${report.due}`.padStart(8),
    `${report.answered}`.padStart(10),
    `${report.dropped}`.padStart(10),
    `${report.unsent}`.padStart(10),
    ...[latency.p50, latency.p95, latency.p99].map((value) => ms(value).padStart(9)),
    report.sentP50.toFixed(1).padStart(8),
    report.points.toFixed(0).padStart(8),
    report.stages.server.toFixed(1).padStart(11),
    (server ? server.cores.toFixed(2) : "-").padStart(7),
    (server ? server.rssMiB.toFixed(0) : "-").padStart(5),
    generator.latenessP99.toFixed(1).padStart(7),
    generator.cores.toFixed(2).padStart(11),
  ].join(""));
  for (const what of ["errors", "closes"] as const) {
    if (Object.keys(report[what]).length > 0) console.log(`  ${what}:`, report[what]);
  }
  if (generator.latenessP99 > LATE_MS) {
    console.log(
      `  The generator was late itself (p99 ${generator.latenessP99.toFixed(1)} ms, ` +
        `event loop ${generator.loopDelayP99.toFixed(1)} ms): give it more --workers or cores`,
    );
  }
}

/** Threads that took less than a hundredth of a core are left out. */
function printThreads({ server }: Report): void {
  const busy = Object.entries(server?.threads ?? {}).filter(([, cores]) => cores >= 0.01);
  console.log(`  cores: ${busy.map(([name, cores]) => `${name} ${cores.toFixed(2)}`).join(", ")}`);
}

if ("WorkerGlobalScope" in globalThis) {
  serveThread();
} else {
  try {
    await main();
  } catch (error) {
    console.error((error as Error).message);
    Deno.exit(1);
  }
}
