import assert from "node:assert/strict";
import { encodeFrame } from "../../protocol/mod.ts";
import { Metrics } from "../../server/metrics.ts";
import { Client, refused } from "../lib/client.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";
import { withServer } from "../lib/serving.ts";

const frame = (seq: number) => encodeFrame({ seq, timestamp: 0, jpeg: JPEG });

/** The value of one series, such as `name{label="x"}`. */
async function metric(url: string, series: string): Promise<number | null> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split("\n").find((line) => line.startsWith(`${series} `));
  return line ? Number(line.slice(series.length + 1)) : null;
}

Deno.test("metrics: what a session does is counted", () =>
  withServer({}, async (url) => {
    const client = await Client.connect(url);
    await client.next();
    for (let i = 0; i < 3; i++) {
      client.send(frame(i));
      await client.nextOf("tracks");
    }
    client.send(encodeFrame({ seq: 3, timestamp: 0, jpeg: Uint8Array.of(0xff, 0xd8) }));
    await client.nextOf("error");
    client.say({ type: "stats" });
    await client.nextOf("stats");
    const expected = {
      lkstream_sessions: 1,
      lkstream_sessions_opened_total: 1,
      lkstream_frames_received_total: 4,
      lkstream_frame_bytes_received_total: 3 * (16 + JPEG.length) + 18,
      lkstream_frames_processed_total: 3,
      lkstream_control_messages_total: 1,
      lkstream_points: 1,
      lkstream_points_tracked_total: 3,
      'lkstream_errors_total{code="bad_frame"}': 1,
      'lkstream_latency_seconds_count{stage="server"}': 3,
      'lkstream_latency_seconds_count{stage="detect"}': 1,
      'lkstream_latency_seconds_bucket{le="0.0005",stage="decode"}': 0, // the script says 1 ms
      'lkstream_latency_seconds_bucket{le="0.001",stage="decode"}': 3,
      'lkstream_engine{engine="wasm",device="script"}': 1,
    };
    for (const [series, value] of Object.entries(expected)) {
      assert.equal(await metric(url, series), value, series);
    }
    assert.ok((await metric(url, 'lkstream_memory_bytes{kind="resident"}'))! > 1e6);
    assert.ok((await metric(url, 'lkstream_memory_bytes{kind="heap"}'))! > 1e5);
    assert.ok((await metric(url, "lkstream_loop_delay_seconds"))! >= 0);
    client.say({ type: "clear" });
    client.send(frame(4));
    await client.nextOf("tracks");
    assert.equal(await metric(url, 'lkstream_points_lost_total{reason="reset"}'), 1);
    await client.close();
    while (await metric(url, "lkstream_sessions") !== 0);
    assert.equal(await metric(url, "lkstream_points"), 0);
    assert.equal(await metric(url, 'lkstream_sessions_closed_total{code="1005"}'), 1);
    await refused(Client.connect(url, { protocols: ["mqtt"] }));
    assert.equal(await metric(url, 'lkstream_refused_total{code="unknown_subprotocol"}'), 1);
  }, [{ corners: [[10, 10]] }, {}, {}, {}, {}]));

Deno.test("metrics: with a token they are for who presents it, and it is in none of them", () =>
  withServer({ token: "s3cret" }, async (url, _engine, log) => {
    const without = await fetch(`${url}/metrics`);
    assert.equal(without.status, 401);
    assert.equal((await without.json()).error.code, "unauthorized");
    await (await Client.connect(url, { query: "?token=s3cret" })).close();
    await refused(Client.connect(url, { query: "?token=wr0ng" }));
    const headers = { Authorization: "Bearer s3cret" };
    const response = await fetch(`${url}/metrics`, { headers });
    assert.match(response.headers.get("content-type")!, /text\/plain; version=0\.0\.4/);
    const text = await response.text();
    assert.match(text, /lkstream_refused_total\{code="unauthorized"\} 2/);
    assert.equal(log.filter((line) => /refused/.test(line)).length, 2);
    assert.doesNotMatch(text + log.join("\n"), /s3cret|wr0ng/);
  }));

Deno.test("metrics: what alerts wait for begins at zero", () =>
  withServer({}, async (url) => {
    assert.equal(await metric(url, 'lkstream_engine_failures_total{engine="wasm"}'), 0);
    assert.equal(await metric(url, 'lkstream_refused_total{code="session_limit"}'), 0);
  }));

Deno.test("metrics: those of several event loops are added up; delays and memory are the worst", async () => {
  using a = new Metrics();
  using b = new Metrics();
  a.framesReceived.inc(3);
  b.framesReceived.inc(4);
  a.engine({ name: "cpu", device: "x", reason: "" });
  b.engine({ name: "cpu", device: "x", reason: "" });
  const text = await Metrics.text([await a.values(), await b.values()]);
  assert.match(text, /^lkstream_frames_received_total 7$/m);
  assert.match(text, /^lkstream_engine\{engine="cpu",device="x"\} 1$/m);
  const resident = Number(/kind="resident"\} (\d+)/.exec(text)![1]);
  assert.ok(resident < 1.5 * Deno.memoryUsage().rss);
});

Deno.test("metrics: what the engine itself counts", async () => {
  const counted = { jpegsOnGpu: 5, jpegsOnCpu: 3, jpegsRefused: 1, devices: 2, failedDevices: 1 };
  using metrics = new Metrics(() => counted);
  const text = await Metrics.text([await metrics.values()]);
  for (const [decoder, n] of [["gpu", 5], ["libjpeg", 3], ["refused", 1]]) {
    assert.ok(text.includes(`lkstream_engine_jpegs{decoder="${decoder}"} ${n}\n`), `${decoder}`);
  }
  assert.match(text, /lkstream_engine_devices\{state="working"\} 1\n/);
  assert.match(text, /lkstream_engine_devices\{state="failed"\} 1\n/);
});
