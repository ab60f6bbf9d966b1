import assert from "node:assert/strict";
import { Names } from "../../server/threads/names.ts";

const taken = { status: 409, code: "stream_in_use" };

Deno.test("names: one that is held is refused to all threads, until it is let go of", () => {
  const buffer = Names.share(3);
  const one = new Names(buffer), other = new Names(buffer);
  const claim = one.claim("cam");
  assert.throws(() => other.claim("cam"), taken);
  assert.throws(() => one.claim("cam"), taken);
  other.claim("cam-1"); // a longer one is another one
  other.claim("ca");
  assert.ok(one.has("cam") && one.has("ca") && !one.has("c"));
  claim.release();
  claim.release();
  assert.ok(!other.has("cam"));
  other.claim("cam");
});

Deno.test("names: a claim that was let go of leaves the next one of its slot alone", () => {
  const names = new Names(Names.share(1));
  const first = names.claim("a");
  first.release();
  names.claim("b");
  first.release();
  assert.ok(names.has("b"));
});

Deno.test("names: who holds one is told once that another asked", () => {
  const names = new Names(Names.share(2));
  const claim = names.claim("cam");
  assert.equal(claim.takeAsked(), false);
  assert.throws(() => names.claim("cam"), taken);
  assert.equal(claim.takeAsked(), true);
  assert.equal(claim.takeAsked(), false);
});

Deno.test("names: epochs grow, also within a millisecond and where the clock goes back", () => {
  const native = Date.now;
  const buffer = Names.share(2);
  const epochs = [];
  try {
    for (const now of [1000, 1000, 400, 2000]) {
      Date.now = () => now;
      const claim = new Names(buffer).claim("cam");
      epochs.push(claim.epoch);
      claim.release();
    }
  } finally {
    Date.now = native;
  }
  assert.deepEqual(epochs, [1000, 1001, 1002, 2000]);
});

Deno.test("names: the longest ones fit, as many as there are sessions", () => {
  const names = new Names(Names.share(5));
  const long = Array.from({ length: 5 }, (_, i) => `${i}`.repeat(64));
  for (const name of long) names.claim(name);
  assert.ok(long.every((name) => names.has(name)));
});
