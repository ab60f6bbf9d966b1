import assert from "node:assert/strict";
import { agentLine } from "../../server/http/agent.ts";
import { Load } from "../../server/load.ts";

/** Looks so many times, each as late as told. */
function look(load: Load, times: number, lateMs = 0): void {
  for (let now = 0, i = 0; i < times; i++, now += Load.LOOK_MS + lateMs) load.look(now);
}

Deno.test("load: nothing waits, nothing is late: there is all the room", () => {
  const load = new Load();
  look(load, 20);
  assert.equal(load.busy, 0);
});

Deno.test("load: frames that wait half of a frame's time fill half of it, and it is free again after them", () => {
  const load = new Load();
  for (let i = 0; i < 20; i++) {
    load.queued(1000 / 60);
    load.queued(1000 / 60);
    load.look(i * Load.LOOK_MS);
  }
  assert.equal(load.busy, 0.5);
  look(load, 20);
  assert.equal(load.busy, 0);
});

Deno.test("load: an event loop that is late counts as much, and no more than all", () => {
  const load = new Load();
  look(load, 30, 1000 / 120);
  assert.equal(load.busy, 0.25);
  look(load, 30, 500);
  assert.equal(load.busy, 1);
});

Deno.test("load: of several event loops it is the mean", () => {
  const buffer = Load.share();
  const loads = [new Load(buffer), new Load(buffer)];
  look(loads[0], 30, 500);
  look(loads[1], 30);
  assert.deepEqual(loads.map(({ busy }) => busy), [0.5, 0.5]);
});

Deno.test("load: HAProxy reads a share, never 0 %, or that the server drains", () => {
  assert.equal(agentLine({ state: "ready", free: 0.416 }), "ready 42%\n");
  assert.equal(agentLine({ state: "ready", free: 0 }), "ready 1%\n");
  assert.equal(agentLine({ state: "drain", free: 0 }), "drain\n");
});
