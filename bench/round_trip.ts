import { fileURLToPath } from "node:url";
import type { FlowEngine } from "../tracking/engine.ts";
import { serve } from "../server/http/server.ts";
import { DEFAULT_LIMITS } from "../server/limits.ts";
import { LoopDelay } from "./loop_delay.ts";
import { Timings, TIMINGS_HEAD } from "./timings.ts";

const SECONDS = 8;

/** Prints round trips over loopback, and how late the server's event loop and how large its memory gets. */
export async function benchRoundTrip(engine: FlowEngine): Promise<void> {
  const server = await serve({
    host: "127.0.0.1",
    port: 0,
    engine,
    limits: DEFAULT_LIMITS,
    token: null,
    allowOrigins: [],
    log: () => {},
  });
  console.log(
    `\nThrough the server over loopback, engine ${engine.info.name}, 500 points. Milliseconds:`,
  );
  console.log(`${"".padEnd(50)}${TIMINGS_HEAD}`);
  try {
    await measure(server.url, 1, 640, 480, 1);
    await measure(server.url, 1, 1280, 720, 1);
    await measure(server.url, 2, 640, 480, 2);
  } finally {
    await server.close();
  }
}

async function measure(
  url: string,
  clients: number,
  width: number,
  height: number,
  unanswered: number,
): Promise<void> {
  const delay = new LoopDelay();
  const results = await Promise.all(
    Array.from({ length: clients }, () => runClient(url, width, height, unanswered)),
  );
  delay.stop();
  const roundTrips = new Timings();
  let frames = 0, dropped = 0;
  for (const result of results) {
    result.roundTrips.forEach((ms) => roundTrips.add(ms));
    frames += result.roundTrips.length;
    dropped += result.dropped;
  }
  const what = `${clients} × ${width}×${height}, ${unanswered} unanswered`;
  console.log(`${what.padEnd(36)} round trip  ${roundTrips.row()}`);
  console.log(`${"".padEnd(36)} loop delay  ${delay.timings.row()}`);
  const rss = Deno.memoryUsage().rss / 2 ** 20;
  console.log(
    `${"".padEnd(36)} ${(frames / SECONDS).toFixed(1)} frames/s, ${dropped} dropped, ` +
      `${rss.toFixed(0)} MiB resident`,
  );
}

interface ClientResult {
  roundTrips: number[];
  dropped: number;
}

async function runClient(
  url: string,
  width: number,
  height: number,
  unanswered: number,
): Promise<ClientResult> {
  const script = fileURLToPath(new URL("load_client.ts", import.meta.url));
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", script, url, ...[width, height, unanswered, SECONDS].map(String)],
    stderr: "inherit",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}
