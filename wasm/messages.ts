import type {
  Advanced,
  Compared,
  Detected,
  DetectOptions,
  FlowOptions,
  Frame,
  KeptSize,
  KeptWindows,
  Mask,
  Taken,
} from "../tracking/engine.ts";

/** First message to a worker; it answers with {@linkcode Ready}. */
export interface Start {
  maxFramePixels: number;
  /**
   * What computes has to look: the first element is not 0 once the worker is to end, that at
   * {@linkcode placeOf} a call once nobody waits for this call any more.
   */
  ended: Int32Array<SharedArrayBuffer>;
}

/** Calls that a worker has at once, one after the other: that at work, and one to follow without a pause. */
export const IN_FLIGHT = 2;

/** Where `ended` speaks of a call; the next one that is meant by this place comes after its answer. */
export function placeOf(call: number): number {
  return 1 + call % IN_FLIGHT;
}

/** The worker has loaded everything. */
export interface Ready {
  kind: "ready";
  /** OpenCV's version. */
  version: string;
}

/** What a worker is asked to do for a sequence. It makes one for a number that it does not know. */
export type Request =
  | {
    kind: "advance";
    sequence: number;
    frame: Frame;
    points: Float32Array;
    options: FlowOptions;
    guess?: Float32Array;
  }
  | {
    kind: "detect";
    sequence: number;
    options: DetectOptions;
    avoid: Float32Array;
    mask?: Mask;
  }
  | { kind: "take"; sequence: number; points: Float32Array; size: KeptSize }
  | { kind: "compare"; sequence: number; points: Float32Array; kept: KeptWindows }
  | { kind: "close"; sequence: number };

/** What each request is answered with. */
export interface Results {
  advance: Advanced;
  detect: Detected;
  take: Taken;
  compare: Compared;
  close: null;
}

/** Requests carry a number, unique within their worker, that the answer repeats. */
export type Numbered = Request & { call: number };

/** Answers come in the order of the requests. */
export type Answer =
  | { kind: "result"; call: number; result: Results[Request["kind"]] }
  | { kind: "failure"; call: number; failure: Failure };

/** An error on its way between threads, which would lose its class and code. */
export interface Failure {
  name: "FrameError" | "EngineError";
  code?: "bad_frame" | "frame_too_large";
  message: string;
}
