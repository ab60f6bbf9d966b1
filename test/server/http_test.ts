/** HTTP requests that are of another form than a page's or a stream's. */
import assert from "node:assert/strict";
import { connect as connectTcp } from "node:net";
import { selfSigned } from "../../server/http/tls.ts";
import { withServer } from "../lib/serving.ts";

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
