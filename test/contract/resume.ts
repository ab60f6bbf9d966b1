import assert from "node:assert/strict";
import {
  defaultOptions,
  mergeOptions,
  type Options,
  readResume,
  resumeMessage,
} from "../../protocol/mod.ts";
import type { FlowEngine } from "../../tracking/engine.ts";
import { type Step, Tracker } from "../../tracking/tracker.ts";
import { zoom } from "../lib/images.ts";
import { encodeJpeg } from "../lib/jpeg.ts";
import { type Check, HEIGHT, texture, WIDTH } from "./given.ts";

const FRAMES = 12;
/** The last frame that the first tracker answers. */
const HANDED_OVER = 5;

/** A zoom: points are lost at the border, and found anew while the stream goes on. */
const clip = Array.from(
  { length: FRAMES },
  (_, i) => encodeJpeg(texture.draw(WIDTH, HEIGHT, zoom(1.03 ** i, 140, 120))),
);

const CASES: [name: string, options: Record<string, unknown>][] = [
  ["default options", {}],
  ["prediction, and detection every third frame", {
    flow: { predict: true },
    detect: { interval: 3, refill: 1, maxCorners: 300 },
  }],
];

export function checkResume(check: Check): void {
  for (const [name, change] of CASES) {
    check(
      `a stream that is resumed equals the one that goes on, bit for bit: ${name}`,
      async (engine) => {
        const options = mergeOptions(defaultOptions(), change);
        await using first = engine.open();
        const uninterrupted = new Tracker(first, options, 10_000);
        for (const jpeg of clip.slice(0, HANDED_OVER + 1)) await uninterrupted.process(jpeg);
        await using second = engine.open();
        const resumed = await handOver(uninterrupted, second, options);
        let found = 0;
        for (const jpeg of clip.slice(HANDED_OVER + 1)) {
          const [expected, step] = [await uninterrupted.process(jpeg), await resumed.process(jpeg)];
          found += expected.detected ? 1 : 0;
          assert.deepEqual(withoutTimes(step), withoutTimes(expected));
        }
        assert.ok(found > 0, "no detection was compared");
      },
    );
  }
}

/** As over the wire: the state as a message, and the frame on which its points stand. */
async function handOver(
  from: Tracker,
  sequence: ReturnType<FlowEngine["open"]>,
  options: Options,
): Promise<Tracker> {
  const { id, xy, age, dxy } = from.state.points;
  const message = JSON.parse(JSON.stringify(resumeMessage(from.state)));
  const tracker = new Tracker(sequence, options, 10_000);
  assert.equal(tracker.resume(readResume(message)), id.length);
  const standing = await tracker.process(clip[HANDED_OVER]);
  assert.ok(id.length > 100 && !standing.reset && !standing.detected);
  assert.deepEqual(standing.points, {
    ...{ id, xy, dxy, age },
    error: new Float32Array(id.length),
    fb: new Float32Array(id.length).fill(NaN),
  });
  return tracker;
}

function withoutTimes(step: Step) {
  return { ...step, timing: null };
}
