import assert from "node:assert/strict";
import { encodeFrame } from "../../protocol/mod.ts";
import { Lines } from "../../server/lines.ts";
import { limited, openLog } from "../../server/log.ts";
import { Client } from "../lib/client.ts";
import { HEADER_ONLY_JPEG } from "../lib/header_only_jpeg.ts";
import { inTime } from "../lib/in_time.ts";
import { withServer } from "../lib/serving.ts";
import { taskCommand } from "../lib/task_command.ts";

/** A pipe whose reader comes late: a write waits until {@linkcode Pipe.read} is called. */
class Pipe {
  text = "";
  #reading = Promise.withResolvers<void>();

  async write(bytes: Uint8Array): Promise<number> {
    await this.#reading.promise;
    const taken = bytes.subarray(0, 1000); // less than it is given
    this.text += new TextDecoder().decode(taken);
    return taken.length;
  }

  read(): void {
    this.#reading.resolve();
  }
}

Deno.test("log: an event is one line, as text or as JSON", async () => {
  const lines: string[] = [];
  for (const form of ["text", "json"] as const) {
    const pipe = new Pipe();
    const { log, flush } = openLog(form, pipe);
    log("session_opened", { session: "a\nb", n: 1 });
    pipe.read();
    await flush(10_000);
    lines.push(pipe.text.replace(/\n$/, ""));
  }
  const time = String.raw`\d{4}-\d\d-\d\dT[\d:.]+Z`;
  assert.match(lines[0], new RegExp(`^${time} session_opened session="a\\\\nb" n=1$`));
  const { time: at, ...rest } = JSON.parse(lines[1]);
  assert.match(at, new RegExp(`^${time}$`));
  assert.deepEqual(rest, { event: "session_opened", session: "a\nb", n: 1 });
  assert.ok(lines.every((line) => !line.includes("\n")));
});

Deno.test("log: what nobody reads is bounded, in order, and counted once somebody does", async () => {
  const pipe = new Pipe();
  const { log, flush } = openLog("json", pipe);
  for (let n = 0; n < 10_000; n++) log("event", { n });
  await flush(0);
  assert.equal(pipe.text, "");
  pipe.read();
  await flush(10_000);
  const events = pipe.text.trimEnd().split("\n").map((line) => JSON.parse(line));
  const { event, lines } = events.pop();
  assert.equal(event, "log_dropped");
  assert.deepEqual(events.map(({ n }) => n), Array.from(events.keys()));
  assert.ok(events.length > 500 && events.length < 2000, `${events.length} were kept`);
  assert.equal(events.length + lines, 10_000);
});

Deno.test("log: a reader that is gone costs its lines; the next one is told how many", async () => {
  let isGone = true;
  let text = "";
  const lines = new Lines({
    write(bytes) {
      if (isGone) return Promise.reject(new Deno.errors.BrokenPipe());
      text += new TextDecoder().decode(bytes);
      return Promise.resolve(bytes.length);
    },
  }, (count) => `${count} dropped`);
  lines.put("lost");
  await lines.flush(10_000);
  isGone = false;
  lines.put("seen");
  await lines.flush(10_000);
  assert.equal(text, "seen\n1 dropped\n");
});

Deno.test("log: each event has so many lines a second, and tells how many got none", () => {
  const lines: [string, unknown][] = [];
  const log = limited((event, fields) => lines.push([event, fields]), 2);
  for (let n = 0; n < 5; n++) log("often", { n });
  log("seldom");
  assert.deepEqual(lines, [
    ["often", { n: 0, unlogged: 0 }],
    ["often", { n: 1, unlogged: 0 }],
    ["seldom", { unlogged: 0 }],
  ]);
});

Deno.test("log: lines of sessions are limited", () =>
  withServer({}, async (url, _engine, log) => {
    await (await Client.connect(url)).close();
    const [event, fields] = log[0].split(/ (.*)/s);
    assert.equal(event, "session_opened");
    assert.equal(JSON.parse(fields).unlogged, 0); // says how many lines there were not
  }));

/** Reads what waits in a pipe, so that who hangs in writing to it ends. */
async function readOut(path: string, end: () => void): Promise<void> {
  const pipe = await Deno.open(path);
  end();
  await pipe.readable.pipeTo(new WritableStream());
}

for (const threads of ["1", "2"]) {
  Deno.test(`log: standard error is a full pipe, ${threads} threads: sessions and SIGTERM go on`, async () => {
    const folder = await Deno.makeTempDir();
    // standard error is a pipe that holds all it can, and that nobody reads
    const script = `mkfifo "$0/pipe"; exec 3<>"$0/pipe"; head -c 65536 /dev/zero >&3
      exec "$@" 2>&3`;
    const { args, env } = taskCommand("start");
    const child = new Deno.Command("sh", {
      args: ["-c", script, folder, Deno.execPath(), ...args, "--port", "0", "--threads", threads],
      cwd: new URL("../../", import.meta.url),
      env: { ...env, LKSTREAM_DRAIN: "0" }, // there is no other server to wait for
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let hasEnded = false;
    try {
      let output = "";
      while (!/ listens on \S+,/.test(output)) output += (await reader.read()).value;
      const url = / listens on (\S+),/.exec(output)![1];
      for (let n = 0; n < 4; n++) {
        const client = await inTime(Client.connect(url));
        client.send(encodeFrame({ seq: n, timestamp: 0, jpeg: HEADER_ONLY_JPEG }));
        assert.ok(await inTime(client.nextOf("error")));
        await inTime(client.close());
      }
      child.kill("SIGTERM");
      assert.equal((await inTime(child.status)).code, 0);
      hasEnded = true;
    } finally {
      if (!hasEnded) await readOut(`${folder}/pipe`, () => child.kill("SIGTERM"));
      await child.status;
      await reader.cancel();
      await Deno.remove(folder, { recursive: true });
    }
  });
}
