/** Real engines that take over from each other in the middle of a stream. */
import assert from "node:assert/strict";
import { FailoverEngine } from "../../engines/failover.ts";
import { createNativeEngine } from "../../engines/native.ts";
import { builtLibrary } from "../../engines/select.ts";
import { defaultOptions } from "../../protocol/mod.ts";
import { EngineLostError, type FlowEngine, type FlowSequence } from "../../tracking/engine.ts";
import { type Step, Tracker } from "../../tracking/tracker.ts";
import { createWasmEngine } from "../../wasm/mod.ts";
import { shift, Texture } from "../lib/images.ts";
import { encodeJpeg } from "../lib/jpeg.ts";
import { MAX_FRAME_PIXELS } from "./mod.ts";

const WIDTH = 320, HEIGHT = 240;
/** How far the picture moves from frame to frame: more than can be followed over three of them. */
const STEP: [number, number] = [14, -10];
const FRAMES = 10;
/** The engine is lost on this one. */
const FAILS_ON = 5;
/** A point whose window leaves the picture may end. */
const MARGIN_PX = 24;

const texture = new Texture(5);
const clip = Array.from(
  { length: FRAMES },
  (_, i) => encodeJpeg(texture.draw(WIDTH, HEIGHT, shift(i * STEP[0], i * STEP[1]))),
);

const library = await builtLibrary().catch((error) => {
  console.log(`Failover from cpu is not tested: ${error.message}`);
  return null;
});

/** An engine whose sequences track well until it is lost, on the frame of this number. */
function lostOn(frame: number, engine: FlowEngine): FlowEngine {
  const open = (): FlowSequence => {
    const sequence = engine.open();
    let frames = 0;
    return {
      advance: (...args) => {
        if (frames++ === frame) throw new EngineLostError("The engine is lost: by the test");
        return sequence.advance(...args);
      },
      detect: (...args) => sequence.detect(...args),
      take: (...args) => sequence.take(...args),
      compare: (...args) => sequence.compare(...args),
      [Symbol.asyncDispose]: () => sequence[Symbol.asyncDispose](),
    };
  };
  return { info: engine.info, open, close: () => engine.close() };
}

function wasm(reason: string): Promise<FlowEngine> {
  return createWasmEngine({ workers: 1, maxFramePixels: MAX_FRAME_PIXELS, reason });
}

/** Of the points of one frame, those that stayed in the picture; those of them that live on a later one, and where they should be. */
function compare(before: Step, after: Step, frames: number) {
  const move = [frames * STEP[0], frames * STEP[1]], size = [WIDTH, HEIGHT];
  const isIn = (at: number, axis: number) => at > MARGIN_PX && at < size[axis] - MARGIN_PX;
  const at = new Map(Array.from(after.points.id, (id, i) => [id, i]));
  let stayed = 0, kept = 0, right = 0;
  for (const [i, id] of before.points.id.entries()) {
    const from = before.points.xy.subarray(2 * i, 2 * i + 2);
    const truth = [from[0] + move[0], from[1] + move[1]];
    if (![0, 1].every((axis) => isIn(from[axis], axis) && isIn(truth[axis], axis))) continue;
    stayed++;
    const j = at.get(id);
    if (j === undefined) continue;
    kept++;
    const found = after.points.xy.subarray(2 * j, 2 * j + 2);
    if (Math.hypot(found[0] - truth[0], found[1] - truth[1]) < 1) right++;
  }
  return { stayed, kept, right };
}

Deno.test({
  name: "failover: where cpu is lost and wasm goes on, points of a moving picture live on",
  ignore: library === null,
  async fn() {
    const cpu = async (reason: string) => {
      const options = { library: library!, kind: "cpu", maxFramePixels: MAX_FRAME_PIXELS } as const;
      return lostOn(FAILS_ON, await createNativeEngine({ ...options, reason }));
    };
    const candidates = [{ name: "cpu", create: cpu }, { name: "wasm", create: wasm }] as const;
    const engine = await FailoverEngine.start({ candidates, reason: "a test" });
    try {
      await using sequence = engine.open();
      const tracker = new Tracker(sequence, defaultOptions(), 10_000);
      const steps: Step[] = [];
      for (const jpeg of clip) steps.push(await tracker.process(jpeg));
      assert.equal(engine.info.name, "wasm");
      assert.deepEqual(steps.map(({ reset }) => reset), clip.map((_, i) => i === 0));
      const { stayed, kept, right } = compare(steps[FAILS_ON - 1], steps[FAILS_ON + 1], 2);
      assert.ok(stayed > 100, `only ${stayed} points to compare`);
      assert.ok(kept >= 0.99 * stayed, `${kept} of ${stayed} kept`);
      assert.equal(right, kept);
    } finally {
      await engine.close();
    }
  },
});
