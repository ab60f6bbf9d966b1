/** Errors in a session, and which of them end it. */
import assert from "node:assert/strict";
import { encodeFrame } from "../../protocol/mod.ts";
import { EngineError } from "../../tracking/engine.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";
import { begin, CORNERS, settle } from "../lib/session.ts";

Deno.test("session: a frame that takes too long ends it, for the next would too", async () => {
  const { socket, frame, answers } = begin([{ fails: "deadline" }]);
  frame(0);
  await settle();
  const [error] = answers();
  assert.ok(error.type === "error" && error.code === "overloaded" && error.seq === 0);
  assert.equal(socket.closes[0][0], 1013);
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

Deno.test("session: a binary message that is no frame closes it with 1003", async () => {
  const { session, socket } = begin();
  session.receiveBinary(Uint8Array.of(9, 9, 9));
  await settle();
  assert.equal(socket.closes[0][0], 1003);
  assert.ok(socket.closes[0][1].length <= 123);
});
