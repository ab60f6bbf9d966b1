/** Each limit of the server, at it and past it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { encodeFrame } from "../../protocol/mod.ts";
import { addressKey, isLoopback } from "../../server/address.ts";
import { Refusal } from "../../server/http/access.ts";
import { Allowance } from "../../server/session/allowance.ts";
import { selfSigned } from "../../server/http/tls.ts";
import { Census } from "../../server/threads/census.ts";
import { Client, refused } from "../lib/client.ts";
import { picture } from "../lib/commands.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";
import { STILL } from "../lib/images.ts";
import { start } from "../lib/running.ts";
import { withServer } from "../lib/serving.ts";

const frame = (seq: number) => encodeFrame({ seq, timestamp: 0, jpeg: JPEG });
const pause = (ms: number) => new Promise((later) => setTimeout(later, ms));
const SQUARE = [[1, 1], [50, 1], [50, 50], [1, 50]];

/** The error code and message that answer `message`; null where another answer comes. */
async function errorOf(client: Client, message: unknown): Promise<string | null> {
  client.say(message);
  const answer = await client.next();
  return answer?.type === "error" ? `${answer.code}: ${answer.message}` : null;
}

Deno.test("limits: sessions of one address; this machine's own count only where a flag says so", async () => {
  const limits = { maxSessions: 100, maxSessionsPerAddress: 2 };
  await withServer({ limits }, async (url) => {
    const clients = [await Client.connect(url), await Client.connect(url)];
    const { status, body, headers } = await refused(Client.connect(url));
    assert.equal(status, 503);
    assert.match(body, /allowed are 2 at once from one address/);
    assert.ok(Number(headers["retry-after"]) > 0);
    assert.equal((await (await fetch(`${url}/v1/info`)).json()).sessions.full, true);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    assert.match(metrics, /refused_total\{code="address_limit"\} 1\n/);
    assert.match(metrics, /refused_total\{code="session_limit"\} 0\n/);
    await clients[0].close();
    while ((await (await fetch(`${url}/v1/info`)).json()).sessions.open > 1) await pause(1);
    await (await Client.connect(url)).close();
    await clients[1].close();
  });
  await withServer({ limits: { maxSessions: 30 } }, async (url) => {
    const clients = [];
    for (let i = 0; i < 20; i++) clients.push(await Client.connect(url));
    for (const client of clients) await client.close();
  });
});

Deno.test("limits: behind a proxy that is trusted, the address is the one it tells", () =>
  withServer({ trustProxy: true, limits: { maxSessionsPerAddress: 1 } }, async (url, _, log) => {
    const from = (address: string) =>
      Client.connect(url, { headers: { "X-Forwarded-For": `6.6.6.6, ${address}` } });
    const clients = [await from("203.0.113.7"), await from("203.0.113.8")];
    assert.equal((await refused(from("203.0.113.7"))).status, 503);
    assert.match(log.join("\n"), /"from":"203\.0\.113\.8"/);
    for (const client of clients) await client.close();
  }));

Deno.test("limits: without a trusted proxy, X-Forwarded-For means nothing", () =>
  withServer({ limits: { maxSessionsPerAddress: 1 } }, async (url) => {
    const from = (address: string) =>
      Client.connect(url, { headers: { "X-Forwarded-For": address } });
    const client = await from("203.0.113.7");
    assert.equal((await refused(from("203.0.113.8"))).status, 503);
    await client.close();
  }));

Deno.test("limits: the census counts in and out, for each address and in all", () => {
  const buffer = Census.share();
  const census = new Census({ maxSessions: 20, maxSessionsPerAddress: null }, buffer);
  const other = new Census({ maxSessions: 20, maxSessionsPerAddress: null }, buffer);
  const leave = Array.from({ length: 16 }, () => census.enter("203.0.113.7"));
  assert.throws(() => other.enter("203.0.113.7"), Refusal);
  assert.equal(other.open, 16);
  for (let i = 0; i < 4; i++) leave.push(other.enter(`2001:db8:0:${i}::1`));
  assert.throws(() => census.enter("203.0.113.9"), /20 at once/);
  for (const one of leave) {
    one();
    one();
  }
  assert.equal(census.open, 0);
});

Deno.test("limits: addresses, and whom they stand for", () => {
  assert.equal(addressKey("203.0.113.7"), "203.0.113.7");
  assert.equal(addressKey("::ffff:203.0.113.7"), "203.0.113.7");
  for (const address of ["2001:db8::1", "2001:db8:0:0:ffff::", "2001:0db8:0000:0000:1:2:3:4"]) {
    assert.equal(addressKey(address), "2001:db8:0:0::/64", address);
  }
  assert.equal(addressKey("::1"), "0:0:0:0::/64");
  assert.equal(addressKey("2001:db8:1::2:3:4:5"), "2001:db8:1:0::/64");
  for (
    const host of ["127.0.0.1", "::1", "[::1]", "::ffff:127.0.0.1", "LOCALHOST", "a.localhost"]
  ) {
    assert.ok(isLoopback(host), host);
  }
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "localhost.evil.org", "128.0.0.1"]) {
    assert.ok(!isLoopback(host), host);
  }
});

Deno.test("limits: an allowance gives so many at once, and so many a second after that", () => {
  const allowance = new Allowance(4);
  for (let i = 0; i < 4; i++) assert.ok(allowance.take(1000));
  assert.ok(!allowance.take(1000));
  assert.equal(allowance.waitMs(1000), 250);
  assert.equal(allowance.waitMs(1125), 125);
  assert.ok(allowance.take(1250));
  assert.ok(!allowance.take(1250));
  assert.equal(allowance.waitMs(99_999), 0);
  for (let i = 0; i < 4; i++) assert.ok(allowance.take(99_999));
  assert.ok(!allowance.take(99_999));
  assert.ok(allowance.take(100_999, 8)); // more than there is: paid for later
  allowance.charge(1);
  assert.equal(allowance.waitMs(100_999), 1500);
});

Deno.test("limits: frames past the rate wait and give way to newer ones; each is answered or dropped", () =>
  withServer({ limits: { maxFrameRate: 10 } }, async (url) => {
    const client = await Client.connect(url);
    const started = performance.now();
    for (let i = 0; i < 30; i++) {
      client.send(frame(i));
      await pause(1);
    }
    let answered = 0, dropped = 0, last = -1;
    while (last < 29) {
      const { tracks } = (await client.nextOf("tracks"))!;
      answered++;
      dropped += tracks.dropped;
      last = tracks.seq;
    }
    const seconds = (performance.now() - started) / 1000;
    assert.equal(answered + dropped, 30);
    assert.ok(answered <= 10 + 10 * seconds + 1, `${answered} in ${seconds} s`);
    assert.ok(dropped > 0);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    assert.match(metrics, new RegExp(`frames_dropped_total\\{reason="rate"\\} ${dropped}\n`));
    await client.close();
  }));

Deno.test("limits: control messages past the rate are refused in their turn, and later ones taken", () =>
  withServer({ limits: { maxControlRate: 10 } }, async (url) => {
    const client = await Client.connect(url);
    await client.next();
    // in one go: what is allowed grows while answers are waited for
    for (let i = 0; i < 20; i++) client.say({ type: "stats" });
    const answers = [];
    for (let i = 0; i < 20; i++) answers.push(await client.next());
    assert.ok(answers.slice(0, 10).every((answer) => answer?.type === "stats"));
    const refused = answers.find((answer) => answer?.type === "error");
    assert.ok(refused?.type === "error" && refused.code === "limit", "one is refused");
    assert.match(refused.message, /10 a second/);
    await pause(200);
    assert.equal(await errorOf(client, { type: "stats" }), null);
    for (let i = 0; i < 40; i++) client.say({ type: "stats" });
    assert.equal((await client.closed).code, 1008);
  }));

Deno.test("limits: a long message counts as several, a mask by the frame's pixels", () =>
  withServer({ limits: { maxControlRate: 4, maxFramePixels: 1e6 } }, async (url) => {
    for (
      const message of [{ type: "remove", ids: Array(20_000).fill(1) }, {
        type: "mask",
        polygons: [SQUARE],
      }]
    ) {
      const client = await Client.connect(url);
      client.send(frame(0));
      await client.nextOf("tracks");
      client.say(message);
      let refused = 0;
      for (let i = 0; i < 3; i++) client.say({ type: "stats" });
      for (let i = 0; i < 3; i++) if ((await client.next())!.type !== "stats") refused++;
      assert.ok(refused >= 2, `${message.type}: ${refused}`);
      await client.close();
    }
  }, [{ width: 1000, height: 800 }]));

Deno.test("limits: a mask counts by its corners too", () =>
  withServer({ limits: { maxControlRate: 4, maxFramePixels: 1e6 } }, async (url) => {
    for (const [corners, code] of [[4, null], [1000, "limit"]] as const) {
      const client = await Client.connect(url);
      client.send(frame(0));
      await client.nextOf("tracks");
      const zigzag = Array.from({ length: corners }, (_, i) => [i / 4, i % 2 ? 400 : -1]);
      assert.equal(await errorOf(client, { type: "mask", polygons: [zigzag] }), null);
      const answer = await errorOf(client, { type: "stats" });
      assert.equal(answer && answer.split(":")[0], code, `${corners} corners`);
      await client.close();
    }
  }, [{ width: 300, height: 300 }]));

Deno.test("limits: points, at and past", () =>
  withServer({ limits: { maxPoints: 3 } }, async (url) => {
    const client = await Client.connect(url);
    client.say({ type: "configure", detect: { enabled: false } });
    client.send(frame(0));
    await client.nextOf("tracks");
    const points = [[1, 1], [20, 1], [40, 1]];
    assert.equal(await errorOf(client, { type: "add", points }), null);
    assert.match(
      (await errorOf(client, { type: "add", points: [[60, 1]] }))!,
      /^limit: .*1 points to 3: allowed are 3/,
    );
    await client.close();
  }));

Deno.test("limits: polygons and their corners, at and past", () =>
  withServer({ limits: { maxMaskPolygons: 2, maxMaskCorners: 8 } }, async (url) => {
    const client = await Client.connect(url);
    await client.next();
    const mask = (polygons: unknown) => errorOf(client, { type: "mask", polygons });
    assert.equal(await mask([SQUARE, SQUARE]), null);
    const triangle = SQUARE.slice(1);
    assert.match((await mask([triangle, triangle, triangle]))!, /^limit: .*3 polygons: .*2/);
    assert.match((await mask([SQUARE, [...SQUARE, [1, 20]]]))!, /^limit: .*9 corners: .*8/);
    await client.close();
  }));

Deno.test("limits: a frame's pixels, from its header, at and past", () =>
  withServer({ limits: { maxFramePixels: 100 * 80 } }, async (url) => {
    const client = await Client.connect(url);
    client.send(frame(0));
    assert.equal((await client.nextOf("tracks"))!.tracks.seq, 0);
    const large = JPEG.slice();
    const sof = large.findIndex((byte, i) => byte === 0xff && (large[i + 1] & 0xfe) === 0xc0);
    large.set([0xff, 0xff, 0xff, 0xff], sof + 5); // 65535 × 65535
    client.send(encodeFrame({ seq: 1, timestamp: 0, jpeg: large }));
    assert.equal((await client.nextOf("error"))!.code, "frame_too_large");
    client.send(frame(2));
    assert.equal((await client.nextOf("tracks"))!.tracks.seq, 2);
    await client.close();
  }));

Deno.test("limits: a session may be silent for so long, and a message starts that anew", () =>
  withServer({ limits: { idleMs: 300 } }, async (url) => {
    const [silent, talks] = [await Client.connect(url), await Client.connect(url)];
    const timer = setInterval(() => talks.say({ type: "stats" }), 50);
    const { code, reason } = await silent.closed;
    assert.equal(code, 1000);
    assert.match(reason, /idle for 0.3 s/);
    clearInterval(timer);
    assert.ok(await isServed(talks));
    await talks.close();
  }));

Deno.test("limits: a message that trickles in is cut; one in several parts in time is not", () =>
  withServer({ limits: { messageMs: 400 }, hurry: 4 }, async (url) => {
    const tooSlow = async () => {
      const slow = await Client.connect(url);
      slow.socket.on("error", () => {});
      const trickle = setInterval(() => {
        if (!slow.isOpen) return;
        slow.socket.send(new Uint8Array(1), { fin: false }, () => {});
        slow.socket.ping("between the parts");
      }, 20);
      const { code, reason } = await slow.closed;
      clearInterval(trickle);
      assert.equal(code, 1008);
      assert.match(reason, /longer than 0.4 s/);
    };
    const quick = await Client.connect(url);
    const bytes = frame(7);
    quick.socket.send(bytes.subarray(0, 30), { fin: false });
    assert.ok(await isServed(quick)); // the server has the first part
    quick.socket.send(bytes.subarray(30), { fin: true });
    assert.equal((await quick.nextOf("tracks"))!.tracks.seq, 7);
    // silence between messages is no slowness, and pings are none
    const pings = setInterval(() => quick.socket.ping(), 20);
    await tooSlow();
    clearInterval(pings);
    assert.ok(await isServed(quick));
    await quick.close();
  }));

/** Whether the server goes on to read what this client sends. */
function isServed({ socket, closed }: Client): Promise<boolean> {
  const pong = once(socket, "pong");
  socket.ping();
  return Promise.race([pong.then(() => true), closed.then(() => false)]);
}

Deno.test("limits: sessions are logged and counted by why they ended, made-up codes as one", () =>
  withServer({ limits: { maxControlRate: 10_000 } }, async (url, _, log) => {
    const ends: [number, (client: Client) => void][] = [
      [1002, ({ socket }) => (socket as unknown as { _socket: Socket })._socket.write("~~")],
      [1008, ({ socket }) => {
        for (let i = 0; i <= 16_384; i++) socket.send(new Uint8Array(1), { fin: false });
      }],
      [4321, ({ socket }) => socket.close(4321)],
      [3000, ({ socket }) => socket.close(3000)],
    ];
    for (const [code, end] of ends) {
      const client = await Client.connect(url);
      client.socket.on("error", () => {});
      end(client);
      assert.equal((await client.closed).code, code);
      while (!log.at(-1)!.startsWith("session_closed")) await pause(1);
      assert.match(log.at(-1)!, new RegExp(`"code":${code},`));
    }
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const counted = metrics.matchAll(/lkstream_sessions_closed_total\{code="(\w+)"\} (\d)/g);
    assert.deepEqual([...counted].map(([, code, count]) => [code, count]), [
      ["1002", "1"],
      ["1008", "1"],
      ["other", "2"],
    ]);
  }));

for (const scheme of ["http", "https"]) {
  Deno.test(`limits: a client that reads nothing is not worked for, and its frames are dropped, ${scheme}`, async () => {
    const points = Array.from({ length: 1000 }, (_, i) => [i % 90, i % 70] as [number, number]);
    const script = Array.from({ length: 5000 }, () => ({ corners: points }));
    const limits = { maxFrameRate: 100_000, maxPoints: 10_000 };
    const tls = scheme === "https" ? await selfSigned(["127.0.0.1"]) : undefined;
    const ca = tls?.cert;
    await withServer({ limits, tls }, async (url) => {
      const client = await Client.connect(url, { protocols: ["lkstream.v1.json"], ca });
      await client.next();
      client.say({ type: "configure", detect: { maxCorners: 1000 }, filter: { crowding: 0 } });
      await client.next();
      using http = Deno.createHttpClient({ caCerts: ca ? [ca] : [] });
      const init: RequestInit & { client: Deno.HttpClient } = { client: http };
      const stats = async () => {
        const text = await (await fetch(`${url}/metrics`, init)).text();
        return (name: string) => Number(new RegExp(`^${name} (\\d+)`, "m").exec(text)?.[1] ?? 0);
      };
      const tcp = (client.socket as unknown as { _socket: Socket })._socket;
      tcp.pause();
      for (let seq = 0; seq < 600; seq++) { // 60 KB each, if all were answered
        client.send(frame(seq));
        await pause(1);
      }
      let count = await stats();
      while (count("lkstream_frames_received_total") < 600) count = await stats();
      const dropped = count('lkstream_frames_dropped_total\\{reason="slow_reader"\\}');
      assert.ok(dropped > 0, "no frame was dropped for the slow reader");
      tcp.resume();
      client.send(frame(600));
      while ((await client.nextOf("tracks"))?.tracks.seq !== 600); // once it reads, it goes on
      client.socket.terminate();
    }, script);
  });
}

/** What the server answers to `write`, until it ends the connection. */
function raw(url: string, write: (socket: Socket) => void): Promise<string> {
  return new Promise((ended) => {
    const socket = connectTcp(Number(new URL(url).port), "127.0.0.1", () => write(socket));
    let text = "";
    socket.on("data", (data) => text += data);
    socket.on("error", () => {});
    socket.on("close", () => ended(text));
  });
}

Deno.test("limits: a request's header may take so long and be so large", () =>
  withServer({ limits: { handshakeMs: 100, maxHeaderBytes: 8192 } }, async (url) => {
    const head = "GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n";
    assert.match(await raw(url, (s) => s.write(head)), /^HTTP\/1\.1 408 [\s\S]*handshake_timeout/);
    await raw(url, () => {}); // not a byte
    const large = (bytes: number) => (s: Socket) => {
      s.write(`GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nX: `);
      for (let i = 0; i < bytes; i += 1024) s.write("x".repeat(1024));
      s.write("\r\n\r\n");
    };
    assert.match(await raw(url, large(4096)), /^HTTP\/1\.1 200 /);
    assert.match(await raw(url, large(65536)), /^HTTP\/1\.1 431 [\s\S]*header_too_large/);
  }));

Deno.test("limits: connections, whatever they are for; those that end make room", () =>
  withServer({ limits: { maxConnections: 3, handshakeMs: 600_000 } }, async (url) => {
    const session = await Client.connect(url);
    const idle = await Promise.all([0, 1].map(() => open(url)));
    const further = await open(url);
    await new Promise((ended) => further.on("close", ended)); // cut at once
    assert.ok(session.isOpen);
    for (const socket of idle) socket.destroy();
    let status = 0;
    while (status !== 200) {
      status = await fetch(`${url}/healthz`).then(
        (r) => r.text().then(() => r.status),
        () => pause(10).then(() => 0),
      );
    }
    await session.close();
  }));

function open(url: string): Promise<Socket> {
  return new Promise((opened) => {
    const socket = connectTcp(Number(new URL(url).port), "127.0.0.1", () => opened(socket));
    socket.on("error", () => {});
    socket.resume();
  });
}

Deno.test("limits: past them all, memory stays flat", async () => {
  const server = await start({ args: ["--max-frame-bytes", "1000000"] });
  const bad = encodeFrame({ seq: 0, timestamp: 0, jpeg: new Uint8Array(900_000) });
  const flood = async (rounds: number) => {
    for (let i = 0; i < rounds; i++) {
      const client = await Client.connect(server.url);
      client.socket.on("error", () => {});
      for (let j = 0; j < 4; j++) client.say({ type: "add", points: "x".repeat(500_000) });
      client.send(bad);
      client.send(new Uint8Array(1_000_001)); // over maxFrameBytes
      await client.closed;
    }
  };
  try {
    await flood(10);
    const before = await resident(server.url);
    await flood(40); // 160 MB
    const grown = await resident(server.url) - before;
    assert.ok(grown < 60e6, `grew by ${(grown / 1e6).toFixed(1)} MB`);
  } finally {
    await server.stop();
  }
});

Deno.test("limits: points that are added and cleared without a frame between do not pile up", async () => {
  const server = await start({ args: ["--max-control-rate", "100000"] });
  const points = Array.from({ length: 10_000 }, () => [1, 1]);
  const client = await Client.connect(server.url);
  const flood = async (rounds: number) => {
    for (let i = 0; i < rounds; i++) {
      client.say({ type: "clear" });
      client.say({ type: "add", points });
      const answer = (await client.next())!;
      assert.ok(answer.type === "added" || answer.type === "error" && answer.code === "limit");
    }
  };
  try {
    client.send(picture(STILL));
    await client.nextOf("tracks");
    await flood(60);
    const before = await resident(server.url);
    await flood(120); // 1,200,000 points
    const grown = await resident(server.url) - before;
    assert.ok(grown < 60e6, `grew by ${(grown / 1e6).toFixed(1)} MB`);
  } finally {
    await client.close();
    await server.stop();
  }
});

async function resident(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/lkstream_memory_bytes\{kind="resident"\} (\d+)/.exec(text)![1]);
}
