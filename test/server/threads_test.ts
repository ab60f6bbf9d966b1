import assert from "node:assert/strict";
import { encodeFrame } from "../../protocol/mod.ts";
import { Client, refused } from "../lib/client.ts";
import { freePort } from "../lib/free_port.ts";
import { Texture } from "../lib/images.ts";
import { encodeJpeg } from "../lib/jpeg.ts";
import { type Running, start } from "../lib/running.ts";

const JPEG = encodeJpeg(new Texture(3).draw(160, 120));

async function withThreads(args: string[], use: (server: Running) => Promise<void>): Promise<void> {
  const server = await start({ args: ["--threads", "3", ...args] });
  try {
    await use(server);
  } finally {
    assert.equal(await server.stop(), 0);
  }
}

async function metrics(url: string): Promise<string> {
  return await (await fetch(`${url}/metrics`)).text();
}

Deno.test("threads: sessions are spread, counted together, and end with 1001", async () => {
  const clients: Client[] = [];
  await withThreads([], async ({ url }) => {
    for (let i = 0; i < 24; i++) clients.push(await Client.connect(url));
    for (const [i, client] of clients.entries()) {
      client.send(encodeFrame({ seq: i, timestamp: 0, jpeg: JPEG }));
      const { tracks } = (await client.nextOf("tracks"))!;
      assert.equal(tracks.seq, i);
      assert.ok(tracks.points.id.length > 0);
    }
    // asked of whichever thread takes the connection, all say the same
    for (let i = 0; i < 5; i++) {
      const text = await metrics(url);
      assert.match(text, /^lkstream_sessions 24$/m);
      assert.match(text, /^lkstream_frames_processed_total 24$/m);
      const info = await (await fetch(`${url}/v1/info`)).json();
      assert.equal(info.sessions.open, 24);
    }
  });
  for (const client of clients) assert.equal((await client.closed).code, 1001);
});

Deno.test("threads: a limit holds for all of them together", () =>
  withThreads(["--max-sessions", "5"], async ({ url }) => {
    const clients: Client[] = [];
    for (let i = 0; i < 5; i++) clients.push(await Client.connect(url));
    for (let i = 0; i < 6; i++) assert.equal((await refused(Client.connect(url))).status, 503);
    assert.match(await metrics(url), /lkstream_refused_total\{code="session_limit"\} 6/);
    for (const client of clients) await client.close();
  }));

Deno.test("threads: connections are shared out, so that the flag is the limit of all", () =>
  withThreads(["--max-connections", "9"], async ({ url }) => {
    const { hostname, port } = new URL(url);
    const cut: Promise<unknown>[] = [];
    const all = await Promise.all(Array.from({ length: 40 }, async () => {
      const connection = await Deno.connect({ hostname, port: Number(port) });
      cut.push(connection.read(new Uint8Array(1)).catch(() => null));
      return connection;
    }));
    let count = 0;
    for (const each of cut) void each.then(() => count++);
    while (count < 31) await new Promise((later) => setTimeout(later, 10));
    for (const connection of all) connection.close();
    await Promise.all(cut);
  }));

Deno.test("threads: asked for metrics while some still start, it goes on", async () => {
  const port = freePort();
  let isStarting = true;
  let answers = 0;
  const starting = start({ port, args: ["--threads", "3"] }).finally(() => isStarting = false);
  while (isStarting) {
    await metrics(`http://127.0.0.1:${port}`).then(
      () => answers++,
      () => new Promise((later) => setTimeout(later, 1)), // the first does not listen yet
    );
  }
  const server = await starting;
  assert.ok(answers > 0);
  assert.match(await metrics(server.url), /^lkstream_sessions 0$/m);
  assert.equal(await server.stop(), 0);
});

Deno.test("threads: a port that is taken by another server is a clear error", async () => {
  const other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    await assert.rejects(
      start({ port: (other.addr as Deno.NetAddr).port, args: ["--threads", "2"] }),
      /Cannot start: .*(EADDRINUSE|in use)/,
    );
  } finally {
    other.close();
  }
});
