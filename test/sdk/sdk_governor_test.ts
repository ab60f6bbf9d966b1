import assert from "node:assert/strict";
import { connect, type Connection } from "../../client/sdk/connection/connection.ts";
import { govern, type Governed, type Governor } from "../../client/sdk/governor/governor.ts";
import { GovernorPolicy } from "../../client/sdk/governor/governor_policy.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";
import { inTime } from "../lib/in_time.ts";
import { withServer } from "../lib/serving.ts";
import { type Link, Throttle } from "../lib/throttle.ts";

const TARGET = 80;
const FULL_BYTES = 40_000;

/** What a simulated link does, which may change over time. */
interface SimulatedLink {
  /** Both ways together, without the frame's bytes. */
  delayMs: number;
  bytesPerMs: number;
}

/**
 * Plays a camera of 30 frames a second over a link, two frames under way at
 * most, and notes what the policy made of it. Time is simulated.
 */
class Simulation {
  readonly policy = new GovernorPolicy(TARGET);
  now = 0;
  #linkFree = 0;
  #nextAt = 0;
  /** When the latest frames are answered. */
  #answers: number[] = [];
  log: { now: number; roundTrip: number; change: string | undefined; size: number }[] = [];

  run(seconds: number, link: SimulatedLink): void {
    const end = this.now + 1000 * seconds;
    while (this.now < end) {
      const { quality, size, rate } = this.policy.level;
      this.now = Math.max(this.#nextAt, this.#answers.length < 2 ? 0 : this.#answers.at(-2)!);
      this.#nextAt = this.now + 1000 / 30 / rate;
      const sent = Math.max(this.now, this.#linkFree) +
        FULL_BYTES * quality * size * size / link.bytesPerMs;
      this.#linkFree = sent;
      const answered = sent + link.delayMs;
      this.#answers = [...this.#answers.slice(-1), answered];
      const roundTrip = answered - this.now;
      const change = this.policy.observe(roundTrip, answered)?.change;
      this.log.push({ now: this.now, roundTrip, change, size: this.policy.level.size });
    }
  }

  /** The share of frames above the target over the last seconds. */
  slowShare(seconds: number): number {
    const latest = this.log.filter(({ now }) => now > this.now - 1000 * seconds);
    return latest.filter(({ roundTrip }) => roundTrip > TARGET).length / latest.length;
  }

  changes(since = 0): string[] {
    return this.log.flatMap(({ now, change }) => change && now >= since ? [change] : []);
  }

  resizes(since = 0): number {
    const sizes = this.log.filter(({ now }) => now >= since).map(({ size }) => size);
    return sizes.filter((size, i) => i > 0 && size !== sizes[i - 1]).length;
  }
}

Deno.test("governor: on a link with room, nothing is lowered", () => {
  const simulation = new Simulation();
  simulation.run(60, { delayMs: 30, bytesPerMs: 5000 });
  assert.deepEqual(simulation.changes(), []);
});

for (
  const [name, bytesPerMs, lever] of [
    ["a little", 900, "quality"],
    ["much", 400, "size"],
    ["far", 25, "rate"],
  ] as const
) {
  Deno.test(`governor: on a link that is ${name} too slow, the round trip comes under the target by ${lever}`, () => {
    const simulation = new Simulation();
    simulation.run(30, { delayMs: 10, bytesPerMs });
    assert.ok(simulation.slowShare(10) <= 0.25, `${simulation.slowShare(10)} are slow`);
    const lowered = simulation.policy.level;
    assert.ok(lowered[lever] < 1, JSON.stringify(lowered));
    if (lever === "quality") assert.equal(simulation.resizes(), 0);
    // Trials to raise must not fail again and again.
    const settled = simulation.now;
    simulation.run(300, { delayMs: 10, bytesPerMs });
    assert.ok(simulation.slowShare(300) < 0.05, `${simulation.slowShare(300)} are slow`);
    assert.ok(simulation.resizes(settled) <= 12, `${simulation.resizes(settled)} new sizes`);
  });
}

Deno.test("governor: when the link is fast again, everything is raised again", () => {
  const simulation = new Simulation();
  simulation.run(120, { delayMs: 10, bytesPerMs: 120 });
  assert.ok(simulation.policy.level.size < 1);
  simulation.run(120, { delayMs: 10, bytesPerMs: 5000 });
  assert.deepEqual(simulation.policy.level, { quality: 1, size: 1, rate: 1 });
});

Deno.test("governor: where only distance makes it slow, it gives up and tries seldom", () => {
  const simulation = new Simulation();
  simulation.run(50, { delayMs: 200, bytesPerMs: 5000 });
  assert.equal(simulation.changes().at(-1), "gaveUp");
  assert.deepEqual(simulation.policy.level, { quality: 1, size: 1, rate: 1 });
  simulation.run(300, { delayMs: 200, bytesPerMs: 5000 });
  assert.ok(simulation.changes().filter((change) => change === "gaveUp").length <= 6);
  assert.ok(simulation.changes().length > 4, "it never tried again");
});

Deno.test("governor: a link that becomes far slower is not given up", () => {
  const simulation = new Simulation();
  simulation.run(20, { delayMs: 10, bytesPerMs: 900 });
  simulation.run(60, { delayMs: 10, bytesPerMs: 15 });
  const { quality, size } = simulation.policy.level;
  assert.deepEqual([quality, size], [0.5, 0.25]);
  assert.ok(
    simulation.log.at(-1)!.roundTrip < 120,
    "as short as it can be, if not under the target",
  );
});

Deno.test("governor: single slow frames change nothing", () => {
  const policy = new GovernorPolicy(TARGET);
  for (let i = 0; i < 600; i++) assert.equal(policy.observe(i % 10 ? 20 : 300, i * 33), null);
});

Deno.test("governor: another target acts at once", () => {
  const policy = new GovernorPolicy(TARGET);
  for (let i = 0; i < 30; i++) assert.equal(policy.observe(60, i * 33), null);
  policy.targetMs = 50;
  assert.deepEqual(policy.observe(60, 1000), { change: "lowered", roundTrip: 60 });
});

/** Sends frames of as many bytes as a camera's would have, at its size, quality and rate. */
class Sender implements Governed, Disposable {
  quality = 0.8;
  maxSide = 640;
  maxRate = 30;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly connection: Connection) {
    this.#next();
  }

  hasSent(): boolean {
    return true;
  }

  measured() {
    return { size: { width: this.maxSide, height: this.maxSide * 3 / 4 } };
  }

  #next(): void {
    this.#timer = setTimeout(() => this.#next(), 1000 / this.maxRate);
    const bytes = FULL_BYTES * (this.quality / 0.8) * (this.maxSide / 640) ** 2;
    const jpeg = new Uint8Array(Math.round(bytes));
    jpeg.set(JPEG);
    this.connection.send(jpeg);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

const FAST: Link = { delayMs: 2, bytesPerMs: 1e6 };
const SLOW: Link = { delayMs: 10, bytesPerMs: 450 };

/** What has not come by then does not come. */
const DEADLINE_MS = 120_000;

/** A sender whose frames go to a real server over a link that can be made slow. */
function overLink(
  use: (parts: { connection: Connection; sender: Sender; link: Throttle }) => Promise<void>,
): Promise<void> {
  return withServer({}, async (url) => {
    const link = await Throttle.open(new URL(url), FAST);
    const connection = connect(link.url);
    const sender = new Sender(connection);
    try {
      await inTime(use({ connection, sender, link }), DEADLINE_MS);
    } finally {
      sender[Symbol.dispose]();
      connection.close();
      await link.close();
    }
  });
}

/** Waits until three of four of the latest 12 frames at one setting answer in time. */
function reached(connection: Connection, governor: Governor): Promise<void> {
  return new Promise((resolve) => {
    let latest: number[] = [];
    governor.on("change", () => latest = []);
    connection.on("frame", ({ roundTrip }) => {
      latest = [...latest.slice(-11), roundTrip];
      if (latest.filter((ms) => ms <= governor.targetMs).length >= 9) resolve();
    });
  });
}

/** Resolves with the first change whose state `matches`. */
function changed(
  governor: Governor,
  matches: (state: Governor["state"]) => boolean,
): Promise<Governor["state"]> {
  return new Promise((resolve) => {
    governor.on("change", (state) => matches(state) && resolve(state));
  });
}

Deno.test("governor: over a throttled link the target is reached, and all comes back after it", () =>
  overLink(async ({ connection, sender, link }) => {
    using governor = govern(sender, connection, { targetMs: 150 });
    assert.deepEqual(governor.state, {
      quality: 0.8,
      maxSide: 640,
      maxRate: 30,
      reason: "Nothing is lowered",
    });
    link.link = SLOW;
    const first = await changed(governor, () => true);
    assert.match(
      first.reason,
      /^Lowered the JPEG quality: the round trip was \d+ ms, above 150 ms/,
    );
    await reached(connection, governor);
    assert.ok(sender.quality < 0.8);
    link.link = FAST;
    const { quality, maxSide, reason } = await changed(
      governor,
      ({ quality, maxSide }) => quality === 0.8 && maxSide === 640,
    );
    assert.deepEqual([quality, maxSide, sender.quality], [0.8, 640, 0.8]);
    assert.match(reason, /^Raised the JPEG quality: the round trip was \d+ ms, well under 150 ms/);
  }));

Deno.test("governor: switched off or closed, the capture has its best again", () =>
  overLink(async ({ connection, sender, link }) => {
    const governor = govern(sender, connection, { targetMs: 20 });
    link.link = SLOW;
    await changed(governor, () => true);
    assert.ok(sender.quality < 0.8);
    governor.enabled = false;
    assert.deepEqual([sender.quality, sender.maxSide, sender.maxRate], [0.8, 640, 30]);
    assert.equal(governor.state.reason, "The governor is switched off");
    let changes = 0;
    governor.on("change", () => changes++);
    const frame = () => new Promise((resolve) => connection.on("frame", resolve));
    for (let i = 0; i < 8; i++) await frame();
    assert.equal(changes, 0);
    governor.enabled = true;
    await changed(governor, ({ quality }) => quality < 0.8);
    governor.close();
    governor.close();
    assert.equal(sender.quality, 0.8);
  }));

Deno.test("governor: a target that is none is refused", () => {
  using connection = connect("http://127.0.0.1:9", { pauseMs: () => 1e6 });
  using sender = new Sender(connection);
  for (const targetMs of [0, NaN, 1e5]) {
    assert.throws(() => govern(sender, connection, { targetMs }), {
      name: "RangeError",
      message: `Cannot set targetMs to ${targetMs}: allowed are numbers from 1 to 10000`,
    });
  }
});
