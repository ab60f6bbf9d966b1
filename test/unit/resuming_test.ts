import assert from "node:assert/strict";
import { Gap, GAP_BYTES, GAP_MS } from "../../client/sdk/connection/gap.ts";
import type { SentFrame } from "../../client/sdk/connection/memory.ts";
import { Resuming } from "../../client/sdk/connection/resuming.ts";
import { encodeFrame, lostCode, type StreamState, type Tracks } from "../../protocol/mod.ts";
import { emptyTracks } from "../lib/empty_tracks.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";

function frame(seq: number, at: number, bytes = 100, reset = false): SentFrame {
  return { seq, at, bytes, message: encodeFrame({ seq, timestamp: at, reset, jpeg: JPEG }) };
}

function tracksOf(seq: number, ids: number[], dx = 0, detected = false): Tracks {
  return {
    ...emptyTracks(seq),
    detected,
    points: {
      id: Uint32Array.from(ids),
      xy: Float32Array.from(ids.flatMap((id) => [id, id])),
      dxy: Float32Array.from(ids.flatMap(() => [dx, 0])),
      error: new Float32Array(ids.length),
      fb: new Float32Array(ids.length),
      age: new Uint32Array(ids.length),
    },
  };
}

/** Two frames were answered, 30 ms apart, on which points 1 and 2 moved by `dx`; two are under way. */
function interrupted(dx = 0): Resuming {
  const resuming = new Resuming(true);
  for (const seq of [0, 1, 2, 3]) resuming.memory.sent(frame(seq, 30 * seq, 100, seq === 1));
  resuming.answered(tracksOf(0, [1, 2], 0, true), 20);
  resuming.answered(tracksOf(1, [1, 2], dx), 50);
  resuming.ended(130);
  return resuming;
}

function drain(resuming: Resuming): number[] {
  const seqs: number[] = [];
  for (let next = resuming.next(); next; next = resuming.next()) seqs.push(next.seq);
  return seqs;
}

/** The same, as they are sent. */
function replay(resuming: Resuming): number[] {
  const seqs: number[] = [];
  for (let next = resuming.next(); next; next = resuming.next()) {
    resuming.memory.sent(next);
    seqs.push(next.seq);
  }
  return seqs;
}

Deno.test("resuming: the last answered frame comes first, without its reset, then what is owed and kept", () => {
  const resuming = interrupted();
  resuming.keep(frame(4, 230));
  const [state] = resuming.proposals() as [StreamState, StreamState];
  assert.deepEqual([...state.points.id], [1, 2]);
  assert.deepEqual([state.nextId, state.sinceDetection], [3, 1]);
  const standing = resuming.agreed(state)!;
  assert.equal(standing.seq, 1);
  assert.equal((standing.message as Uint8Array)[1], 0);
  assert.deepEqual(drain(resuming), [], "nothing before the points stand");
  assert.equal(resuming.answered(tracksOf(1, [1, 2]), 300), null);
  assert.deepEqual(replay(resuming), [2, 3, 4]);
  assert.equal(resuming.caughtUp(310), null, "told before the last frame of the gap is answered");
  assert.ok(resuming.isLive);
  resuming.answered(tracksOf(2, [1, 2]), 320);
  resuming.failed(3);
  assert.equal(resuming.caughtUp(330), null);
  resuming.answered(tracksOf(4, [1, 2]), 340);
  assert.deepEqual(resuming.caughtUp(340), { live: 2, replayed: 3, gapMs: 270 });
  assert.equal(resuming.caughtUp(350), null);
});

Deno.test("resuming: points that the user ended before the gap are told of, as their server would have", () => {
  const resuming = interrupted();
  resuming.memory.obeyed({ type: "remove", ids: [2, 9] });
  const [state] = resuming.proposals();
  assert.deepEqual([...state.points.id], [1]);
  resuming.agreed(state);
  assert.equal(resuming.answered(tracksOf(1, [1]), 300), null);
  replay(resuming);
  const { lost } = resuming.answered(tracksOf(2, [1]), 320)!;
  assert.deepEqual([[...lost.id], [...lost.reason]], [[2], [lostCode("removed")]]);
});

Deno.test("resuming: points that end before the gap and were told of are not told of again", () => {
  const resuming = new Resuming(true);
  for (const seq of [0, 1]) resuming.memory.sent(frame(seq, 30 * seq));
  resuming.answered(tracksOf(0, [1, 2]), 0);
  resuming.memory.obeyed({ type: "clear" });
  resuming.answered(tracksOf(1, [3]), 30);
  resuming.ended(50);
  resuming.agreed(resuming.proposals()[0]);
  resuming.answered(tracksOf(1, [3]), 60);
  resuming.memory.sent(frame(2, 60));
  assert.equal(resuming.answered(tracksOf(2, [3]), 70)!.lost.id.length, 0);
});

Deno.test("resuming: what grows too much while the next server asks, stands or catches up begins anew", () => {
  const late = () => frame(9, 60 + GAP_MS + 1);
  const asking = interrupted();
  const [state] = asking.proposals();
  assert.equal(asking.keep(late()), false, "the stream has not said yet that it goes on");
  assert.ok(asking.isBroken);
  assert.equal(asking.agreed(state), null);
  const standing = interrupted();
  standing.agreed(standing.proposals()[0]);
  assert.ok(standing.keep(late()));
  assert.equal(standing.answered(tracksOf(1, [1, 2]), 300), null, "of a frame that was answered");
  const replaying = interrupted();
  replaying.agreed(replaying.proposals()[0]);
  replaying.answered(tracksOf(1, [1, 2]), 300);
  assert.ok(replaying.keep(late()));
  for (const resuming of [asking, standing, replaying]) {
    assert.deepEqual(drain(resuming), []);
    assert.equal(resuming.caughtUp(400), null);
    assert.ok(resuming.isLive && resuming.takeReset());
  }
});

Deno.test("resuming: a stream that ends before its new beginning was sent leaves nothing to go on with", () => {
  const resuming = interrupted();
  resuming.keep(frame(9, 60 + GAP_MS + 1));
  resuming.agreed(resuming.proposals()[0]);
  resuming.ended(3000);
  assert.ok(resuming.isBroken);
  assert.equal(resuming.proposals().length, 1);
});

Deno.test("resuming: points that end on the frame on which they stood are told with the next tracks", () => {
  const resuming = interrupted();
  const [state] = resuming.proposals();
  resuming.agreed(state);
  const lost = { id: Uint32Array.of(2), reason: Uint8Array.of(6) };
  assert.equal(resuming.answered({ ...tracksOf(1, [1]), lost }, 300), null);
  replay(resuming);
  const heard = resuming.answered({
    ...tracksOf(2, []),
    lost: { id: Uint32Array.of(1), reason: Uint8Array.of(1) },
  }, 320)!;
  assert.deepEqual([[...heard.lost.id], [...heard.lost.reason]], [[2, 1], [6, 1]]);
});

Deno.test("resuming: a gap too long, or too large, is not gone on over; ids go on", () => {
  for (const late of [frame(9, 60 + GAP_MS + 1), frame(9, 200, GAP_BYTES + 1)]) {
    const resuming = interrupted();
    resuming.keep(late);
    assert.ok(resuming.isBroken && !resuming.wants(1e9));
    const proposals = resuming.proposals();
    assert.deepEqual(proposals.map(({ nextId, points }) => [nextId, points.id.length]), [[3, 0]]);
    assert.equal(resuming.agreed(proposals[0]), null);
    assert.ok(resuming.isLive && resuming.takeReset() && !resuming.takeReset());
  }
});

Deno.test("resuming: a server that answered nothing for too long before it ended leaves nothing to go on with", () => {
  const resuming = new Resuming(true);
  for (const seq of [0, 1]) resuming.memory.sent(frame(seq, 30 * seq));
  resuming.answered(tracksOf(0, [1, 2]), 10);
  resuming.ended(30 + GAP_MS + 1); // frames were skipped meanwhile
  assert.ok(resuming.isBroken);
});

Deno.test("resuming: another end while it catches up keeps what was not answered, in order", () => {
  const resuming = interrupted();
  resuming.keep(frame(4, 230));
  resuming.agreed(resuming.proposals()[0]);
  resuming.answered(tracksOf(1, [1, 2]), 300);
  resuming.memory.sent(resuming.next()!); // 2, under way
  resuming.keep(frame(5, 340));
  resuming.ended(350);
  resuming.agreed(resuming.proposals()[0]);
  resuming.answered(tracksOf(1, [1, 2]), 300);
  assert.deepEqual(drain(resuming), [2, 3, 4, 5]);
});

Deno.test("resuming: a frame of before that the next server cannot take means to begin anew", () => {
  const resuming = interrupted();
  resuming.agreed(resuming.proposals()[0]);
  assert.ok(resuming.failed(1));
  assert.ok(resuming.isLive && resuming.takeReset());
});

Deno.test("resuming: off, or before an answer, there is nothing to go on with", () => {
  const off = new Resuming(false);
  off.memory.sent(frame(0, 0));
  off.answered(tracksOf(0, [1]), 5);
  off.ended(10);
  const early = new Resuming(true);
  early.memory.sent(frame(0, 0));
  early.ended(10);
  for (const resuming of [off, early]) {
    assert.ok(resuming.isLive);
    assert.deepEqual(resuming.proposals(), []);
  }
});

Deno.test("resuming: every id ever given out lies below the next one, lost and added ones too", () => {
  const resuming = new Resuming(true);
  resuming.memory.sent(frame(0, 0));
  const lost = { id: Uint32Array.of(40), reason: Uint8Array.of(1) };
  resuming.answered({ ...tracksOf(0, [7]), lost }, 5);
  assert.equal(resuming.memory.state!.nextId, 41);
  const added = { type: "added" as const, ids: [50, 51] };
  resuming.memory.obeyed({ type: "add", points: [[1, 2], [3, 4]] }, added);
  resuming.memory.obeyed({ type: "remove", ids: [7, 50] });
  const { nextId, points } = resuming.memory.state!;
  assert.deepEqual([nextId, [...points.id], [...points.xy]], [52, [51], [3, 4]]);
  resuming.memory.obeyed({ type: "clear" });
  assert.deepEqual([...resuming.memory.state!.points.id], []);
});

Deno.test("gap: what moved fast is kept in small steps, what stood still in ten a second", () => {
  const seconds = (speed: number) => {
    const gap = new Gap();
    gap.begin([], speed);
    let kept = 0;
    for (let now = 0; now < 1000; now += 5) {
      if (!gap.wants(now)) continue;
      assert.ok(gap.put(frame(kept++, now)));
    }
    return kept;
  };
  assert.equal(seconds(0), 10);
  assert.equal(seconds(0.6), 50); // 12 px in 20 ms
  assert.equal(seconds(Infinity), 200);
});
