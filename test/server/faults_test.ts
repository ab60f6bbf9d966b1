/** What a server meets: it is stopped under load, clocks jump, peers are half gone. */
import assert from "node:assert/strict";
import { connect as connectTcp } from "node:net";
import { encodeFrame } from "../../protocol/mod.ts";
import { Client } from "../lib/client.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";
import { Texture } from "../lib/images.ts";
import { encodeJpeg } from "../lib/jpeg.ts";
import { start } from "../lib/running.ts";
import { withServer } from "../lib/serving.ts";

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!await condition()) await new Promise((later) => setTimeout(later, 5));
}

for (const threads of ["1", "2"]) {
  Deno.test(`faults: SIGTERM under load, ${threads} threads: frames in work are answered, then 1001`, async () => {
    const server = await start({ args: ["--engine", "wasm", "--threads", threads] });
    const large = encodeJpeg(new Texture(5).draw(800, 600));
    const clients = await Promise.all(Array.from({ length: 4 }, () => Client.connect(server.url)));
    for (const [seq, client] of clients.entries()) {
      client.send(encodeFrame({ seq, timestamp: 0, jpeg: large }));
    }
    await until(async () => {
      const text = await (await fetch(`${server.url}/metrics`)).text();
      return /^lkstream_frames_received_total 4$/m.test(text);
    });
    const code = server.stop();
    for (const [seq, client] of clients.entries()) {
      assert.equal((await client.nextOf("tracks"))?.tracks.seq, seq, "the frame in work");
      assert.equal((await client.closed).code, 1001);
    }
    assert.equal(await code, 0);
  });
}

Deno.test("faults: a clock that jumps changes nothing", async () => {
  const now = Date.now;
  try {
    await withServer({ pingMs: 100, limits: { idleMs: 60_000 } }, async (url) => {
      const client = await Client.connect(url);
      for (const [seq, jump] of [0, 864e5, -864e5, 1e12].entries()) {
        Date.now = () => now() + jump;
        client.send(encodeFrame({ seq, timestamp: 0, jpeg: JPEG }));
        const { tracks } = (await client.nextOf("tracks"))!;
        assert.equal(tracks.seq, seq);
        assert.ok(tracks.timing.server >= 0 && tracks.timing.server < 1e6); // jumps are of 1e8 and more
        // meanwhile somebody is looked for and not found
        const dead = await Client.connect(url, { autoPong: false });
        assert.equal((await dead.closed).code, 1006);
        assert.ok(client.isOpen);
      }
      await client.close();
    });
  } finally {
    Date.now = now;
  }
});

Deno.test("faults: a connection that is half open is cut off and frees its session", () =>
  withServer({ pingMs: 100 }, async (url, engine) => {
    const socket = connectTcp(Number(new URL(url).port), "127.0.0.1");
    socket.on("error", () => {});
    const lines = [
      "GET /v1/stream HTTP/1.1",
      "Host: localhost",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      `Sec-WebSocket-Key: ${btoa("0123456789abcdef")}`,
    ];
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    socket.resume(); // reads, and never answers
    await until(() => engine.opened.length === 1);
    await until(() => engine.opened[0].closed === 1);
    socket.destroy();
  }));

Deno.test("faults: an engine whose library returns errors costs the frame, not the session", () =>
  withServer({}, async (url) => {
    const client = await Client.connect(url);
    client.send(encodeFrame({ seq: 0, timestamp: 0, jpeg: JPEG }));
    assert.equal((await client.nextOf("error"))!.code, "engine_failed");
    client.send(encodeFrame({ seq: 1, timestamp: 0, jpeg: JPEG }));
    assert.equal((await client.nextOf("tracks"))!.tracks.seq, 1);
    await client.close();
  }, [{ fails: "engine" }, { corners: [[10, 10]] }]));
