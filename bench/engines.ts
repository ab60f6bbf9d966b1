import { defaultOptions } from "../protocol/mod.ts";
import type { FlowEngine, FlowOptions, FlowSequence } from "../tracking/engine.ts";
import { type Clip, makeClip } from "./clip.ts";
import { Timings, TIMINGS_HEAD } from "./timings.ts";

const SIZES = [[640, 480], [1280, 720]] as const;
/** Points, and the side of the window. */
const CASES = [[300, 21], [500, 15], [500, 21], [1000, 15], [1000, 21]] as const;
const FRAMES = 80;
const WARM_UP = 10;
/** A bench of wrong results says nothing: the median point must be as near as this. */
const MAX_MEDIAN_PX = 0.05;

const { detect, flow } = defaultOptions();
/** Weak corners too, so that there are as many as asked for. */
const DETECT = { ...detect, qualityLevel: 1e-4, minDistance: 5 };

const PARTS = ["decode", "track", "track and back", "detect"] as const;
type Part = typeof PARTS[number];

/**
 * Prints how long each engine takes for each part of a frame, after checking
 * that it tracks right. The engines take turns at every frame, so that they
 * share whatever else the machine does. `ratio` is to the last engine's p50.
 */
export async function benchEngines(engines: FlowEngine[]): Promise<void> {
  console.log("\nEngines, in one thread each, milliseconds a frame:");
  for (const { info } of engines) console.log(`  ${info.name}: ${info.device}`);
  for (const [width, height] of SIZES) {
    const clip = makeClip(width, height);
    for (const [points, side] of CASES) await benchClip(engines, clip, points, side);
  }
}

async function benchClip(
  engines: FlowEngine[],
  clip: Clip,
  wanted: number,
  side: number,
): Promise<void> {
  const runs: Run[] = [];
  const options = { ...flow, winSize: [side, side] as [number, number], back: false };
  for (const engine of engines) runs.push(await Run.begin(engine, clip, wanted, options));
  for (let i = 0; i < FRAMES + WARM_UP; i++) {
    for (const run of runs) await run.frame(i, i >= WARM_UP);
  }
  for (const run of runs) await run.sequence[Symbol.asyncDispose]();

  const what = `${clip.width}×${clip.height}, ${wanted} points, window ${side}`;
  console.log(`\n${what.padEnd(36)}${TIMINGS_HEAD}    ratio`);
  for (const part of PARTS) {
    const slowest = runs.at(-1)!.timings[part].at(0.5);
    for (const { engine, timings } of runs) {
      const ratio = (slowest / timings[part].at(0.5)).toFixed(1).padStart(9);
      console.log(
        `  ${part.padEnd(24)}${engine.info.name.padEnd(10)}${timings[part].row()}${ratio}`,
      );
    }
  }
}

/** One engine's way through a clip. */
class Run {
  readonly timings = Object.fromEntries(PARTS.map((part) => [part, new Timings()])) as Record<
    Part,
    Timings
  >;

  private constructor(
    readonly engine: FlowEngine,
    readonly sequence: FlowSequence,
    readonly clip: Clip,
    readonly points: Float32Array,
    readonly options: FlowOptions,
  ) {}

  static async begin(
    engine: FlowEngine,
    clip: Clip,
    wanted: number,
    options: FlowOptions,
  ): Promise<Run> {
    const sequence = engine.open();
    await sequence.advance(clip.jpegs[0], new Float32Array(), options);
    // twice as many as wanted, for those near the border are left out
    const { xy } = await sequence.detect({ ...DETECT, maxCorners: 2 * wanted }, new Float32Array());
    const points = inside(xy, clip).slice(0, 2 * wanted);
    if (points.length < 2 * wanted) throw new Error(`Cannot bench ${wanted} points: too few found`);
    await validate(sequence, clip, points, options);
    return new Run(engine, sequence, clip, points, options);
  }

  async frame(i: number, count: boolean): Promise<void> {
    const { clip, points, sequence, timings } = this;
    const back = i % 2 === 1;
    const jpeg = clip.jpegs[i % clip.jpegs.length];
    const { decodeMs, trackMs } = await sequence.advance(jpeg, points, { ...this.options, back });
    const { detectMs } = await sequence.detect(
      { ...DETECT, maxCorners: points.length / 2 },
      new Float32Array(),
    );
    if (!count) return;
    timings.decode.add(decodeMs);
    timings[back ? "track and back" : "track"].add(trackMs);
    timings.detect.add(detectMs);
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

async function validate(
  sequence: FlowSequence,
  clip: Clip,
  points: Float32Array,
  options: FlowOptions,
): Promise<void> {
  const { xy, status } = await sequence.advance(clip.greys[1], points, options);
  await sequence.advance(clip.greys[0], new Float32Array(), options);
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
