/** Control messages of a session: their effect, answers and rate. */
import assert from "node:assert/strict";
import { type Hello, type Stats } from "../../protocol/mod.ts";
import { begin, CORNERS, settle } from "../lib/session.ts";

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

Deno.test("session: as many control messages as are allowed a second are taken at once, and no more", async () => {
  const { say, answers } = begin([], "bin", { maxControlRate: 10 });
  const { now } = performance;
  performance.now = () => 1000; // no time passes in which more are allowed
  try {
    for (let i = 0; i < 11; i++) say({ type: "stats" });
    await settle();
  } finally {
    performance.now = now;
  }
  const types = answers().map(({ type }) => type);
  assert.deepEqual(types, [...Array(10).fill("stats"), "error"]);
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
