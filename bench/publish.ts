/**
 * What publishing costs the sessions: many streams with and without a name, in turns, on one server;
 * with a broker that is well, one with a subscriber that stopped, one that is stopped itself, killed
 * and back. Needs nats-server. `deno run -A bench/publish.ts --help`
 */
import { parseArgs } from "node:util";
import { WebSocket } from "ws";
import { encodeFrame } from "../protocol/mod.ts";
import { NatsServer } from "../test/lib/nats_server.ts";
import { makeClip } from "./clip.ts";
import { ServerProcess } from "./server_process.ts";

const { values } = parseArgs({
  options: {
    streams: { type: "string", default: "100" },
    fps: { type: "string", default: "30" },
    seconds: { type: "string", default: "10" },
    rounds: { type: "string", default: "2" },
    size: { type: "string", default: "96x64" },
    help: { type: "boolean" },
  },
});
if (values.help) {
  console.log(
    "Usage: bench/publish.ts [--streams N] [--fps N] [--seconds S] [--rounds N] [--size WxH]",
  );
  Deno.exit(0);
}
const streams = Number(values.streams), fps = Number(values.fps), seconds = Number(values.seconds);
const [width, height] = values.size.split("x").map(Number);
const { jpegs } = makeClip(width, height);

/** One camera: frames at its own moments, and how long each answer took. */
class Camera {
  readonly roundTrips: number[] = [];
  readonly #socket: WebSocket;
  readonly #sentAt = new Map<number, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  static open(url: string): Promise<Camera> {
    const socket = new WebSocket(url, ["lkstream.v1.bin"]);
    return new Promise((opened, failed) => {
      socket.once("open", () => opened(new Camera(socket)));
      socket.once("error", failed);
    });
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Uint8Array, isBinary) => {
      if (!isBinary) return;
      const seq = new DataView(data.buffer, data.byteOffset).getUint32(4, true);
      this.roundTrips.push(performance.now() - this.#sentAt.get(seq)!);
      for (const sent of this.#sentAt.keys()) if (sent <= seq) this.#sentAt.delete(sent);
    });
  }

  /** Open loop: a frame that is due is sent, whatever is unanswered; later than that counts. */
  run(fromMs: number): void {
    let frame = 0;
    const next = () => {
      const due = fromMs + 1000 * frame / fps;
      this.#timer = setTimeout(() => {
        const jpeg = jpegs[frame % jpegs.length];
        this.#sentAt.set(frame, due);
        this.#socket.send(encodeFrame({ seq: frame, timestamp: due, jpeg }));
        frame++;
        next();
      }, Math.max(0, due - performance.now()));
    };
    next();
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const closed = new Promise((closed) => this.#socket.once("close", closed));
    this.#socket.close();
    await closed;
  }
}

function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

await using broker = await NatsServer.start();
const server = await ServerProcess.start([
  ...["--publish", broker.url, "--max-sessions", `${streams + 8}`],
]);

/** What is counted: tracks that reached the broker, that gave way or were lost, frames answered. */
function counted(): Promise<number[]> {
  return Promise.all([
    server.metric("lkstream_sink_delivered_total"),
    server.metric("lkstream_sink_dropped_total", 'reason="newer"'),
    server.metric("lkstream_sink_dropped_total", 'reason="lost"'),
    server.metric("lkstream_frames_processed_total"),
  ]);
}

const COLUMNS = [
  ...["phase", "p50, ms", "p99, ms", "worst session's p99, ms", "frames"],
  ...["published", "gave way", "lost", "MiB", "core-ms a frame"],
];

function row(cells: readonly (string | number)[]): void {
  console.log(`| ${cells.join(" | ")} |`);
}

/** All cameras for some seconds; a row of what was measured. */
async function phase(name: string, isNamed: boolean): Promise<void> {
  const query = (i: number) => isNamed ? `?stream=${name.replaceAll(" ", "_")}-${i}` : "";
  const stream = `${server.url.replace("http", "ws")}/v1/stream`;
  const cameras: Camera[] = [];
  for (let i = 0; i < streams; i++) cameras.push(await Camera.open(stream + query(i)));
  const before = await counted(), { cpuSeconds } = server.state();
  const at = performance.now() + 200;
  cameras.forEach((camera, i) => camera.run(at + 1000 * i / fps / streams));
  await new Promise((over) => setTimeout(over, 200 + 1000 * seconds));
  const after = await counted(), state = server.state();
  await Promise.all(cameras.map((camera) => camera.close()));
  // the first second warms up
  const kept = cameras.map(({ roundTrips }) => Float64Array.from(roundTrips.slice(fps)).sort());
  const all = Float64Array.from(kept.flatMap((times) => [...times])).sort();
  const worst = Math.max(...kept.map((times) => percentile(times, 0.99)));
  const [delivered, newer, lost, frames] = after.map((value, i) => value - before[i]);
  const times = [percentile(all, 0.5), percentile(all, 0.99), worst].map((ms) => ms.toFixed(1));
  const cpu = (1000 * (state.cpuSeconds - cpuSeconds) / frames).toFixed(3);
  row([name, ...times, frames, delivered, newer, lost, state.rssMiB.toFixed(0), cpu]);
}

/** A subscriber that reads nothing any more. */
async function stoppedSubscriber(): Promise<Deno.Conn> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: broker.port });
  const hello = 'CONNECT {"verbose":false,"headers":true}\r\nSUB lk.v1.> 1\r\n';
  await connection.write(new TextEncoder().encode(hello));
  return connection;
}

console.log(`${streams} streams of ${fps}/s, ${width}×${height} px, ${seconds} s a phase`);
row(COLUMNS);
row(COLUMNS.map(() => "---"));
try {
  await phase("warming up", true); // the server's code is compiled as it is used
  for (let round = 1; round <= Number(values.rounds); round++) {
    await phase("without names", false);
    await phase("published", true);
    const subscriber = await stoppedSubscriber();
    await phase("a subscriber stopped", true);
    subscriber.close();
    broker.signal("SIGSTOP");
    await phase("the broker stopped", true);
    broker.signal("SIGCONT");
    await broker.kill();
    await phase("the broker killed", true);
    await broker.startAgain();
    await phase("the broker back", true);
    await phase("without names again", false);
  }
} finally {
  await server.stop();
}
