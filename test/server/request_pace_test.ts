import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { createListener, listen } from "../../server/http/listener.ts";
import { selfSigned } from "../../server/http/tls.ts";
import { DEFAULT_LIMITS, type ServerLimits } from "../../server/limits.ts";
import { dial, repeated } from "../../bench/attack/peer.ts";
import { inTime } from "../lib/in_time.ts";

const PAIR = await selfSigned(["localhost"]);
const REQUEST = get("/");

function get(path: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
}

function cut(_error: Error, socket: Duplex): void {
  socket.destroy();
}

async function withListener(
  tls: typeof PAIR | undefined,
  limits: Partial<ServerLimits>,
  use: (url: string, server: Server) => Promise<void>,
): Promise<void> {
  const options = { host: "127.0.0.1", port: 0, tls, limits: { ...DEFAULT_LIMITS, ...limits } };
  const server = createListener(options);
  server.on("clientError", cut);
  const url = await listen(server, options, false);
  try {
    await use(url, server);
  } finally {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await inTime(closed);
  }
}

/** What the server says to who comes after everything that was sent before. */
async function afterOthers(url: string, path = "/"): Promise<void> {
  const socket = await dial(url, false);
  socket.write(get(path));
  await inTime(once(socket, "data"));
  socket.destroy();
}

for (const tls of [undefined, PAIR]) {
  const name = tls ? "https" : "http";

  Deno.test(`pace: of requests in one piece, one is answered at a time, ${name}`, () =>
    withListener(tls, {}, async (url, server) => {
      const asked: ServerResponse[] = [];
      let arrived = () => {};
      const socket = await dial(url);
      server.on("request", ({ url }: IncomingMessage, response: ServerResponse) => {
        if (url === "/later") return response.end("served");
        asked.push(response);
        arrived();
      });
      socket.write(repeated(REQUEST, 5));
      for (let i = 0; i < 5; i++) {
        while (asked.length <= i) await new Promise<void>((next) => arrived = next);
        await afterOthers(url, "/later");
        assert.equal(asked.length, i + 1);
        asked[i].end("answer");
      }
      socket.destroy();
    }));

  Deno.test(`pace: an answer that nobody reads ends its connection, ${name}`, () =>
    withListener(tls, { messageMs: 200 }, async (url, server) => {
      const cut = new Promise((cut) =>
        server.on("request", (_request, response) => {
          response.on("close", cut);
          response.end(new Uint8Array(64 << 20));
        })
      );
      const socket = await dial(url, false);
      socket.write(REQUEST);
      await inTime(cut);
      socket.destroy();
    }));
}

Deno.test("pace: silence and half a handshake of TLS end, and the others are served", () =>
  withListener(PAIR, { handshakeMs: 1000 }, async (url, server) => {
    server.on("request", (_request, response) => response.end("served"));
    const plain = url.replace("https", "http");
    const hello = Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3); // and no more
    const ends = [];
    for (const bytes of [null, hello]) {
      const socket = await dial(plain);
      if (bytes) socket.write(bytes);
      ends.push(new Promise((ended) => socket.once("close", ended)));
    }
    await inTime(Promise.all(ends));
    await afterOthers(url);
  }));

Deno.test("pace: requests one after the other keep their connection", () =>
  withListener(undefined, {}, async (url, server) => {
    server.on("request", (_request, response) => response.end("answer"));
    const socket = await dial(url, false);
    for (let i = 0; i < 3; i++) {
      socket.write(REQUEST);
      const [answer] = await once(socket, "data");
      assert.match(answer.toString(), /^HTTP\/1\.1 200 /);
    }
    socket.destroy();
  }));

Deno.test("pace: what follows bytes that are no HTTP is read by nobody, nor by another connection", () =>
  withListener(undefined, {}, async (url, server) => {
    server.on("request", (_request, response) => response.end("answer"));
    server.off("clientError", cut); // or what came is thrown away with the connection
    server.on("clientError", () => {});
    const bad = await dial(url);
    let answers = "";
    const half = REQUEST.subarray(0, 20);
    const good = await dial(url, false);
    good.on("data", (data) => answers += data);
    bad.write(repeated(new TextEncoder().encode("\x01\r\n\r\n"), 100));
    good.write(half);
    await afterOthers(url); // another one has the parser of the bad one, or will
    good.write(REQUEST.subarray(20));
    await inTime(Promise.race([once(good, "data"), once(good, "close")]));
    assert.match(answers, /^HTTP\/1\.1 200 /);
    bad.destroy();
    good.destroy();
  }));

Deno.test("pace: over TLS, where unread answers pile up, a connection has so many of them", () =>
  withListener(PAIR, {}, async (url, server) => {
    let answered = 0;
    server.on("request", (_request, response) => {
      answered++;
      response.end("answer");
    });
    server.once("dropRequest", () => server.keepAliveTimeout = 1); // no other one is waited for
    const socket = await dial(url);
    socket.write(repeated(REQUEST, 100));
    await inTime(new Promise((ended) => socket.once("close", ended)));
    assert.equal(answered, 32);
    await afterOthers(url);
  }));
