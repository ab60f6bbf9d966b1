import { type EngineInfo, LOST_REASONS, type LostReason, type Options } from "../protocol/mod.ts";
import {
  type Advanced,
  type FlowEngine,
  type FlowSequence,
  FrameError,
  Status,
} from "../tracking/engine.ts";
import { type Step, Tracker } from "../tracking/tracker.ts";
import { give, type Given } from "./given.ts";
import { toFrame } from "./pictures/picture.ts";
import type { SourceFrame } from "./sources/frames.ts";

/** What became of a point: where it was found, or why it was lost. */
export type PointStatus = "tracked" | LostReason;

/** Points of one picture, followed into another. Columns of equal length; pixels. */
export interface TwoPictures {
  engine: EngineInfo;
  width: number;
  height: number;
  /** The points of the first picture, found or given, x, y pairs. */
  from: Float32Array;
  /** Where the engine found them in the second one; NaN where it did not. */
  to: Float32Array;
  /** Mean absolute difference of the two windows, in grey levels; NaN where not found. */
  error: Float32Array;
  /** Forward–backward distance; NaN where not found or not checked, Infinity where the way back failed. */
  fb: Float32Array;
  status: PointStatus[];
  /** Median dx, dy of the tracked points; null if none is. */
  flow: [number, number] | null;
}

/**
 * Finds corners in `first`, or takes the points that are given, and follows them into `second`.
 * The tracker decides which of them are lost, as it does for a stream; numbers are the engine's.
 *
 * @throws {Error} where the pictures differ in size, or one of them does not decode.
 * @throws {EngineError}
 */
export async function followTwo(
  engine: FlowEngine,
  first: SourceFrame,
  second: SourceFrame,
  options: Options,
  given: Given = { points: null, mask: null },
): Promise<TwoPictures> {
  await using sequence = new Recorder(engine.open());
  const maxPoints = given.points ? given.points.length / 2 : options.detect.maxCorners;
  const tracker = new Tracker(sequence, options, maxPoints);
  give(tracker, given);
  const before = await process(tracker, first);
  const from = given.points ?? before.points.xy;
  const after = await process(tracker, second);
  const { width, height } = after;
  if (width !== before.width || height !== before.height) {
    throw new Error(
      `Cannot follow points from ${before.width}×${before.height} to ${width}×${height} pixels: ` +
        "the pictures must be of one size",
    );
  }
  const status = new Array<PointStatus>(from.length / 2).fill("tracked");
  for (const { id, reason } of [before.lost, after.lost]) {
    id.forEach((id, i) => status[id - 1] = LOST_REASONS[reason[i] - 1]); // ids count from 1
  }
  const found = Array.from(before.points.id, (id, i) => ({ at: id - 1, i }))
    .filter(({ i }) => sequence.last!.status[i] === Status.tracked);
  const column = (values: Float32Array, wide: number) => {
    const own = new Float32Array(wide * status.length).fill(NaN);
    for (const { at, i } of found) own.set(values.subarray(wide * i, wide * (i + 1)), wide * at);
    return own;
  };
  const { xy, error, fb } = sequence.last!;
  return {
    engine: engine.info,
    width,
    height,
    from,
    to: column(xy, 2),
    error: column(error, 1),
    fb: column(fb, 1),
    status,
    flow: after.flow,
  };
}

/** A picture that cannot be used is told by its name. */
async function process(tracker: Tracker, { name, picture }: SourceFrame): Promise<Step> {
  try {
    return await tracker.process(toFrame(picture));
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    throw new Error(`${name}: ${error.message}`);
  }
}

/** A sequence that keeps what the engine found last, of lost points too. */
class Recorder implements FlowSequence {
  last: Advanced | undefined;
  readonly #sequence: FlowSequence;
  readonly detect: FlowSequence["detect"];
  readonly take: FlowSequence["take"];
  readonly compare: FlowSequence["compare"];

  constructor(sequence: FlowSequence) {
    this.#sequence = sequence;
    this.detect = sequence.detect.bind(sequence);
    this.take = sequence.take.bind(sequence);
    this.compare = sequence.compare.bind(sequence);
  }

  async advance(...args: Parameters<FlowSequence["advance"]>): Promise<Advanced> {
    return this.last = await this.#sequence.advance(...args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sequence[Symbol.asyncDispose]();
  }
}

/** The points as JSON: a column a number, null where there is none. */
export function twoPicturesToJson(result: TwoPictures) {
  const { engine, width, height, from, to, error, fb, status, flow } = result;
  const axis = (column: Float32Array, at: 0 | 1) =>
    Array.from(status, (_, i) => short(column[2 * i + at]));
  const moved = to.map((at, i) => at - from[i]);
  return {
    type: "flow",
    engine,
    width,
    height,
    flow: flow && flow.map(short),
    points: {
      x: axis(from, 0),
      y: axis(from, 1),
      dx: axis(moved, 0),
      dy: axis(moved, 1),
      error: Array.from(error, short),
      fb: Array.from(fb, short),
      status,
    },
  };
}

/** Four decimals; null for what JSON cannot say. */
function short(value: number): number | null {
  return Number.isFinite(value) ? Math.round(value * 1e4) / 1e4 : null;
}

/** The points as CSV, a row each: what {@linkcode twoPicturesToJson} says of them, empty for null. */
export function twoPicturesToCsv(result: TwoPictures): string {
  const { points } = twoPicturesToJson(result);
  const names = ["x", "y", "dx", "dy", "error", "fb", "status"] as const;
  const rows = points.status.map((_, i) => names.map((name) => points[name][i] ?? "").join());
  return [names.join(), ...rows, ""].join("\n");
}
