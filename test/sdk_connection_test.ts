import { DEFAULT_LIMITS, toldLimits } from "../server/limits.ts";
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket as Peer, WebSocketServer } from "ws";
import {
  connect,
  type Connection,
  type ConnectionEvents,
  type ConnectOptions,
} from "../client/sdk/connection.ts";
import { LkstreamError } from "../client/sdk/errors.ts";
import {
  CloseCode,
  decodeFrame,
  defaultOptions,
  encodeTracks,
  type Hello,
  type Tracks,
} from "../protocol/mod.ts";
import { type RunningServer, serve, type ServeOptions } from "../server/http.ts";
import { Client } from "./lib/client.ts";
import { emptyTracks } from "./lib/empty_tracks.ts";
import { HEADER_ONLY_JPEG as JPEG } from "./lib/header_only_jpeg.ts";
import { type Script, ScriptedEngine } from "./lib/scripted.ts";

const LIMITS = {
  ...DEFAULT_LIMITS,
  maxFrameBytes: 10_000,
  maxFramePixels: 10_000,
  maxPoints: 100,
  maxSessions: 10,
};
const CORNERS: Script = { corners: [[10, 10], [30, 40]] };
const MASK: [number, number][][] = [[[0, 0], [49.5, 0], [49.5, 79.5], [0, 79.5]]];

/** What the SDK did with its sockets during a test. */
const opened: { url: string; protocols: string[]; sent: (string | Uint8Array)[] }[] = [];
/** Settled when every socket of the SDK is closed: a test must not end before. */
let allClosed: Promise<unknown>[] = [];

class WatchedSocket extends WebSocket {
  readonly #sent: (string | Uint8Array)[] = [];
  constructor(url: string, protocols: string[]) {
    super(url, protocols);
    opened.push({ url, protocols, sent: this.#sent });
    allClosed.push(new Promise((closed) => this.addEventListener("close", closed)));
  }
  override send(data: string | Uint8Array<ArrayBuffer>): void {
    this.#sent.push(data);
    super.send(data);
  }
}

/** A test of connections that it opens with `open`; they are closed at its end. */
function sdkTest(
  name: string,
  body: (open: (url: string, options?: ConnectOptions) => Connection) => Promise<void>,
): void {
  Deno.test(`sdk: ${name}`, async () => {
    const native = globalThis.WebSocket;
    const connections: Connection[] = [];
    opened.length = 0;
    allClosed = [];
    globalThis.WebSocket = WatchedSocket as typeof WebSocket;
    try {
      await body((url, options) => {
        connections.push(connect(url, { pauseMs: () => 20, ...options }));
        return connections.at(-1)!;
      });
    } finally {
      for (const connection of connections) connection.close();
      globalThis.WebSocket = native;
      await Promise.all(allClosed);
    }
  });
}

function startServer(change: Partial<ServeOptions> = {}): Promise<RunningServer> {
  return serve({
    host: "127.0.0.1",
    port: 0,
    engine: new ScriptedEngine(() => [CORNERS]),
    limits: LIMITS,
    token: null,
    allowOrigins: [],
    log: () => {},
    ...change,
  });
}

async function withServer(
  change: Partial<ServeOptions>,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const server = await startServer(change);
  try {
    await use(server.url);
  } finally {
    await server.close();
  }
}

/** A server that plays `session` for each WebSocket, to be what a real one is seldom. */
async function withPeer(
  session: (peer: Peer, count: number) => void,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const peers = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  let count = 0;
  peers.on("connection", (peer) => session(peer, ++count));
  await new Promise((listening) => peers.once("listening", listening));
  try {
    await use(`http://127.0.0.1:${(peers.address() as AddressInfo).port}`);
  } finally {
    const closed = new Promise((resolve) => peers.close(resolve));
    for (const peer of peers.clients) peer.terminate();
    await closed;
  }
}

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

/** The next event of this name that `matches`. */
function next<N extends keyof ConnectionEvents>(
  connection: Connection,
  name: N,
  matches: (value: ConnectionEvents[N]) => boolean = () => true,
): Promise<ConnectionEvents[N]> {
  return new Promise((resolve) => {
    const off = connection.on(name, (value) => {
      if (!matches(value)) return;
      off();
      resolve(value);
    });
  });
}

type State<N> = Extract<ConnectionEvents["state"], { name: N }>;

/** Waits until the connection enters this state. */
async function entered<N extends ConnectionEvents["state"]["name"]>(
  connection: Connection,
  name: N,
): Promise<State<N>> {
  const { state } = connection;
  if (state.name === name) return state as State<N>;
  return await next(connection, "state", (state) => state.name === name) as State<N>;
}

/** Sends a frame once that is possible, and waits for its tracks. */
async function track(connection: Connection): Promise<Tracks> {
  await entered(connection, "open");
  const seq = connection.send(JPEG);
  assert.ok(seq !== null, "the frame was not taken");
  return next(connection, "tracks", (tracks) => tracks.seq === seq);
}

function hello(): Hello {
  return {
    type: "hello",
    protocol: "lkstream.v1",
    server: "test/0",
    session: "s",
    engine: { name: "wasm", device: "script", reason: "a test" },
    options: defaultOptions(),
    limits: toldLimits(LIMITS),
  };
}

/** Tracks without points, as the server writes them. */
function tracksOf(seq: number, dropped = 0): Uint8Array {
  return encodeTracks(emptyTracks(seq, { dropped }));
}

for (const results of ["bin", "json"] as const) {
  sdkTest(`hello and tracks as ${results}`, (open) =>
    withServer({}, async (url) => {
      const connection = open(url, { results });
      assert.equal(connection.state.name, "connecting");
      assert.equal(connection.send(JPEG), null); // not open yet
      const hello = await next(connection, "hello");
      assert.equal(connection.hello, hello);
      const { engine, limits } = hello;
      assert.equal(engine.device, "script");
      assert.deepEqual(limits, toldLimits(LIMITS));
      const answer = next(connection, "tracks");
      assert.equal(connection.send(JPEG, { seq: 41, timestamp: 12.5 }), 41);
      const { seq, timestamp, width, height, points } = await answer;
      assert.deepEqual([seq, timestamp, width, height], [41, 12.5, 100, 80]);
      assert.deepEqual([...points.xy], [10, 10, 30, 40]);
      assert.ok(points.xy instanceof Float32Array && points.id instanceof Uint32Array);
      assert.equal((await track(connection)).seq, 42);
      const { sent, answered, roundTrip } = connection.measured();
      assert.deepEqual([sent, answered], [2, 2]);
      assert.ok(roundTrip!.p50 > 0);
      const both = Promise.all([next(connection, "tracks"), next(connection, "frame")]);
      connection.send(JPEG, { spent: { capture: 1, encode: 2 } });
      const [{ timing }, times] = await both;
      assert.deepEqual([times.seq, times.capture, times.encode], [43, 1, 2]);
      assert.deepEqual([times.decode, times.track], [timing.decode, timing.track]);
      assert.ok(times.roundTrip > 0);
      const { bytesSentPerSecond, bytesReceivedPerSecond } = connection.measured();
      assert.ok(bytesSentPerSecond > 0 && bytesReceivedPerSecond > 0);
    }));
}

sdkTest("a reset frame ends every earlier point", (open) => {
  const engine = new ScriptedEngine(() => [CORNERS, {}, CORNERS]);
  return withServer({ engine }, async (url) => {
    const connection = open(url);
    const before = await track(connection);
    assert.deepEqual([...(await track(connection)).points.id], [...before.points.id]);
    const answer = next(connection, "tracks");
    connection.send(JPEG, { reset: true });
    const after = await answer;
    assert.ok(after.reset);
    assert.deepEqual([...after.lost.id], [...before.points.id]);
  });
});

sdkTest("at most two frames are unanswered", async (open) => {
  const gate = Promise.withResolvers<void>();
  const engine = new ScriptedEngine(() => [{ wait: gate.promise }]);
  await withServer({ engine }, async (url) => {
    const connection = open(url);
    assert.equal(connection.free, 0);
    await entered(connection, "open");
    assert.equal(connection.free, 2);
    assert.deepEqual([connection.send(JPEG), connection.send(JPEG)], [0, 1]);
    assert.equal(connection.free, 0);
    assert.equal(connection.send(JPEG), null);
    const both = next(connection, "tracks", ({ seq }) => seq === 1);
    gate.resolve();
    await both;
    assert.equal(connection.free, 2);
    assert.equal(connection.send(JPEG), 2); // what was not taken has no number
  });
});

sdkTest("a dropped frame counts as answered by the next tracks", (open) =>
  withPeer((peer) => {
    peer.send(JSON.stringify(hello()));
    peer.on("message", (data) => {
      const { seq } = decodeFrame(data as Uint8Array);
      if (seq === 1) peer.send(tracksOf(1, 1));
    });
  }, async (url) => {
    const connection = open(url);
    await next(connection, "hello");
    const answer = next(connection, "tracks");
    connection.send(JPEG);
    connection.send(JPEG);
    await answer;
    assert.equal(connection.free, 2);
    const { answered, dropped } = connection.measured();
    assert.deepEqual([answered, dropped], [1, 1]);
  }));

sdkTest("a dropped frame counts as answered by the next error", (open) => {
  const engine = new ScriptedEngine(() => [CORNERS, { fails: "bad_frame" }]);
  const limits = { ...LIMITS, maxFrameRate: 1 };
  return withServer({ engine, limits }, async (url) => {
    const connection = open(url);
    await track(connection);
    const failing = next(connection, "error");
    connection.send(JPEG); // has to wait, and gives way to the next
    connection.send(JPEG);
    assert.equal((await failing).seq, 2);
    assert.equal(connection.free, 2);
  });
});

sdkTest("an error with a seq answers that frame and no request", (open) => {
  const gate = Promise.withResolvers<void>();
  const engine = new ScriptedEngine(() => [{ fails: "bad_frame", wait: gate.promise }, CORNERS]);
  return withServer({ engine }, async (url) => {
    const connection = open(url);
    await entered(connection, "open");
    connection.send(JPEG, { seq: 7 });
    const stats = connection.stats();
    const failing = next(connection, "error");
    gate.resolve();
    const error = await failing;
    assert.deepEqual([error.code, error.seq], ["bad_frame", 7]);
    assert.equal(connection.free, 2);
    assert.equal(connection.measured().failed, 1);
    assert.equal((await stats).frames.failed, 1);
    assert.equal((await track(connection)).seq, 8);
  });
});

sdkTest(
  "a frame whose message is over the limit is refused here, to the byte",
  (open) =>
    withServer({}, async (url) => {
      const connection = open(url);
      await next(connection, "hello");
      const jpeg = new Uint8Array(LIMITS.maxFrameBytes - 16);
      jpeg.set(JPEG);
      assert.throws(() => connection.send(new Uint8Array(jpeg.length + 1)), { code: "rejected" });
      assert.equal(connection.free, 2);
      const answer = next(connection, "tracks");
      assert.equal(connection.send(jpeg), 0);
      await answer;
    }),
);

sdkTest("each request has its own answer", (open) =>
  withServer({}, async (url) => {
    const connection = open(url, { options: { detect: { minDistance: 5 } } });
    const first = await next(connection, "configured");
    assert.equal(first.detect.minDistance, 5);
    await assert.rejects(connection.add([[1, 1]]), { code: "bad_message" }); // before a frame
    assert.equal(await connection.mask(MASK), null);
    await track(connection);
    const [options, ids, share, refused, stats] = await Promise.allSettled([
      connection.configure({ flow: { maxLevel: 2 } }),
      connection.add([[1, 2], [3, 4]]),
      connection.mask(MASK),
      connection.configure({ detect: { k: 7 } }),
      connection.stats(),
    ]);
    assert.ok(options.status === "fulfilled" && ids.status === "fulfilled");
    assert.ok(share.status === "fulfilled" && stats.status === "fulfilled");
    assert.ok(refused.status === "rejected" && refused.reason.code === "bad_option");
    assert.deepEqual([options.value.flow.maxLevel, options.value.detect.minDistance], [2, 5]);
    assert.equal(ids.value.length, 2);
    assert.equal(share.value, 0.5);
    assert.equal(stats.value.frames.processed, 1);
    connection.remove([ids.value[0]]);
    const { points, lost } = await track(connection);
    assert.ok([...lost.id].includes(ids.value[0]) && [...points.id].includes(ids.value[1]));
    connection.clear();
    assert.equal((await track(connection)).points.id.length, 0);
  }));

sdkTest(
  "an error answers the request it belongs to, and no other one",
  (open) =>
    withServer({}, async (url) => {
      const connection = open(url);
      await track(connection);
      const errors: string[] = [];
      connection.on("error", ({ code, message }) => errors.push(`${code} ${message}`));
      const asked = [
        connection.stats(),
        connection.add([[1, 1]]),
        connection.add([[1000, 1]]),
        connection.add(Array(200).fill([1, 1])),
        connection.configure({ detect: { k: 0.1 } }),
        connection.add([[NaN, 1]]),
        connection.add([[2, 2]]),
      ];
      connection.remove([-1]);
      connection.remove([1.5]);
      connection.clear();
      const last = connection.stats();
      const codes = (await Promise.allSettled(asked)).map((result) =>
        result.status === "fulfilled" ? "ok" : result.reason.code
      );
      assert.deepEqual(codes, ["ok", "ok", "bad_message", "limit", "ok", "bad_message", "ok"]);
      assert.ok(await last);
      assert.equal(errors.filter((error) => / of remove/.test(error)).length, 2);
      assert.equal(errors.length, 5);
    }),
);

sdkTest(
  "after a restart on the same port, options and mask are in force again, told once",
  async (open) => {
    const first = await startServer();
    const port = Number(new URL(first.url).port);
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
      assert.equal((await connection.stats()).frames.processed, 1);
      const texts = opened.at(-1)!.sent.filter((data) => typeof data === "string");
      assert.deepEqual(texts.map((text) => JSON.parse(text)), [
        { type: "configure", detect: { minDistance: 5 }, flow: { maxLevel: 2 }, filter: {} },
        { type: "mask", polygons: MASK },
        { type: "configure", filter: { crowding: 0.1 } },
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

sdkTest("silence while frames are unanswered is a dead link", (open) =>
  withPeer((peer, count) => {
    peer.send(JSON.stringify(hello()));
    if (count === 1) return; // says nothing ever again
    peer.on("message", (data) => peer.send(tracksOf(decodeFrame(data as Uint8Array).seq!)));
  }, async (url) => {
    const connection = open(url, { silentMs: 100 });
    await next(connection, "hello");
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(connection.state.name, "open"); // nothing was asked
    const lost = entered(connection, "reconnecting");
    connection.send(JPEG);
    const { error } = await lost;
    assert.equal(error.code, "disconnected");
    assert.match(error.message, /0\.1 s/);
    assert.equal(connection.free, 0);
    await next(connection, "hello");
    assert.equal(connection.free, 2);
    await track(connection);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(connection.state.name, "open"); // all is answered
    assert.equal(opened.length, 2);
  }));

sdkTest(
  "a frame that is long in work is waited for while anything comes",
  (open) =>
    withPeer((peer) => {
      peer.send(JSON.stringify(hello()));
      peer.on("message", (data) => {
        let rest = 20;
        const timer = setInterval(() => {
          peer.send(JSON.stringify({ type: "later" }));
          if (--rest > 0) return;
          clearInterval(timer);
          peer.send(tracksOf(decodeFrame(data as Uint8Array).seq!));
        }, 50);
      });
    }, async (url) => {
      const connection = open(url, { silentMs: 500 });
      await track(connection);
      assert.equal(opened.length, 1);
    }),
);

sdkTest("close, twice, is for good", (open) =>
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
    await new Promise((resolve) => setTimeout(resolve, 100)); // five pauses
    assert.equal(opened.length, 1);
  }));

sdkTest("closed during a pause, it does not come again", async (open) => {
  const server = await startServer();
  const connection = open(server.url);
  await track(connection);
  const lost = entered(connection, "reconnecting");
  await server.close();
  await lost;
  connection.close();
  await new Promise((resolve) => setTimeout(resolve, 100));
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
  const probe = await startServer();
  const port = Number(new URL(probe.url).port);
  await probe.close();

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

sdkTest("a server that is not there is tried until it is", async (open) => {
  const probe = await startServer();
  const port = Number(new URL(probe.url).port);
  await probe.close();
  const connection = open(probe.url);
  const { error } = await entered(connection, "reconnecting");
  assert.equal(error.code, "unreachable");
  assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}`));
  await withServer({ port }, async () => {
    await track(connection);
    connection.close();
  });
});
