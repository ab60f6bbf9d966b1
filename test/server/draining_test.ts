import assert from "node:assert/strict";
import { connect } from "node:net";
import { encodeFrame } from "../../protocol/mod.ts";
import { serve } from "../../server/http/server.ts";
import { Client, refused } from "../lib/client.ts";
import { freePort } from "../lib/free_port.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";
import { ScriptedEngine } from "../lib/scripted.ts";
import { LIMITS, withServer } from "../lib/serving.ts";

function start(agentPort: number | null = null) {
  const engine = new ScriptedEngine(() => [{ corners: [[10, 10]] }]);
  const options = { host: "127.0.0.1", port: 0, token: null, allowOrigins: [], log: () => {} };
  return serve({ ...options, engine, limits: { ...LIMITS, maxSessions: 4 }, agentPort });
}

/** What HAProxy reads from the agent's port. */
async function ask(port: number): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let text = "";
  for await (const chunk of socket.setEncoding("utf8")) text += chunk;
  return text;
}

const FRAME = encodeFrame({ seq: 0, timestamp: 0, reset: false, jpeg: JPEG });

Deno.test("draining: sessions are told and served, new ones refused, and it ends when they have gone", async () => {
  const server = await start();
  const client = await Client.connect(server.url);
  await client.nextOf("hello");
  const closed = server.close(3600_000);
  const going = await client.next();
  assert.deepEqual(going, { type: "going", seconds: 3600 });
  const ready = await fetch(`${server.url}/readyz`);
  assert.deepEqual([ready.status, await ready.text()], [503, "stopping\n"]);
  // by which a proxy that cuts the sessions of a dead server knows that it lives
  const haproxy = await Deno.readTextFile(
    new URL("../../docs/operations/haproxy.cfg", import.meta.url),
  );
  const [, checked] = /http-check send meth GET uri (\S+)/.exec(haproxy)!;
  const check = await fetch(server.url + checked);
  assert.deepEqual([check.status, await check.text()], [200, "ok\n"]);
  const { status, body, headers } = await refused(Client.connect(server.url));
  assert.equal(status, 503);
  assert.match(body, /"stopping"/);
  assert.ok(headers["retry-after"]);
  client.send(FRAME);
  assert.equal((await client.next())?.type, "tracks");
  await client.close();
  await closed;
});

Deno.test("draining: who is still there in the end is closed with 1001", async () => {
  const server = await start();
  const client = await Client.connect(server.url);
  await client.nextOf("hello");
  await server.close(1);
  assert.equal((await client.closed).code, 1001);
  await server.close();
});

Deno.test("draining: /v1/load and the agent tell how much room there is, and that it drains", async () => {
  const port = freePort();
  const server = await start(port);
  const load = async () => await (await fetch(`${server.url}/v1/load`)).json();
  assert.deepEqual(await load(), { state: "ready", free: 1, sessions: { open: 0, max: 4 } });
  assert.equal(await ask(port), "ready 100%\n");
  const client = await Client.connect(server.url);
  await client.nextOf("hello");
  const { free, sessions } = await load();
  assert.ok(free > 0 && free <= 0.75, `${free}`);
  assert.deepEqual(sessions, { open: 1, max: 4 });
  assert.match(await ask(port), /^ready ([1-9]|[1-6]\d|7[0-5])%\n$/);
  const closed = server.close(3600_000);
  assert.deepEqual(await load(), { state: "drain", free: 0, sessions: { open: 1, max: 4 } });
  assert.equal(await ask(port), "drain\n");
  assert.match(await (await fetch(`${server.url}/metrics`)).text(), /^lkstream_free 0$/m);
  await client.close();
  await closed;
});

Deno.test("draining: a port for the agent that is taken is an error at the start", async () => {
  const taken = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  await assert.rejects(start(taken.addr.port));
  taken.close();
});

Deno.test("server: resume and frames over the wire, and what is told of it", async () => {
  await withServer({}, async (url) => {
    const client = await Client.connect(url);
    await client.nextOf("hello");
    const points = { id: [3, 8], x: [10, 20], y: [11, 21], age: [1, 2] };
    client.say({ type: "resume", nextId: 9, points });
    client.send(FRAME);
    assert.deepEqual(await client.next(), { type: "resumed", live: 2 });
    const tracks = await client.next();
    assert.ok(tracks?.type === "tracks" && !tracks.tracks.reset && !tracks.tracks.detected);
    assert.deepEqual([...tracks.tracks.points.id], [3, 8]);
    client.say({ type: "resume", nextId: 9, points });
    const error = await client.next();
    assert.ok(error?.type === "error" && error.code === "bad_message");
    await client.close();
  });
});
