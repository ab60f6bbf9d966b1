import assert from "node:assert/strict";
import { Counter, Histogram, Registry } from "prom-client";
import { Durations, Tally } from "../../server/counting.ts";
import { random } from "../lib/random.ts";

Deno.test("counting: Prometheus reads of durations and tallies what it reads of prom-client's own", async () => {
  const next = random(3), bounds = [0.001, 0.01, 0.1], stages = ["queue", "track", "unused"];
  const ours = new Registry(), theirs = new Registry();
  const durations = new Durations("d_seconds", "Durations", stages, bounds, ours);
  const histogram = new Histogram({
    name: "d_seconds",
    help: "Durations",
    labelNames: ["stage"],
    buckets: bounds,
    registers: [theirs],
  });
  const tally = new Tally({ name: "t_total", help: "A tally", registers: [ours] });
  const counter = new Counter({ name: "t_total", help: "A tally", registers: [theirs] });
  const texts = [];
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 200; i++) {
      const stage = Math.floor(2 * next());
      const seconds = i < bounds.length ? bounds[i] : 10 ** (-4 + 4 * next());
      durations.add(stage, seconds);
      histogram.observe({ stage: stages[stage] }, seconds);
      tally.inc(i);
      counter.inc(i);
    }
    tally.inc();
    counter.inc();
    const lines = async (registry: Registry) => (await registry.metrics()).split("\n").toSorted();
    texts.push(await lines(ours));
    assert.deepEqual(texts[round], await lines(theirs));
  }
  assert.notDeepEqual(texts[0], texts[1]);
});
