import assert from "node:assert/strict";
import { Gate } from "../../wasm/gate.ts";

/** Calls that end when they are told to, and which of them have begun. */
function calls(gate: Gate) {
  const begun: number[] = [];
  const ends: PromiseWithResolvers<void>[] = [];
  const make = () => {
    const n = ends.push(Promise.withResolvers<void>()) - 1;
    return gate.pass(() => {
      begun.push(n);
      return ends[n].promise;
    });
  };
  return { begun, ends, make };
}

const settled = () => new Promise((later) => setTimeout(later));

Deno.test("gate: calls begin at once while there is room, then in the order in which they came", async () => {
  const { begun, ends, make } = calls(new Gate(2));
  const all = [make(), make(), make(), make()];
  assert.deepEqual(begun, [0, 1]);
  ends[1].resolve();
  all.push(make()); // before the place is handed over
  await settled();
  all.push(make()); // and after
  assert.deepEqual(begun, [0, 1, 2]);
  for (const { resolve } of ends) resolve();
  await Promise.all(all);
  assert.deepEqual(begun, [0, 1, 2, 3, 4, 5]);
});

Deno.test("gate: a call that fails makes room as well, and its error is the caller's", async () => {
  const { begun, ends, make } = calls(new Gate(1));
  const [first, second] = [make(), make()];
  ends[0].reject(new Error("scripted"));
  await assert.rejects(first, /scripted/);
  await settled();
  assert.deepEqual(begun, [0, 1]);
  ends[1].resolve();
  await second;
  const third = make();
  assert.deepEqual(begun, [0, 1, 2]); // there is room again, at once
  ends[2].resolve();
  await third;
});
