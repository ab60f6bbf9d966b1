/** Frames of a session: their order, those that give way, readers that lag, its end. */
import assert from "node:assert/strict";
import { type Hello } from "../../protocol/mod.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";
import { begin, CORNERS, settle } from "../lib/session.ts";

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

Deno.test("session: says that it is going, and serves on", async () => {
  const { session, frame, answers, tracks } = begin([{}]);
  session.going(10);
  frame(0);
  await settle();
  assert.deepEqual(answers(), [{ type: "going", seconds: 10 }]);
  assert.equal(tracks().length, 1);
});
