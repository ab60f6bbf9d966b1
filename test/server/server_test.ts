import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { get, type IncomingHttpHeaders } from "node:http";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { encodeFrame, type Hello } from "../../protocol/mod.ts";
import { EngineError } from "../../tracking/engine.ts";
import { toldLimits } from "../../server/limits.ts";
import { SERVER } from "../../server/http/server.ts";
import { Client, refused } from "../lib/client.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";
import { LIMITS, withServer } from "../lib/serving.ts";

Deno.test("server: the page, the SDK and what it says of itself", () =>
  withServer({ token: "secret" }, async (url) => {
    const page = await fetch(url);
    assert.match(await page.text(), /<html/);
    assert.match(page.headers.get("content-security-policy")!, /default-src 'self'/);
    const sdk = await fetch(`${url}/lkstream.js`);
    assert.match(sdk.headers.get("content-type")!, /javascript/);
    assert.match(await sdk.text(), /connect/);
    assert.equal(await (await fetch(`${url}/healthz`)).text(), "ok\n");
    assert.equal(await (await fetch(`${url}/readyz`)).text(), "ready\n");
    const info = await (await fetch(`${url}/v1/info`)).json();
    assert.equal(info.server, SERVER);
    assert.deepEqual(info.limits, toldLimits(LIMITS));
    assert.deepEqual(info.sessions, { open: 0, max: 10, full: false });
    assert.equal(info.token, "required");
    const missing = await fetch(`${url}/../deno.json`);
    assert.equal(missing.status, 404);
    assert.equal((await missing.json()).error.code, "not_found");
    const plain = await fetch(`${url}/v1/stream`);
    assert.equal(plain.status, 426);
    await plain.body?.cancel();
  }));

Deno.test("server: the page is compressed once, as who asks can read it", () =>
  withServer({}, async (url) => {
    const plain = new Uint8Array(
      await readFile(new URL("../../dist/client/page.js", import.meta.url)),
    );
    for (
      const [accepted, encoding, decode] of [
        ["gzip, deflate, br", "br", brotliDecompressSync],
        ["gzip;q=1, br;q=0", "gzip", gunzipSync],
        ["zstd", undefined, (bytes: Uint8Array) => bytes],
      ] as const
    ) {
      const get = () => getRaw(`${url}/page.js`, { "Accept-Encoding": accepted });
      const [first, second] = await Promise.all([get(), get()]);
      assert.equal(first.headers["content-encoding"], encoding);
      assert.equal(first.headers.vary, "Accept-Encoding");
      assert.deepEqual(new Uint8Array(decode(first.body)), plain);
      assert.equal(Number(first.headers["content-length"]), first.body.length); // it is known before
      assert.deepEqual(second.body, first.body);
    }
  }));

/** A request whose answer is not decompressed. */
async function getRaw(
  url: string,
  headers: Record<string, string>,
): Promise<{ headers: IncomingHttpHeaders; body: Uint8Array }> {
  const request = get(url, { headers, agent: false });
  const [response] = await once(request, "response");
  return {
    headers: response.headers,
    body: new Uint8Array(Buffer.concat(await response.toArray())),
  };
}

Deno.test("server: a ten-line client: bare JPEG in, JSON tracks out", () =>
  withServer({}, async (url) => {
    const socket = new WebSocket(`${url.replace("http", "ws")}/v1/stream`);
    const messages: string[] = [];
    const got = Promise.withResolvers<void>();
    socket.onmessage = ({ data }) => {
      messages.push(data);
      if (JSON.parse(data).type === "hello") socket.send(JPEG);
      else got.resolve();
    };
    await got.promise;
    const closed = new Promise((resolve) => socket.onclose = resolve);
    socket.close();
    await closed;
    const tracks = JSON.parse(messages[1]);
    assert.equal(tracks.type, "tracks");
    assert.equal(tracks.seq, 0);
    assert.deepEqual(tracks.points.x, [10]);
  }));

Deno.test("server: the first known subprotocol offered decides how results arrive", () =>
  withServer({}, async (url) => {
    for (
      const [protocols, chosen] of [
        [["lkstream.v1.bin"], "lkstream.v1.bin"],
        [["lkstream.v1.json", "lkstream.v1.bin"], "lkstream.v1.json"],
        [["lkstream.v9", "lkstream.v1.bin"], "lkstream.v1.bin"],
        [[], ""],
      ] as const
    ) {
      const client = await Client.connect(url, { protocols: [...protocols] });
      assert.equal(client.socket.protocol, chosen);
      assert.equal((await client.next())!.type, "hello");
      const areBinary: boolean[] = [];
      client.socket.on("message", (_, isBinary) => areBinary.push(isBinary));
      client.send(JPEG);
      assert.equal((await client.nextOf("tracks"))!.tracks.points.id.length, 1);
      assert.deepEqual(areBinary, [chosen.endsWith("bin")]);
      await client.close();
    }
    const { status, body } = await refused(Client.connect(url, { protocols: ["mqtt"] }));
    assert.equal(status, 400);
    assert.match(JSON.parse(body).error.message, /lkstream\.v1\.bin.*lkstream\.v1\.json/);
  }));

Deno.test("server: a proxy whose X-Forwarded-For is not trusted is told once", async () => {
  const headers = { "X-Forwarded-For": "192.0.2.1" };
  for (const trustProxy of [false, true]) {
    await withServer({ token: "s3cret", trustProxy }, async (url, _engine, log) => {
      for (let i = 0; i < 2; i++) await (await fetch(`${url}/metrics`, { headers })).text();
      const told = log.filter((line) => line.startsWith("proxy_not_trusted"));
      assert.equal(told.length, trustProxy ? 0 : 1);
    });
  }
});

Deno.test("server: past the session limit it says when to come again, and takes the next one in time", () =>
  withServer({ limits: { maxSessions: 2 } }, async (url, engine) => {
    const clients = [await Client.connect(url), await Client.connect(url)];
    const { status, headers } = await refused(Client.connect(url));
    assert.equal(status, 503);
    assert.ok(Number(headers["retry-after"]) > 0);
    await clients.pop()!.close();
    while (engine.opened.every(({ closed }) => closed === 0)) {
      await new Promise((r) => setTimeout(r, 1));
    }
    clients.push(await Client.connect(url));
    for (const client of clients) await client.close();
  }));

Deno.test("server: a session counts until the engine is done with it", async () => {
  const gate = Promise.withResolvers<void>();
  await withServer({ limits: { maxSessions: 1 } }, async (url, engine) => {
    const client = await Client.connect(url);
    client.send(JPEG);
    while (!engine.opened[0].busy) await new Promise((later) => setTimeout(later, 1));
    await client.close();
    assert.equal((await refused(Client.connect(url))).status, 503);
    gate.resolve();
    while (engine.opened[0].closed === 0) await new Promise((later) => setTimeout(later, 1));
    await (await Client.connect(url)).close();
  }, [{ wait: gate.promise }]);
});

Deno.test("server: a client that answers no ping is cut off, one that does stays", () =>
  withServer({ pingMs: 50 }, async (url) => {
    const alive = await Client.connect(url);
    for (let i = 0; i < 3; i++) {
      const dead = await Client.connect(url, { autoPong: false });
      assert.equal((await dead.closed).code, 1006);
      assert.ok(alive.isOpen);
    }
    await alive.close();
  }));

Deno.test("server: an engine that cannot open a sequence closes with 1011", () =>
  withServer({}, async (url, engine) => {
    engine.open = () => {
      throw new EngineError("Cannot open a sequence: out of memory");
    };
    assert.equal((await (await Client.connect(url)).closed).code, 1011);
  }));

Deno.test("server: another path is refused", () =>
  withServer({}, async (url) => {
    const { status } = await refused(Client.connect(`${url}/v2`));
    assert.equal(status, 404);
  }));

Deno.test("server: a message over the limit is cut with 1009", () =>
  withServer({}, async (url, _engine, log) => {
    const client = await Client.connect(url);
    client.send(encodeFrame({ seq: 0, timestamp: 0, jpeg: new Uint8Array(LIMITS.maxFrameBytes) }));
    assert.equal((await client.closed).code, 1009);
    while (!log.some((line) => line.startsWith("session_closed"))) {
      await new Promise((later) => setTimeout(later, 1));
    }
    assert.match(log.at(-1)!, /"code":1009/);
  }));

Deno.test("server: one endless fragmented message is cut at the limit", () =>
  withServer({}, async (url) => {
    const client = await Client.connect(url);
    client.socket.on("error", () => {}); // the server may cut while this writes
    let sent = 0;
    for (; client.isOpen && sent < 3 * LIMITS.maxFrameBytes; sent += 10_000) {
      client.socket.send(new Uint8Array(10_000), { fin: false }, () => {});
      await new Promise((later) => setTimeout(later, 5));
    }
    assert.equal((await client.closed).code, 1009);
    assert.ok(sent <= 2 * LIMITS.maxFrameBytes, `${sent} bytes were taken`);
  }));

Deno.test("server: text that is not UTF-8 closes with 1007", () =>
  withServer({}, async (url) => {
    const client = await Client.connect(url);
    client.socket.send(Uint8Array.of(0xff, 0xfe), { binary: false });
    assert.equal((await client.closed).code, 1007);
  }));

Deno.test("server: a client that vanishes frees its session", () =>
  withServer({}, async (url, engine) => {
    const client = await Client.connect(url);
    client.socket.terminate();
    while (engine.opened[0].closed === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const info = await (await fetch(`${url}/v1/info`)).json();
    assert.equal(info.sessions.open, 0);
  }));

Deno.test("server: stopping ends sessions with 1001", async () => {
  const clients: Client[] = [];
  await withServer({}, async (url) => {
    clients.push(await Client.connect(url), await Client.connect(url));
    assert.equal(((await clients[0].next()) as Hello).server, SERVER);
  });
  for (const client of clients) assert.equal((await client.closed).code, 1001);
});

Deno.test("server: stopping waits for no frame that hangs", async () => {
  const gate = Promise.withResolvers<void>();
  const clients: Client[] = [];
  await withServer({}, async (url, engine) => {
    clients.push(await Client.connect(url));
    clients[0].send(JPEG);
    while (!engine.opened[0].busy) await new Promise((later) => setTimeout(later, 1));
  }, [{ wait: gate.promise }]);
  assert.equal((await clients[0].closed).code, 1001);
  gate.resolve(); // no sooner
});

Deno.test("server: a port that is taken is a clear error", () =>
  withServer({}, async (url) => {
    const port = Number(new URL(url).port);
    await assert.rejects(
      withServer({ port }, async () => {}),
      /Cannot listen on .* in use: allowed/,
    );
  }));
