import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { LkstreamError } from "../../client/sdk/connection/errors.ts";
import { CloseCode, decodeFrame, defaultOptions } from "../../protocol/mod.ts";
import { Client } from "../lib/client.ts";
import { installClock } from "../lib/clock.ts";
import { freePort } from "../lib/free_port.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";
import {
  allClosed,
  entered,
  hello,
  LIMITS,
  MASK,
  next,
  opened,
  sdkTest,
  startServer,
  track,
  tracksOf,
  withPeer,
  withServer,
} from "../lib/sdk.ts";

/** What a connection is told to wait, and more than that: both pass by `passTime` alone. */
const WAIT_MS = 3000, LONG_MS = 5000;

sdkTest(
  "after a restart on the same port, options and mask are in force again, told once",
  async (open) => {
    const port = freePort();
    const first = await startServer({ port });
    const connection = open(first.url, { options: { detect: { minDistance: 5 } } });
    await track(connection);
    await connection.configure({ flow: { maxLevel: 2 } });
    await connection.mask(MASK);
    const { session } = connection.hello!;

    const lost = entered(connection, "reconnecting");
    await first.close();
    assert.equal((await lost).error.code, "disconnected");
    // Some tries come to nothing, and each must leave what is to be told as it is.
    await next(connection, "state", (state) => state.name === "reconnecting" && state.attempt >= 4);
    await assert.rejects(connection.stats(), { code: "disconnected" });
    const meanwhile = connection.configure({ filter: { crowding: 0.1 } });

    const second = await startServer({ port });
    try {
      await next(connection, "hello");
      assert.notEqual(connection.hello!.session, session);
      const { detect, flow, filter } = await meanwhile;
      assert.deepEqual([detect.minDistance, flow.maxLevel, filter.crowding], [5, 2, 0.1]);
      const { points } = await track(connection);
      assert.equal(points.id.length, 2);
      // the frame on which the resumed points stand, and this one
      assert.equal((await connection.stats()).frames.processed, 2);
      const texts = opened.at(-1)!.sent.filter((data) => typeof data === "string");
      const messages = texts.map((text) => {
        const { request: _, ...message } = JSON.parse(text);
        return message.type === "resume" ? { type: "resume" } : message;
      });
      assert.deepEqual(messages, [
        { type: "configure", detect: { minDistance: 5 }, flow: { maxLevel: 2 }, filter: {} },
        { type: "mask", polygons: MASK },
        { type: "configure", filter: { crowding: 0.1 } },
        { type: "resume" },
        { type: "stats" },
      ]);
    } finally {
      await second.close();
    }
  },
);

sdkTest(
  "pauses grow while sessions come to nothing, and begin anew after tracks",
  (open) =>
    withPeer((peer, count) => {
      peer.send(JSON.stringify(hello()));
      if (count !== 4) return peer.close(CloseCode.internal);
      peer.on("message", (data) => {
        peer.send(tracksOf(decodeFrame(data as Uint8Array).seq!));
        peer.close(CloseCode.internal);
      });
    }, async (url) => {
      const attempts: number[] = [];
      const pauseMs = (attempt: number) => attempts.push(attempt) && 10;
      const connection = open(url, { pauseMs });
      connection.on("hello", () => connection.send(JPEG));
      await next(connection, "state", () => attempts.length >= 5);
      assert.deepEqual(attempts, [1, 2, 3, 1, 2]);
    }),
);

sdkTest(
  "when the link breaks, questions about frames fail and changes wait",
  (open) =>
    withPeer((peer, count) => {
      peer.send(JSON.stringify(hello()));
      peer.on("message", () => {
        if (count < 3) return peer.terminate();
        peer.send(JSON.stringify({ type: "configured", options: defaultOptions() }));
      });
    }, async (url) => {
      const connection = open(url);
      await next(connection, "hello");
      const configured = connection.configure({ detect: { k: 0.1 } });
      const asked = [connection.stats(), connection.add([[1, 1]])];
      for (const each of asked) await assert.rejects(each, { code: "disconnected" });
      assert.deepEqual(await configured, defaultOptions());
      assert.equal(opened.length, 3);
      assert.equal(opened[2].sent.length, 1);
    }),
);

/** A test that has time pass by `passTime`. */
function onOwnClock(name: string, body: Parameters<typeof sdkTest>[1]): void {
  sdkTest(name, async (open) => {
    const restore = installClock();
    try {
      await body(open);
    } finally {
      restore();
    }
  });
}

sdkTest("a connect that is never answered is given up, and tried again", async (open) => {
  const held: Deno.Conn[] = [];
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = (async () => {
    for await (const conn of listener) held.push(conn);
  })();
  try {
    const connection = open(`http://127.0.0.1:${listener.addr.port}`, { connectMs: 100 });
    const { error } = await entered(connection, "reconnecting");
    assert.equal(error.code, "unreachable");
    assert.match(error.message, /^Nothing answered at 127\.0\.0\.1:\d+ within 0\.1 s$/);
    await next(connection, "state", (state) => state.name === "reconnecting" && state.attempt > 1);
    connection.close();
  } finally {
    listener.close();
    await accepting;
    for (const conn of held) conn.close();
    await Promise.all(allClosed);
  }
});

onOwnClock(
  "a server that takes the stream and does not say hello is not there either",
  (open) =>
    withPeer((peer, count) => {
      if (count > 1) peer.send(JSON.stringify(hello()));
      else passTime(LONG_MS);
    }, async (url) => {
      const connection = open(url, { connectMs: WAIT_MS });
      const states: string[] = [];
      connection.on("state", ({ name }) => states.push(name));
      await next(connection, "hello");
      assert.deepEqual(states, ["reconnecting", "connecting", "open"]);
      passTime(LONG_MS); // past its deadline it lives on
      assert.equal(connection.state.name, "open");
      assert.equal(opened.length, 2);
    }),
);

onOwnClock(
  "silence while frames are unanswered is a dead link",
  (open) =>
    withPeer((peer, count) => {
      peer.send(JSON.stringify(hello()));
      if (count === 1) return; // says nothing ever again
      peer.on("message", (data) => peer.send(tracksOf(decodeFrame(data as Uint8Array).seq!)));
    }, async (url) => {
      const connection = open(url, { silentMs: WAIT_MS });
      await next(connection, "hello");
      passTime(LONG_MS);
      assert.equal(connection.state.name, "open"); // nothing was asked
      const lost = entered(connection, "reconnecting");
      connection.send(JPEG);
      passTime(100);
      assert.equal(connection.state.name, "open");
      passTime(LONG_MS);
      const { error } = await lost;
      assert.equal(error.code, "disconnected");
      assert.match(error.message, / 3 s/);
      assert.equal(connection.free, 0);
      await next(connection, "hello");
      assert.equal(connection.free, 2);
      await track(connection);
      passTime(LONG_MS);
      assert.equal(connection.state.name, "open"); // all is answered
      assert.equal(opened.length, 2);
    }),
);

onOwnClock(
  "a frame that is long in work is waited for while anything comes",
  (open) =>
    withPeer((peer) => {
      peer.send(JSON.stringify(hello()));
      peer.on("message", async (data) => {
        for (let passed = 0; passed < 3 * WAIT_MS; passed += WAIT_MS / 2) {
          passTime(WAIT_MS / 2);
          peer.send(JSON.stringify({ type: "later" }));
          peer.ping();
          await once(peer, "pong"); // it was heard
        }
        peer.send(tracksOf(decodeFrame(data as Uint8Array).seq!));
      });
    }, async (url) => {
      const connection = open(url, { silentMs: WAIT_MS });
      await track(connection);
      assert.equal(opened.length, 1);
    }),
);

onOwnClock("close, twice, is for good", (open) =>
  withServer({}, async (url) => {
    const connection = open(url);
    await track(connection);
    const states: string[] = [];
    connection.on("state", ({ name }) => states.push(name));
    const stats = connection.stats();
    connection.close();
    connection.close();
    await assert.rejects(stats, { code: "disconnected" });
    assert.deepEqual(states, ["closed"]);
    assert.equal(connection.state.name, "closed");
    assert.equal(connection.send(JPEG), null);
    for (
      const asked of [connection.configure({}), connection.mask([]), connection.add([[1, 1]])]
    ) {
      await assert.rejects(asked, { code: "disconnected" });
    }
    await Promise.all(allClosed);
    passTime(LONG_MS);
    assert.equal(opened.length, 1);
  }));

onOwnClock("closed while it asks why it was refused, it asks no more", async (open) => {
  const asked = Promise.withResolvers<void>(), ended = Promise.withResolvers<void>();
  const server = createServer((request) => { // which is never answered
    request.on("error", () => {});
    request.on("close", ended.resolve);
    asked.resolve();
  });
  server.on("upgrade", (_, socket) => socket.end("HTTP/1.1 503 Service Unavailable\r\n\r\n"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const connection = open(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await asked.promise;
    connection.close();
    await ended.promise;
  } finally {
    await new Promise((closed) => server.close(closed));
  }
});

onOwnClock("closed during a pause, it does not come again", async (open) => {
  const server = await startServer();
  const connection = open(server.url);
  await track(connection);
  const lost = entered(connection, "reconnecting");
  await server.close();
  await lost;
  connection.close();
  passTime(LONG_MS);
  assert.equal(opened.length, 1);
});

sdkTest("closed as it begins to come again, it does not", async (open) => {
  const server = await startServer();
  const connection = open(server.url);
  await track(connection);
  connection.on("state", ({ name }) => name === "connecting" && connection.close());
  const closed = entered(connection, "closed");
  await server.close();
  await closed;
  await Promise.all(allClosed);
  assert.equal(opened.length, 1);
  assert.equal(connection.state.name, "closed");
});

sdkTest("closed before it is open, it never is", (open) =>
  withServer({}, async (url) => {
    const connection = open(url);
    const states: string[] = [];
    connection.on("state", ({ name }) => states.push(name));
    connection.close();
    await Promise.all(allClosed);
    assert.deepEqual(states, ["closed"]);
    assert.equal(opened.length, 1);
  }));

/** A server that refuses every stream with 503 and tells `info`, as one behind a proxy may. */
async function startRefusing(port: number, info: unknown): Promise<() => Promise<void>> {
  const server = createServer((_request, response) => {
    response.setHeader("Connection", "close").end(JSON.stringify(info));
  });
  server.on("upgrade", (_request, socket) => {
    socket.end("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n");
  });
  await new Promise<void>((listening) => server.listen(port, "127.0.0.1", listening));
  return () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    return closed;
  };
}

sdkTest(
  "what the server ends for good is not tried again",
  (open) =>
    withPeer((peer) => peer.close(CloseCode.tooManyErrors, "too many"), async (url) => {
      const { error } = await entered(open(url), "closed");
      assert.equal(error!.code, "rejected");
      assert.match(error!.message, /too many/);
      assert.equal(opened.length, 1);
    }),
);

sdkTest(
  "the token lets in, and is in no address",
  (open) =>
    withServer({ token: "s3cret" }, async (url) => {
      await track(open(url, { token: "s3cret" }));
      assert.deepEqual(opened[0].protocols, ["lkstream.v1.bin", "bearer.s3cret"]);
      assert.ok(!opened[0].url.includes("s3cret"));
    }),
);

sdkTest(
  "no token is final at once, a wrong one when it is refused again",
  (open) =>
    withServer({ token: "s3cret" }, async (url) => {
      const { error } = await entered(open(url), "closed");
      assert.ok(error instanceof LkstreamError);
      assert.equal(error.code, "unauthorized");
      assert.equal(opened.length, 1);
      const wrong = await entered(open(url, { token: "guess" }), "closed");
      assert.equal(wrong.error!.code, "unauthorized");
      assert.ok(!wrong.error!.message.includes("guess"));
      assert.equal(opened.length, 3);
    }),
);

sdkTest("a refusal that says nothing of the token is not taken for one", async (open) => {
  const info = { sessions: { open: 0, max: 9 }, token: "required" };
  const port = freePort();

  let stopRefusing = await startRefusing(port, info);
  const url = `http://127.0.0.1:${port}`;
  const connection = open(url, { token: "s3cret", pauseMs: () => 200 });
  const doubtful = await entered(connection, "reconnecting"); // once may be chance
  assert.equal(doubtful.error.code, "unauthorized");
  await stopRefusing();
  let server = await startServer({ port, token: "s3cret" });
  try {
    await track(connection);
    await server.close();
    stopRefusing = await startRefusing(port, info);
    let refusals = 0;
    await next(
      connection,
      "state",
      (state) =>
        state.name === "reconnecting" && state.error.code === "unauthorized" && ++refusals === 3,
    ); // it was let in before
    await stopRefusing();
    server = await startServer({ port, token: "s3cret" });
    await track(connection);
  } finally {
    await server.close();
  }
});

sdkTest(
  "a full server is tried until there is room",
  (open) =>
    withServer({ limits: { ...LIMITS, maxSessions: 1 } }, async (url) => {
      const other = await Client.connect(url);
      const connection = open(url);
      const { error } = await entered(connection, "reconnecting");
      assert.equal(error.code, "busy");
      await next(
        connection,
        "state",
        (state) => state.name === "reconnecting" && state.attempt > 2,
      );
      await other.close();
      await track(connection);
    }),
);

sdkTest(
  "a full address is tried until there is room, and no token is blamed",
  (open) =>
    withServer(
      { token: "s3cret", limits: { ...LIMITS, maxSessionsPerAddress: 1 } },
      async (url) => {
        const first = open(url, { token: "s3cret" });
        await track(first);
        const second = open(url, { token: "s3cret" });
        const { error } = await entered(second, "reconnecting");
        assert.equal(error.code, "busy");
        assert.match(error.message, /one address/);
        await next(second, "state", (state) => state.name === "reconnecting" && state.attempt > 2);
        first.close();
        await track(second);
      },
    ),
);

sdkTest("a server that is not there is tried until it is", async (open) => {
  const port = freePort();
  const connection = open(`http://127.0.0.1:${port}`);
  const { error } = await entered(connection, "reconnecting");
  assert.equal(error.code, "unreachable");
  assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}`));
  await withServer({ port }, async () => {
    await track(connection);
    connection.close();
  });
});
