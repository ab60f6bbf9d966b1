/**
 * What a frame costs the event loop besides its engine: deciding which points live, and writing
 * the tracks. The engine here answers at once: points drift, and four of them fail the way back.
 *
 * `deno run -A bench/tracker.ts [POINTS]`
 */
import { defaultOptions, encodeTracks } from "../protocol/mod.ts";
import { type FlowSequence, Status } from "../tracking/engine.ts";
import { Tracker } from "../tracking/tracker.ts";
import { random } from "../test/lib/random.ts";
import { Timings, TIMINGS_HEAD } from "./timings.ts";

const WIDTH = 1280, HEIGHT = 720, LOST = 4;
const WARM_UP = 2000, FRAMES = 10_000;

const next = random(1);
/** What the engine took of the frame under way. */
let engineMs = 0;

function timed<T>(call: () => T): Promise<T> {
  const begun = performance.now();
  const result = call();
  engineMs += performance.now() - begun;
  return Promise.resolve(result);
}

function drift(xy: Float32Array) {
  const n = xy.length / 2, fb = new Float32Array(n).fill(0.1);
  for (let i = 0; i < LOST && n > 0; i++) fb[Math.floor(n * next())] = 5;
  return {
    width: WIDTH,
    height: HEIGHT,
    continues: true,
    xy: xy.map((at) => at + 0.3 * (next() - 0.5)),
    status: new Uint8Array(n).fill(Status.tracked),
    error: new Float32Array(n).fill(2),
    fb,
    decodeMs: 0,
    trackMs: 0,
  };
}

/** Corners wherever, at their distance from each other. */
function corners(count: number, distance: number): Float32Array {
  const xy: number[] = [];
  while (xy.length < 2 * count) {
    const x = WIDTH * next() - 0.5, y = HEIGHT * next() - 0.5;
    const isFree = xy.every((at, i) =>
      i % 2 === 1 || Math.hypot(at - x, xy[i + 1] - y) >= distance
    );
    if (isFree) xy.push(x, y);
  }
  return Float32Array.from(xy);
}

const options = defaultOptions();
options.detect.maxCorners = Number(Deno.args[0] ?? 1000);
options.detect.minDistance = 7;
const sequence: FlowSequence = {
  advance: (_, xy) => timed(() => drift(xy)),
  detect: ({ maxCorners, minDistance }) =>
    timed(() => ({ xy: corners(maxCorners, minDistance), detectMs: 0 })),
  take: () => Promise.reject(new Error("not asked for")),
  compare: () => Promise.reject(new Error("not asked for")),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};
const tracker = new Tracker(sequence, options, options.detect.maxCorners);
const deciding = new Timings(), writing = new Timings();
for (let seq = 0; seq < WARM_UP + FRAMES; seq++) {
  engineMs = 0;
  const begun = performance.now();
  const step = await tracker.process(new Uint8Array());
  const decided = performance.now();
  const timing = { queue: 0, server: 0, ...step.timing };
  encodeTracks({ ...step, seq, timestamp: 0, dropped: 0, timing });
  if (seq < WARM_UP) continue;
  deciding.add(1000 * (decided - begun - engineMs));
  writing.add(1000 * (performance.now() - decided));
}
console.log(`${tracker.live} points, microseconds a frame\n${" ".repeat(10)}${TIMINGS_HEAD}`);
console.log(`deciding  ${deciding.row()}\nwriting   ${writing.row()}`);
