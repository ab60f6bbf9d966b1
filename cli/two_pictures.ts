import { type EngineInfo, LOST_REASONS, type LostReason, type Options } from "../protocol/mod.ts";
import {
  type Advanced,
  type FlowEngine,
  type FlowSequence,
  FrameError,
  Status,
} from "../tracking/engine.ts";
import { type Step, Tracker } from "../tracking/tracker.ts";
import type { SourceFrame } from "./source.ts";

/** What became of a point: where it was found, or why it was lost. */
export type PointStatus = "tracked" | LostReason;

/** Points of one picture, followed into another. Columns of equal length; pixels. */
export interface TwoPictures {
  engine: EngineInfo;
  width: number;
  height: number;
  /** Corners found in the first picture, x, y pairs. */
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
 * Finds corners in `first` and follows them into `second`. The tracker decides
 * which of them are lost, as it does for a stream; numbers are the engine's.
 *
 * @throws {Error} where the pictures differ in size, or one of them does not decode.
 * @throws {EngineError}
 */
export async function followTwo(
  engine: FlowEngine,
  first: SourceFrame,
  second: SourceFrame,
  options: Options,
): Promise<TwoPictures> {
  await using sequence = new Recorder(engine.open());
  const tracker = new Tracker(sequence, options, options.detect.maxCorners);
  const before = await process(tracker, first);
  const from = before.points;
  const after = await process(tracker, second);
  const { width, height } = after;
  if (width !== before.width || height !== before.height) {
    throw new Error(
      `Cannot follow points from ${before.width}×${before.height} to ${width}×${height} pixels: ` +
        "the pictures must be of one size",
    );
  }
  const lost = new Map(
    Array.from(after.lost.id, (id, i) => [id, LOST_REASONS[after.lost.reason[i] - 1]]),
  );
  const advanced = sequence.last!;
  const found = (column: Float32Array, wide: number) =>
    column.map((v, i) => advanced.status[Math.floor(i / wide)] === Status.tracked ? v : NaN);
  return {
    engine: engine.info,
    width,
    height,
    from: from.xy,
    to: found(advanced.xy, 2),
    error: found(advanced.error, 1),
    fb: found(advanced.fb, 1),
    status: Array.from(from.id, (id) => lost.get(id) ?? "tracked"),
    flow: after.flow,
  };
}

/** A picture that cannot be used is told by its name. */
async function process(tracker: Tracker, { name, jpeg }: SourceFrame): Promise<Step> {
  try {
    return await tracker.process(jpeg);
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
