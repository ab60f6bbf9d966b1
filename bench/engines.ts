import { defaultOptions } from "../protocol/mod.ts";
import type { FlowEngine, FlowSequence } from "../server/engines/engine.ts";
import { type Clip, makeClip } from "./clip.ts";
import { Timings, TIMINGS_HEAD } from "./timings.ts";

const SIZES = [[640, 480], [1280, 720]] as const;
const POINTS = [300, 1000];
const FRAMES = 120;
const WARM_UP = 10;
/** A bench of wrong results says nothing: the median point must be as near as this. */
const MAX_MEDIAN_PX = 0.05;

const { detect, flow } = defaultOptions();
const FLOW = { ...flow, back: false };
/** Weak corners too, so that there are as many as asked for. */
const DETECT = { ...detect, qualityLevel: 1e-4, minDistance: 5 };

/** Prints how long an engine takes for each part of a frame, after checking that it tracks right. */
export async function benchEngine(engine: FlowEngine): Promise<void> {
  console.log(`\nEngine ${engine.info.name}: ${engine.info.device}. Milliseconds a frame:`);
  console.log(`${"".padEnd(34)}${TIMINGS_HEAD}`);
  for (const [width, height] of SIZES) {
    const clip = makeClip(width, height);
    for (const points of POINTS) await benchClip(engine, clip, points);
  }
}

async function benchClip(engine: FlowEngine, clip: Clip, wanted: number): Promise<void> {
  await using sequence = engine.open();
  await sequence.advance(clip.jpegs[0], new Float32Array(), FLOW);
  // twice as many as wanted, for those near the border are left out
  const { xy } = await sequence.detect({ ...DETECT, maxCorners: 2 * wanted }, new Float32Array());
  const points = inside(xy, clip).slice(0, 2 * wanted);
  await validate(sequence, clip, points);

  const decode = new Timings(), track = new Timings(), both = new Timings(), detect = new Timings();
  for (let i = 0; i < FRAMES + WARM_UP; i++) {
    const jpeg = clip.jpegs[i % clip.jpegs.length];
    const back = i % 2 === 1;
    const advanced = await sequence.advance(jpeg, points, { ...FLOW, back });
    const { detectMs } = await sequence.detect(
      { ...DETECT, maxCorners: wanted },
      new Float32Array(),
    );
    if (i < WARM_UP) continue;
    decode.add(advanced.decodeMs);
    (back ? both : track).add(advanced.trackMs);
    detect.add(detectMs);
  }
  const label = `${clip.width}×${clip.height}, ${points.length / 2} points`;
  for (const [name, timings] of Object.entries({ decode, track, "track and back": both, detect })) {
    console.log(`${label.padEnd(26)}`.slice(0, 26), name.padEnd(15).slice(0, 15), timings.row());
  }
}

/** Points whose window stays in the picture wherever the clip goes. */
function inside(xy: Float32Array, { width, height }: Clip): Float32Array {
  const margin = 40;
  const kept: number[] = [];
  for (let i = 0; i < xy.length; i += 2) {
    const x = xy[i], y = xy[i + 1];
    if (x > margin && y > margin && x < width - margin && y < height - margin) kept.push(x, y);
  }
  return Float32Array.from(kept);
}

async function validate(sequence: FlowSequence, clip: Clip, points: Float32Array): Promise<void> {
  const { xy, status } = await sequence.advance(clip.greys[1], points, FLOW);
  await sequence.advance(clip.greys[0], new Float32Array(), FLOW);
  const [dx, dy] = clip.offset(1);
  const errors = Array.from(
    status,
    (_, i) => Math.hypot(xy[2 * i] - points[2 * i] - dx, xy[2 * i + 1] - points[2 * i + 1] - dy),
  )
    .toSorted((a, b) => a - b);
  const median = errors[errors.length >> 1];
  const lost = status.reduce((sum, code) => sum + (code ? 1 : 0), 0);
  if (!(median <= MAX_MEDIAN_PX) || lost > 0) {
    throw new Error(`Cannot bench: median error ${median} px, ${lost} of ${status.length} lost`);
  }
}
