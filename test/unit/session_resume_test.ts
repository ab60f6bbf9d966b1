/** Points that a session takes over from one before it. */
import assert from "node:assert/strict";
import { begin, CORNERS, settle } from "../lib/session.ts";

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
