import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import {
  decodeTracks,
  encodeFrame,
  type Hello,
  type ResultForm,
  type ServerMessage,
  type Stats,
  type Tracks,
} from "../../protocol/mod.ts";
import { DEFAULT_LIMITS, type ServerLimits } from "../../server/limits.ts";
import { Load } from "../../server/load.ts";
import { Metrics } from "../../server/metrics.ts";
import { Session, type SessionSocket } from "../../server/session/session.ts";
import { EngineError } from "../../tracking/engine.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";
import { type Script, ScriptedSequence } from "../lib/scripted.ts";

const CORNERS: [number, number][] = [[10, 10], [40, 10]];

class FakeSocket implements SessionSocket {
  bufferedAmount = 0;
  paused = false;
  readonly sent: (ServerMessage | Tracks)[] = [];
  readonly closes: [number, string][] = [];
  #unsent: (() => void)[] = [];

  send(data: string | Uint8Array, done: () => void): void {
    this.sent.push(typeof data === "string" ? JSON.parse(data) : decodeTracks(data));
    if (this.bufferedAmount > 0) this.#unsent.push(done);
    else queueMicrotask(done);
  }
  close(code: number, reason: string): void {
    this.closes.push([code, reason]);
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  /** The reader has read everything. */
  drain(): void {
    this.bufferedAmount = 0;
    for (const done of this.#unsent.splice(0)) done();
  }
}

/** Small ones, so that they are reached. */
const LIMITS = {
  ...DEFAULT_LIMITS,
  maxFrameBytes: 1000,
  maxFramePixels: 100 * 80,
  maxPoints: 50,
};

function begin(
  script: (Script | undefined)[] = [],
  results: ResultForm = "bin",
  limits: Partial<ServerLimits> = {},
) {
  const socket = new FakeSocket();
  const sequence = new ScriptedSequence(script);
  const log: string[] = [];
  const metrics = new Metrics();
  metrics[Symbol.dispose](); // the event loop's delay is not measured here
  const session = new Session(socket, sequence, {
    id: "the-session",
    server: "lkstream/test",
    engine: { name: "wasm", device: "script", reason: "a test" },
    limits: { ...LIMITS, ...limits },
    results,
    log: (event, fields) => log.push(`${event} ${JSON.stringify(fields)}`),
    metrics,
    load: new Load(),
  });
  const tracks = () =>
    socket.sent.filter((message): message is Tracks => "seq" in message && "points" in message);
  const answers = () =>
    socket.sent.slice(1).filter((message) =>
      !("points" in message && "seq" in message)
    ) as ServerMessage[];
  const frame = (seq: number, reset = false) =>
    session.receiveBinary(encodeFrame({ seq, timestamp: seq + 0.5, reset, jpeg: JPEG }));
  const say = (message: unknown) => session.receiveText(JSON.stringify(message));
  return { socket, sequence, session, metrics, log, tracks, answers, frame, say };
}

/** Lets everything run that waits for nothing outside. */
async function settle(): Promise<void> {
  for (let i = 0; i < 100; i++) await new Promise((turn) => setImmediate(turn));
}

Deno.test("session: says hello first, before any frame", () => {
  const { socket } = begin();
  const hello = socket.sent[0] as Hello;
  assert.equal(hello.type, "hello");
  assert.equal(hello.protocol, "lkstream.v1");
  assert.equal(hello.session, "the-session");
  assert.equal(hello.options.detect.maxCorners, 500);
  assert.deepEqual(hello.limits, { maxFrameBytes: 1000, maxFramePixels: 8000, maxPoints: 50 });
});

Deno.test("session: echoes seq and timestamp, in order, in both forms", async () => {
  for (const form of ["bin", "json"] as const) {
    const { frame, tracks } = begin([{ corners: CORNERS }], form);
    frame(7);
    await settle();
    frame(3);
    await settle();
    assert.deepEqual(tracks().map(({ seq, timestamp }) => [seq, timestamp]), [[7, 7.5], [3, 3.5]]);
    assert.equal(tracks()[0].points.id.length, 2);
  }
});

Deno.test("session: bare JPEGs count on from the last seq, first 0", async () => {
  const { session, frame, tracks } = begin();
  for (
    const send of [
      () => session.receiveBinary(JPEG),
      () => frame(41),
      () => session.receiveBinary(JPEG),
    ]
  ) {
    send();
    await settle();
  }
  assert.deepEqual(tracks().map(({ seq, timestamp }) => [seq, timestamp]), [[0, 0], [41, 41.5], [
    42,
    0,
  ]]);
});

Deno.test("session: one frame in work, the newest waits, the others are counted as dropped", async () => {
  const gate = Promise.withResolvers<void>();
  const { frame, tracks, session } = begin([{ wait: gate.promise }]);
  for (let seq = 0; seq < 300; seq++) frame(seq);
  gate.resolve();
  await settle();
  assert.deepEqual(tracks().map(({ seq, dropped }) => [seq, dropped]), [[0, 298], [299, 0]]);
  frame(300);
  await settle();
  assert.equal(tracks()[2].dropped, 0);
  assert.equal(session.tally.received, 301);
  assert.equal(session.tally.processed + session.tally.dropped, 301);
});

Deno.test("session: a frame that takes too long ends it, for the next would too", async () => {
  const { socket, frame, answers } = begin([{ fails: "deadline" }]);
  frame(0);
  await settle();
  const [error] = answers();
  assert.ok(error.type === "error" && error.code === "overloaded" && error.seq === 0);
  assert.equal(socket.closes[0][0], 1013);
});

Deno.test("session: two frames right behind a control message are both answered", async () => {
  const { frame, say, tracks } = begin();
  say({ type: "configure", flow: { maxLevel: 2 } }); // the first one takes the time of compiling
  await settle();
  say({ type: "configure", flow: { maxLevel: 1 } });
  frame(0);
  frame(1);
  await settle();
  assert.deepEqual(tracks().map(({ seq }) => seq), [0, 1]);
});

Deno.test("session: a reset outlives the frame that asked for it", async () => {
  const gate = Promise.withResolvers<void>();
  const { frame, tracks } = begin([{ corners: CORNERS }, { wait: gate.promise }]);
  frame(0);
  await settle();
  frame(1);
  frame(2, true); // gives way to 3
  frame(3);
  gate.resolve();
  await settle();
  assert.deepEqual(tracks().map(({ seq, reset }) => [seq, reset]), [[0, true], [1, false], [
    3,
    true,
  ]]);
});

Deno.test("session: control messages take effect where they stand among the frames", async () => {
  const gate = Promise.withResolvers<void>();
  const { frame, say, socket, sequence } = begin([{ corners: CORNERS, wait: gate.promise }]);
  frame(0);
  say({ type: "configure", flow: { maxLevel: 1 } });
  frame(1); // gives way to 2, the messages around it stay
  say({ type: "add", points: [[50, 50]] });
  frame(2);
  gate.resolve();
  await settle();
  const kinds = socket.sent.map((message) =>
    "type" in message ? message.type : `frame ${message.seq}`
  );
  assert.deepEqual(kinds, ["hello", "frame 0", "configured", "added", "frame 2"]);
  assert.deepEqual(sequence.advances.map(({ options }) => options.maxLevel), [3, 1]);
  assert.deepEqual(sequence.advances[1].points, [10, 10, 40, 10, 50, 50]);
});

Deno.test("session: a frame for which the mask is painted anew counts as several", async () => {
  const sizes = [0, 1, 0].map((more) => ({ width: 2000, height: 1000 + more }));
  for (const [polygons, answered] of [[[], 3], [[[[0, 0], [9, 0], [9, 9]]], 2]] as const) {
    const { session, frame, say, tracks } = begin([...sizes], "bin", { maxFrameRate: 10 });
    frame(0);
    await settle();
    say({ type: "mask", polygons });
    frame(1);
    await settle();
    frame(2);
    await settle();
    assert.equal(tracks().length, answered); // the third waits its time
    await session.close();
  }
});

Deno.test("session: each control message is answered as the protocol says", async () => {
  const { frame, say, answers, tracks } = begin([{ corners: CORNERS }]);
  frame(0);
  await settle();
  say({ type: "configure", filter: { maxError: 20 } });
  say({ type: "add", points: [[50, 50], [60, 60]] });
  say({ type: "mask", polygons: [[[0, 0], [50, 0], [50, 80], [0, 80]]] });
  say({ type: "remove", ids: [1] });
  say({ type: "stats" });
  await settle();
  frame(1);
  await settle();
  const [configured, added, masked, stats] = answers();
  assert.ok(configured.type === "configured" && configured.options.filter.maxError === 20);
  assert.deepEqual(added, { type: "added", ids: [3, 4] });
  assert.deepEqual(masked, { type: "masked", share: 0.5 });
  assert.ok(stats.type === "stats");
  assert.deepEqual(stats.frames, { received: 1, processed: 1, dropped: 0, failed: 0 });
  assert.deepEqual([stats.points.live, stats.points.found], [3, 4]);
  const { p50 } = stats.latency.server!;
  assert.equal(p50, Number(p50.toFixed(3)));
  assert.equal(stats.seconds, Number(stats.seconds.toFixed(3)));
  assert.deepEqual(tracks()[1].lost, {
    id: Uint32Array.of(1, 3, 4),
    reason: Uint8Array.of(7, 6, 6),
  });
});

Deno.test("session: an answer and a refusal carry the request of their message", async () => {
  const { frame, say, session, answers, socket } = begin([{ corners: CORNERS }]);
  const { features } = socket.sent[0] as Hello;
  assert.deepEqual(features, ["request", "resume", "going", "stream"]);
  frame(0);
  await settle();
  say({ type: "configure", request: "c", filter: { maxError: 20 } });
  say({ type: "add", request: 1, points: [[50, 50]] });
  say({ type: "mask", request: 2, polygons: [] });
  say({ type: "remove", request: 3, ids: [1] });
  say({ type: "clear", request: 0 });
  say({ type: "stats", request: "" });
  say({ type: "remove", ids: [2] }); // without one, it is not answered
  say({ type: "configure", request: 4, flow: { maxLevel: 99 } });
  say({ type: "add", request: 5, points: [[1000, 1]] });
  say({ type: "remove", request: 6, ids: [-1] });
  say({ type: "fly", request: 7 });
  session.receiveText("{"); // what cannot be read names nothing
  await settle();
  const told = answers().map((answer) => {
    const { type, request } = answer as { type: string; request?: unknown };
    return [answer.type === "error" ? answer.code : type, request];
  });
  assert.deepEqual(told, [
    ["configured", "c"],
    ["added", 1],
    ["masked", 2],
    ["done", 3],
    ["done", 0],
    ["stats", ""],
    ["bad_option", 4],
    ["bad_message", 5],
    ["bad_message", 6],
    ["bad_message", 7],
    ["bad_json", undefined],
  ]);
});

Deno.test("session: a control message too many is refused by its request", async () => {
  const { say, answers } = begin([], "bin", { maxControlRate: 1 });
  for (const request of ["first", "second"]) say({ type: "clear", request });
  await settle();
  const [first, second] = answers();
  assert.deepEqual(first, { type: "done", request: "first" });
  assert.ok(second.type === "error" && second.code === "limit" && second.request === "second");
});

Deno.test("session: stats count what was lost and why", async () => {
  const { frame, say, answers } = begin([{ corners: CORNERS }, { status: [1, 0], fb: [0, 5] }]);
  frame(0);
  await settle();
  frame(1);
  await settle();
  say({ type: "stats" });
  await settle();
  const { points } = answers()[0] as Stats;
  assert.equal(points.lost.flat, 1);
  assert.equal(points.lost.forward_backward, 1);
});

Deno.test("session: errors carry their code, lose nothing, and name the frame", async () => {
  const { session, frame, say, answers, tracks } = begin([
    { corners: CORNERS },
    { fails: "bad_frame" },
    { fails: "engine" },
  ]);
  session.receiveText("{");
  session.receiveText("");
  say({ type: "fly" });
  say({ type: "configure", flow: { maxLevel: 9 } });
  say({ type: "add", points: [[1, 1]] });
  frame(1);
  await settle();
  say({ type: "add", points: new Array(50).fill([1, 1]) });
  say({ type: "mask", polygons: [new Array(1001).fill([1, 1])] });
  frame(2);
  await settle();
  frame(3);
  await settle();
  session.receiveBinary(encodeFrame({ seq: 4, timestamp: 0, jpeg: Uint8Array.of(1, 2, 3) }));
  await settle();
  const large = JPEG.slice();
  large[8] = 81;
  session.receiveBinary(encodeFrame({ seq: 5, timestamp: 0, jpeg: large }));
  await settle();
  frame(6);
  await settle();
  const told = answers().map((answer) =>
    answer.type === "error" ? [answer.code, answer.seq] : answer
  );
  assert.deepEqual(told, [
    ["bad_json", undefined],
    ["bad_json", undefined],
    ["bad_message", undefined],
    ["bad_option", undefined],
    ["bad_message", undefined],
    ["limit", undefined],
    ["limit", undefined],
    ["bad_frame", 2],
    ["engine_failed", 3],
    ["bad_frame", 4],
    ["frame_too_large", 5],
  ]);
  assert.deepEqual(tracks().map(({ seq, reset }) => [seq, reset]), [[1, true], [6, true]]);
});

Deno.test("session: 20 errors in a row close it, a success between them starts the count again", async () => {
  const { session, say, socket, sequence } = begin();
  for (let i = 0; i < 19; i++) session.receiveText("{");
  say({ type: "stats" });
  for (let i = 0; i < 19; i++) session.receiveText("{");
  await settle();
  assert.deepEqual(socket.closes, []);
  session.receiveText("{");
  await settle();
  assert.equal(socket.closes[0][0], 1008);
  assert.equal(
    socket.sent.filter((message) => "type" in message && message.type === "error").length,
    39,
  );
  assert.equal(sequence.closed, 1);
});

Deno.test("session: a flood of errors closes it, whatever succeeds between them", async () => {
  const { session, say, socket } = begin();
  for (let i = 0; i < 95; i++) {
    session.receiveText("{");
    say({ type: "stats" });
  }
  await settle();
  assert.equal(socket.closes[0][0], 1008);
  assert.match(socket.closes[0][1], /too many errors a second/);
});

Deno.test("session: bad frames as fast as frames are taken are no flood", async () => {
  const { session, frame, socket, tracks } = begin();
  for (let i = 0; i < 100; i++) {
    session.receiveBinary(encodeFrame({ seq: 2 * i, timestamp: 0, jpeg: Uint8Array.of(1, 2, 3) }));
    await settle();
    frame(2 * i + 1);
    await settle();
  }
  assert.deepEqual(socket.closes, []);
  assert.equal(tracks().length, 100);
});

Deno.test("session: a control message of many values counts as several", async () => {
  const { session, say, answers } = begin([], "bin", { maxControlRate: 10 });
  session.receiveText(`[${"[],".repeat(10_000)}[]]`);
  say({ type: "stats" });
  await settle();
  const codes = answers().map((answer) => answer.type === "error" ? answer.code : answer.type);
  assert.deepEqual(codes, ["bad_message", "limit"]);
});

Deno.test("session: what is refused carries its mark, and is parsed once, or not at all where that is dear", async () => {
  const marked = (type: string, rest = "") => `{"request":"r","type":"${type}"${rest}}`;
  const { session, answers } = begin([], "bin", { maxControlRate: 10 });
  const parse = JSON.parse;
  const parsed: string[] = [];
  JSON.parse = (text, ...rest) => {
    parsed.push(text);
    return parse(text, ...rest);
  };
  const texts = [
    marked("fly"),
    marked("add", `,"points":[[1]]`),
    marked("mask", `,"polygons":${"[".repeat(20)}${"]".repeat(20)}`), // nested too deeply
    marked("configure", `,"flow":{"maxLevel":99}`) + " ".repeat(400_000), // counts as many
    marked("stats"), // past the rate
  ];
  try {
    for (const text of texts) session.receiveText(text);
    await settle();
  } finally {
    JSON.parse = parse;
  }
  assert.deepEqual(
    answers().map((answer) => answer.type === "error" && [answer.code, answer.request]),
    [
      ["bad_message", "r"],
      ["bad_message", "r"],
      ["limit", undefined],
      ["bad_option", "r"],
      ["limit", "r"],
    ],
  );
  assert.deepEqual(
    texts.map((text) => parsed.filter((other) => other === text).length),
    [1, 1, 0, 1, 1],
  );
});

Deno.test("session: an engine that fails 20 times closes it with 1011, for the client is not to blame", async () => {
  const { frame, socket } = begin(new Array(20).fill({ fails: "engine" }));
  for (let seq = 0; seq < 20; seq++) {
    frame(seq);
    await settle();
  }
  assert.equal(socket.closes[0][0], 1011);
});

Deno.test("session: a fault of the server in a control message ends it with 1011, and is no engine's", async () => {
  const { session, say, socket, log, answers } = begin();
  session.tally.toMessage = () => {
    throw new TypeError("a fault");
  };
  for (let i = 0; i < 3; i++) say({ type: "stats" });
  await settle();
  assert.deepEqual(socket.closes, [[1011, "an internal error"]]);
  assert.deepEqual(log, ['session_error {"session":"the-session","error":"TypeError: a fault"}']);
  assert.deepEqual(answers(), []);
});

Deno.test("session: a fault of the server while a frame is processed ends it with 1011, and tells no exception", async () => {
  const { session, frame, socket, log, answers } = begin();
  session.tally.tracks = () => {
    throw new TypeError("a fault");
  };
  for (let seq = 0; seq < 3; seq++) frame(seq);
  await settle();
  assert.deepEqual(socket.closes, [[1011, "an internal error"]]);
  assert.deepEqual(log, ['session_error {"session":"the-session","error":"TypeError: a fault"}']);
  assert.deepEqual(answers(), []);
});

Deno.test("session: the exception behind an engine's failure is in the log, and not told", async () => {
  const { sequence, frame, log, answers } = begin();
  const error = new EngineError("The worker died", { cause: "TypeError: a fault" });
  sequence.advance = () => Promise.reject(error);
  frame(0);
  await settle();
  const [told] = answers();
  assert.ok(told.type === "error" && told.code === "engine_failed");
  assert.equal(told.message, "The worker died");
  assert.match(log.join(), /^engine_failed .*"error":"The worker died: TypeError: a fault"/);
});

Deno.test("session: a client that was paused is read again when the session ends", async () => {
  const gate = Promise.withResolvers<void>();
  const { socket, session, frame, say } = begin([{ wait: gate.promise }]);
  frame(0);
  for (let i = 0; i < 64; i++) say({ type: "stats" });
  assert.ok(socket.paused);
  const closed = session.close();
  gate.resolve();
  await closed;
  assert.ok(!socket.paused);
});

Deno.test("session: a binary message that is no frame closes it with 1003", async () => {
  const { session, socket } = begin();
  session.receiveBinary(Uint8Array.of(9, 9, 9));
  await settle();
  assert.equal(socket.closes[0][0], 1003);
  assert.ok(socket.closes[0][1].length <= 123);
});

Deno.test("session: a reader that does not drain gets no more, and then only the newest", async () => {
  const { socket, frame, tracks, session } = begin();
  frame(0);
  await settle();
  socket.bufferedAmount = 2 << 20;
  for (let seq = 1; seq <= 100; seq++) {
    frame(seq);
    await settle();
  }
  assert.equal(tracks().length, 1);
  socket.bufferedAmount = 2 << 20;
  session.receiveText(`{"type":"stats"}`);
  await settle();
  assert.equal(socket.sent.length, 2);
  socket.drain();
  frame(101);
  await settle();
  assert.deepEqual(tracks().map(({ seq, dropped }) => [seq, dropped]), [[0, 0], [101, 100]]);
});

Deno.test("session: what was sent wakes it when the reader drains, without a new message", async () => {
  const { socket, frame, tracks, say } = begin();
  socket.bufferedAmount = 1; // so that the next answer waits to be read
  say({ type: "stats" });
  await settle();
  socket.bufferedAmount = 2 << 20;
  frame(0);
  await settle();
  assert.equal(tracks().length, 0);
  socket.drain();
  await settle();
  assert.equal(tracks().length, 1);
});

Deno.test("session: a flood of control messages pauses the client until they are done", async () => {
  const gate = Promise.withResolvers<void>();
  const { socket, frame, say, answers } = begin([{ wait: gate.promise }]);
  frame(0);
  for (let i = 0; i < 63; i++) say({ type: "stats" });
  assert.ok(!socket.paused);
  say({ type: "stats" });
  assert.ok(socket.paused);
  gate.resolve();
  await settle();
  assert.ok(!socket.paused);
  assert.equal(answers().length, 64);
});

Deno.test("session: close answers the frame in work, tells the code and frees the sequence, twice", async () => {
  const gate = Promise.withResolvers<void>();
  const { session, socket, frame, tracks, sequence } = begin([{ wait: gate.promise }]);
  frame(0);
  frame(1);
  const closed = session.close(1001, "server stopping");
  assert.deepEqual(socket.closes, []);
  gate.resolve();
  await closed;
  await session.close();
  assert.deepEqual(tracks().map(({ seq }) => seq), [0]);
  assert.deepEqual(socket.closes, [[1001, "server stopping"]]);
  assert.equal(sequence.closed, 1);
  frame(2);
  session.receiveText(`{"type":"stats"}`);
  await settle();
  assert.equal(tracks().length, 1);
});

const RESUME = {
  type: "resume",
  nextId: 50,
  sinceDetection: 2,
  points: { id: [4, 9], x: [10, 20.5], y: [11, 21], dx: [1, 2], dy: [0, -1], age: [3, 4] },
};

Deno.test("session: resume before the first frame: the points stand on it, and go on in the next", async () => {
  const { say, frame, answers, tracks } = begin([{}, { move: (x, y) => [x + 1, y] }]);
  say({ type: "configure", detect: { enabled: false } });
  say(RESUME);
  frame(7);
  await settle();
  frame(8);
  await settle();
  assert.deepEqual(answers().at(-1), { type: "resumed", live: 2 });
  const [standing, next] = tracks();
  assert.ok(!standing.reset);
  assert.deepEqual([...standing.points.id], [4, 9]);
  assert.deepEqual([...standing.points.xy], [10, 11, 20.5, 21]);
  assert.deepEqual([...next.points.xy], [11, 11, 21.5, 21]);
  assert.deepEqual([...next.points.age], [4, 5]);
});

Deno.test("session: resume is refused after a frame, twice, with wrong numbers and with too many points, and costs nothing", async () => {
  const { say, frame, answers, tracks } = begin([{ corners: CORNERS }]);
  const many = Array.from({ length: 51 }, (_, i) => i + 1);
  const points = { id: many, x: many, y: many, age: many };
  say({ ...RESUME, nextId: 100, points });
  say({ ...RESUME, nextId: 9 });
  say(RESUME);
  say(RESUME);
  frame(0);
  await settle();
  say(RESUME);
  await settle();
  const codes = answers().map((answer) => answer.type === "error" ? answer.code : answer.type);
  assert.deepEqual(codes, ["limit", "bad_message", "resumed", "bad_message", "bad_message"]);
  assert.deepEqual([...tracks()[0].points.id], [4, 9]);
});

Deno.test("session: the first frame gives way to none, for resumed points stand on it", async () => {
  const { say, frame, socket, session, tracks } = begin([{}, {}]);
  socket.bufferedAmount = 2 << 20; // nothing is worked on
  say(RESUME);
  for (let seq = 0; seq < 4; seq++) frame(seq);
  socket.drain();
  await settle();
  assert.deepEqual(tracks().map(({ seq, dropped }) => [seq, dropped]), [[0, 2], [3, 0]]);
  assert.deepEqual([...tracks()[0].points.id], [4, 9]);
  await session.close();
});

Deno.test("session: a resume costs as much of the frame rate as a frame", async () => {
  const { say, frame, tracks, session } = begin([{}], "bin", { maxFrameRate: 1 });
  say(RESUME);
  frame(0);
  await settle();
  assert.equal(tracks().length, 0);
  await session.close();
});

Deno.test("session: says that it is going, and serves on", async () => {
  const { session, frame, answers, tracks } = begin([{}]);
  session.going(10);
  frame(0);
  await settle();
  assert.deepEqual(answers(), [{ type: "going", seconds: 10 }]);
  assert.equal(tracks().length, 1);
});
