import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { get, type IncomingHttpHeaders } from "node:http";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { connect as connectTcp } from "node:net";
import { encodeFrame, type Hello } from "../../protocol/mod.ts";
import { EngineError } from "../../tracking/engine.ts";
import { toldLimits } from "../../server/limits.ts";
import { SERVER } from "../../server/http/server.ts";
import { Client, refused } from "../lib/client.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";
import { selfSigned } from "../../server/http/tls.ts";
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

Deno.test("server: with a token, only who presents it gets in, in any of three ways", () =>
  withServer({ token: "s3cret" }, async (url, _engine, log) => {
    for (
      const way of [
        { headers: { Authorization: "Bearer s3cret" } },
        { protocols: ["bearer.s3cret", "lkstream.v1.bin"] },
        { query: "?token=s3cret" },
      ]
    ) {
      const client = await Client.connect(url, way);
      assert.equal(client.socket.protocol, "lkstream.v1.bin");
      await client.close();
    }
    for (
      const way of [
        {},
        { headers: { Authorization: "Bearer wrong" } },
        { protocols: ["bearer.s3cre", "lkstream.v1.bin"] },
        { query: "?token=" },
      ]
    ) {
      const { status, body } = await refused(Client.connect(url, way));
      assert.equal(status, 401);
      assert.equal(JSON.parse(body).error.code, "unauthorized");
    }
    assert.ok(!log.join("\n").includes("s3cret"));
  }));

Deno.test("server: pages of other origins are refused unless they are named", () =>
  withServer({ allowOrigins: ["https://robots.example"] }, async (url) => {
    const { port } = new URL(url);
    for (const origin of [url, `http://localhost:${port}`, "https://robots.example"]) {
      await (await Client.connect(url, { headers: { Origin: origin } })).close();
    }
    for (
      const origin of [
        "https://evil.example",
        "null",
        "https://robots.example.evil",
        "http://localhost:1",
        "",
      ]
    ) {
      const { status, body } = await refused(Client.connect(url, { headers: { Origin: origin } }));
      assert.equal(status, 403, origin);
      assert.equal(JSON.parse(body).error.code, "origin_not_allowed");
    }
  }));

Deno.test("server: pages of files, apps and extensions are let in where they are named", async () => {
  const origins = ["null", "file://", "capacitor://localhost", "chrome-extension://abcdef"];
  await withServer({ allowOrigins: origins }, async (url) => {
    for (const origin of origins) {
      await (await Client.connect(url, { headers: { Origin: origin } })).close();
    }
    const other = { headers: { Origin: "chrome-extension://other" } };
    assert.equal((await refused(Client.connect(url, other))).status, 403);
  });
  await withServer({}, async (url) => {
    for (const origin of [...origins, "capacitor://127.0.0.1", `tauri://${new URL(url).host}`]) {
      const { status, body } = await refused(Client.connect(url, { headers: { Origin: origin } }));
      assert.equal(status, 403, origin);
      const { message } = JSON.parse(body).error;
      assert.ok(message.startsWith(`Cannot connect from ${origin}: `), message);
      assert.ok(message.endsWith(` --allow-origin ${origin}`), message);
    }
    const long = await refused(Client.connect(url, { headers: { Origin: "x".repeat(9000) } }));
    assert.ok(long.body.length < 500);
  });
});

Deno.test("server: http for https and the reverse are logged, since nobody can read an answer", async () => {
  /** Sends these bytes and waits for the end. */
  const knock = async (url: string, bytes: Uint8Array) => {
    const { hostname, port } = new URL(url);
    using conn = await Deno.connect({ hostname, port: Number(port) });
    await conn.write(bytes);
    while (await conn.read(new Uint8Array(1024)).catch(() => null) !== null);
  };
  const told = (log: string[]) => log.map((line) => JSON.parse(line.replace("refused ", "")));
  await withServer({}, async (url, _, log) => {
    await knock(url, Uint8Array.of(0x16, 3, 1, 0, 0xd9, 1, 0, 0, 0xd5, 3, 3));
    const [{ code, error }] = told(log);
    assert.equal(code, "https_on_http");
    assert.match(error, /^Cannot read TLS: this server speaks http; use http:/);
  });
  const tls = await selfSigned(["127.0.0.1"]);
  await withServer({ tls }, async (url, _, log) => {
    await knock(url, new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    const [{ code, error }] = told(log);
    assert.equal(code, "http_on_https");
    assert.match(error, /^Cannot read plain http: this server speaks https; use https:/);
  });
});

Deno.test("server: who opens the stream by plain http is told what opens it", () =>
  withServer({}, async (url) => {
    const response = await fetch(`${url}/v1/stream`);
    assert.equal(response.status, 426);
    assert.match((await response.json()).error.message, /a WebSocket, to be opened by ws:\/\/ or/);
  }));

Deno.test("server: a wildcard lets in every name below it, of its scheme, and no other", () =>
  withServer({ allowOrigins: ["https://*.robots.example"] }, async (url) => {
    for (const origin of ["https://a.robots.example", "https://b.a.robots.example"]) {
      await (await Client.connect(url, { headers: { Origin: origin } })).close();
    }
    for (
      const origin of [
        "https://robots.example",
        "http://a.robots.example",
        "https://a.robots.example:81",
        "https://evilrobots.example",
        "https://a.robots.example.evil",
      ]
    ) {
      const { status } = await refused(Client.connect(url, { headers: { Origin: origin } }));
      assert.equal(status, 403, origin);
    }
  }));

Deno.test("server: who may not come in is logged, without the token, in a few lines a second", () =>
  withServer({ token: "s3cret" }, async (url, _, log) => {
    const began = performance.now();
    await refused(Client.connect(url, { headers: { Origin: "https://evil.example" } }));
    for (let i = 0; i < 20; i++) await refused(Client.connect(url, { query: "?token=wr0ng" }));
    const seconds = (performance.now() - began) / 1000;
    assert.ok(log.length <= 3 + 3 * seconds, `${log.length} lines in ${seconds} s`);
    await new Promise((later) => setTimeout(later, 350)); // there is a line again
    await refused(Client.connect(url, { query: "?token=wr0ng" }));
    await refused(Client.connect(`${url}/v2`, { query: "?token=wr0ng" })); // is a matter of form

    const lines = log.map((line) => JSON.parse(line.replace("refused ", "")));
    assert.deepEqual(lines[0], {
      from: "127.0.0.1",
      code: "origin_not_allowed",
      error: "Cannot connect from https://evil.example: allowed are the server's own origin and " +
        "those of --allow-origin; to let it in, start the server with --allow-origin " +
        "https://evil.example",
      unlogged: 0,
    });
    assert.ok(lines.slice(1).every(({ code }) => code === "unauthorized"));
    const unlogged = lines.reduce((sum, line) => sum + line.unlogged, 0);
    assert.equal(lines.length + unlogged, 22);
    assert.doesNotMatch(log.join(), /wr0ng|s3cret/);
  }));

Deno.test("server: serving this machine alone, without a token, foreign host names are refused", async () => {
  const rebound = { headers: { Host: "evil.example:80", Origin: "http://evil.example:80" } };
  await withServer({}, async (url) => {
    const { status, body } = await refused(Client.connect(url, rebound));
    assert.equal(status, 403);
    assert.equal(JSON.parse(body).error.code, "host_not_allowed");
    for (const Host of ["localhost:1234", "127.0.0.1", "[::1]:8000", "192.168.1.7:8000"]) {
      await (await Client.connect(url, { headers: { Host } })).close();
    }
  });
  const proxied = { headers: { Host: "a.example", Origin: "https://a.example" } };
  await withServer({ allowOrigins: ["https://a.example"] }, async (url) => {
    await (await Client.connect(url, proxied)).close(); // a proxy passes its name on
    assert.equal((await refused(Client.connect(url, rebound))).status, 403);
  });
  await withServer({ token: "t" }, async (url) => {
    await (await Client.connect(url, { ...rebound, query: "?token=t" })).close();
  });
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
    const dead = await Client.connect(url, { autoPong: false });
    const alive = await Client.connect(url);
    assert.equal((await dead.closed).code, 1006);
    await new Promise((later) => setTimeout(later, 200));
    assert.ok(alive.isOpen);
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

/** Whether a response is there with all that its Content-Length says, or its last chunk. */
function isWhole(response: string): boolean {
  const [head, body] = response.split(/\r\n\r\n([^]*)/);
  if (body === undefined) return false;
  const length = /^content-length: (\d+)/im.exec(head);
  return length ? new TextEncoder().encode(body).length >= Number(length[1]) : /^0\r\n/m.test(body);
}

/** What the server answers to a request of these headers, as text. */
function rawRequest(
  url: string,
  path: string,
  headers: Record<string, string>,
  host = "127.0.0.1",
  method = "GET",
): Promise<string> {
  return new Promise((answered) => {
    const socket = connectTcp(Number(new URL(url).port), "127.0.0.1");
    let text = "";
    socket.on("data", (data) => {
      text += data;
      if (isWhole(text)) socket.destroy(); // the server may keep the connection
    });
    socket.on("close", () => answered(text));
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${lines.join("")}\r\n`);
  });
}

Deno.test("server: an upgrade to anything but WebSocket is passed over", () =>
  withServer({}, async (url) => {
    const headers = { Connection: "Upgrade, close", Upgrade: "h2c" };
    assert.match(await rawRequest(url, "/healthz", headers), /^HTTP\/1\.1 200 /);
  }));

Deno.test("server: two Host headers are refused, for pages and for sessions", () =>
  withServer({}, async (url) => {
    const upgrade = {
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    };
    for (const [path, headers] of [["/", {}], ["/healthz", {}], ["/v1/stream", upgrade]] as const) {
      const connection = "Upgrade" in headers ? "Upgrade" : "close";
      const two = { Connection: connection, ...headers, host: "localhost" };
      const answer = await rawRequest(url, path, two);
      assert.match(
        answer,
        /^HTTP\/1\.1 400 [\s\S]*Cannot read a request with 2 Host headers/,
        path,
      );
    }
  }));

Deno.test("server: a foreign host name is refused what the server says of itself, too", async () => {
  const ask = (url: string, path: string, host: string) =>
    rawRequest(url, path, { Connection: "close" }, host);
  await withServer({}, async (url) => {
    for (const path of ["/metrics", "/v1/info"]) {
      assert.match(await ask(url, path, "evil.example"), /^HTTP\/1\.1 403 [\s\S]*host_not_allowed/);
      assert.match(await ask(url, path, "localhost"), /^HTTP\/1\.1 200 /);
    }
    assert.match(await ask(url, "/healthz", "evil.example"), /^HTTP\/1\.1 200 /);
  });
  await withServer({ token: "t" }, async (url) => {
    assert.match(await ask(url, "/v1/info", "other.example"), /^HTTP\/1\.1 200 /);
  });
});

Deno.test("server: another method is answered with 405 and what is allowed", () =>
  withServer({}, async (url) => {
    const post = (path: string) =>
      rawRequest(url, path, { Connection: "close" }, "localhost", "POST");
    for (const path of ["/v1/stream", "/", "/metrics", "/lkstream.js"]) {
      const answer = await post(path);
      assert.match(answer, /^HTTP\/1\.1 405 [\s\S]*"code":"method_not_allowed"/, path);
      assert.match(answer, /^allow: GET, HEAD\r$/im);
    }
    const long = await fetch(url, { method: "POST", body: "x".repeat(1e6) });
    assert.equal(long.status, 405);
    await long.body?.cancel();
    const head = await fetch(url, { method: "HEAD" });
    assert.equal(head.status, 200);
    await head.body?.cancel();
    assert.match(await post("/nothing"), /^HTTP\/1\.1 404 /);
  }));

Deno.test("server: a handshake of the wrong form is refused as JSON", () =>
  withServer({}, async (url) => {
    const headers = { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "5" };
    const answer = await rawRequest(url, "/v1/stream", headers);
    assert.match(answer, /^HTTP\/1\.1 400 [\s\S]*"code":"bad_request"/);
  }));

Deno.test("server: bytes that are no HTTP do not hurt it", () =>
  withServer({}, async (url) => {
    const socket = connectTcp(Number(new URL(url).port), "127.0.0.1");
    const ended = new Promise((resolve) => socket.on("close", resolve));
    socket.on("error", () => {});
    socket.end("\x16\x03\x01 hello\r\n\r\n");
    socket.resume();
    await ended;
    assert.equal(await fetch(`${url}/healthz`).then((r) => r.text()), "ok\n");
  }));
