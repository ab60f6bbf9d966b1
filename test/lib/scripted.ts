import {
  type Advanced,
  type Compared,
  DeadlineError,
  type Detected,
  type DetectOptions,
  EngineError,
  type FlowEngine,
  type FlowOptions,
  type FlowSequence,
  type Frame,
  FrameError,
  keptBytes,
  type KeptSize,
  type KeptWindows,
  type Mask,
  type Taken,
} from "../../tracking/engine.ts";

/** What a scripted frame does to each point, and which corners it holds. */
export interface Script {
  width?: number;
  height?: number;
  /** Applied to every point; the default leaves it where it is. */
  move?: (x: number, y: number) => [number, number];
  status?: number[];
  error?: number[];
  fb?: number[];
  /** Corners that a detection finds, strongest first. */
  corners?: [number, number][];
  /** How the windows that are compared fit, one after the other; 0 by default. */
  residuals?: number[];
  /** What `advance` throws instead. */
  fails?: "bad_frame" | "engine" | "deadline";
  /** Resolves before `advance` answers. */
  wait?: Promise<unknown>;
}

/** A call that the sequence got, as it came. */
export interface AdvanceCall {
  points: number[];
  guess: number[] | undefined;
  options: FlowOptions;
}
export interface DetectCall {
  options: DetectOptions;
  avoid: number[];
  mask: Mask | undefined;
}

export interface TakeCall {
  points: number[];
  size: KeptSize;
}
export interface CompareCall {
  points: number[];
  kept: KeptWindows;
}

/**
 * A sequence that plays a script, one entry a frame, and notes its calls. Like
 * an engine it knows no ids and keeps nothing but the size of the frame before.
 */
export class ScriptedSequence implements FlowSequence {
  readonly advances: AdvanceCall[] = [];
  readonly detections: DetectCall[] = [];
  readonly takes: TakeCall[] = [];
  readonly comparisons: CompareCall[] = [];
  closed = 0;
  busy = false;
  #previous: { width: number; height: number } | null = null;
  #current: Script = {};

  constructor(readonly script: (Script | undefined)[] = []) {}

  async advance(
    _frame: Frame,
    points: Float32Array,
    options: FlowOptions,
    guess?: Float32Array,
  ): Promise<Advanced> {
    if (this.busy) throw new Error("Two calls at once on one sequence");
    const script = this.script.shift() ?? {};
    this.advances.push({ points: [...points], guess: guess && [...guess], options });
    this.busy = true;
    await script.wait;
    this.busy = false;
    if (script.fails === "bad_frame") throw new FrameError("bad_frame", "Cannot decode: scripted");
    if (script.fails === "deadline") throw new DeadlineError("Cannot track in time: scripted");
    if (script.fails === "engine") {
      this.#previous = null;
      throw new EngineError("Cannot track: scripted");
    }
    this.#current = script;
    const { width = 100, height = 80 } = script;
    const continues = this.#previous?.width === width && this.#previous.height === height;
    this.#previous = { width, height };
    return { width, height, continues, ...follow(continues ? points : [], script, options.back) };
  }

  detect(options: DetectOptions, avoid: Float32Array, mask?: Mask): Promise<Detected> {
    this.detections.push({ options, avoid: [...avoid], mask: mask?.slice() });
    const corners = (this.#current.corners ?? []).slice(0, options.maxCorners);
    return Promise.resolve({ xy: Float32Array.from(corners.flat()), detectMs: 3 });
  }

  /** Windows of one byte again and again: the number of the call. */
  take(points: Float32Array, size: KeptSize): Promise<Taken> {
    this.takes.push({ points: [...points], size });
    const pixels = new Uint8Array(points.length / 2 * keptBytes(size)).fill(this.takes.length);
    return Promise.resolve({ pixels, takeMs: 0.25 });
  }

  /** Each warp comes back with a step to the right more. */
  compare(points: Float32Array, kept: KeptWindows): Promise<Compared> {
    this.comparisons.push({ points: [...points], kept });
    const { residuals = [] } = this.#current;
    return Promise.resolve({
      residuals: Float32Array.from({ length: points.length / 2 }, (_, i) => residuals[i] ?? 0),
      warps: kept.warps.map((value, i) => i % 6 === 4 ? value + 1 : value),
      compareMs: 0.5,
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.closed++;
    return Promise.resolve();
  }
}

function follow(points: ArrayLike<number>, script: Script, back: boolean) {
  const n = points.length / 2;
  const { move = (x, y) => [x, y], status = [], error = [], fb = [] } = script;
  const xy = new Float32Array(2 * n);
  for (let i = 0; i < n; i++) xy.set(move(points[2 * i], points[2 * i + 1]), 2 * i);
  return {
    xy,
    status: Uint8Array.from({ length: n }, (_, i) => status[i] ?? 0),
    error: Float32Array.from({ length: n }, (_, i) => error[i] ?? 1),
    fb: Float32Array.from({ length: n }, (_, i) => back ? fb[i] ?? 0 : NaN),
    decodeMs: 1,
    trackMs: 2,
  };
}

/** An engine whose every sequence plays the same script. */
export class ScriptedEngine implements FlowEngine {
  readonly info = { name: "wasm", device: "script", reason: "a test" } as const;
  readonly opened: ScriptedSequence[] = [];

  constructor(readonly script: () => (Script | undefined)[] = () => []) {}

  open(): ScriptedSequence {
    const sequence = new ScriptedSequence(this.script());
    this.opened.push(sequence);
    return sequence;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
