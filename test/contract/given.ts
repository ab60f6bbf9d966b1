import assert from "node:assert/strict";
import type {
  Advanced,
  DetectOptions,
  FlowEngine,
  FlowOptions,
  Frame,
} from "../../tracking/engine.ts";
import { gridPoints, Texture } from "../lib/images.ts";

/** Registers a test on an engine that is open. */
export type Check = (title: string, body: (engine: FlowEngine) => Promise<void>) => void;

/** Makes an engine under test, whose calls settle by this deadline; 10 s by default. */
export type MakeEngine = (deadlineMs?: number) => Promise<FlowEngine>;

/** What the engines under test must be made with. */
export const MAX_FRAME_PIXELS = 640 * 480;

export const FLOW: FlowOptions = {
  winSize: [21, 21],
  maxLevel: 3,
  maxCount: 30,
  epsilon: 0.01,
  minEigThreshold: 1e-4,
  back: true,
};

export const DETECT: DetectOptions = {
  maxCorners: 500,
  qualityLevel: 0.01,
  minDistance: 8,
  blockSize: 3,
  gradientSize: 3,
  useHarrisDetector: false,
  k: 0.04,
};

export const WIDTH = 320, HEIGHT = 240;
export const NO_POINTS = new Float32Array();
export const texture = new Texture(1);
export const still = texture.draw(WIDTH, HEIGHT);
export const points = gridPoints(still, 16, 32);
export const everywhere = { ...DETECT, maxCorners: 1e6, minDistance: 0 };

/** Follows points from one frame into another in a sequence of its own. */
export async function follow(
  engine: FlowEngine,
  prev: Frame,
  next: Frame,
  from: Float32Array,
  options = FLOW,
  guess?: Float32Array,
): Promise<Advanced> {
  await using sequence = engine.open();
  await sequence.advance(prev, NO_POINTS, options);
  return await sequence.advance(next, from, options, guess);
}

/** Corners of one frame, in a sequence of its own. */
export async function detect(
  engine: FlowEngine,
  frame: Frame,
  options = DETECT,
  avoid = NO_POINTS,
  mask?: Uint8Array,
): Promise<Float32Array> {
  await using sequence = engine.open();
  await sequence.advance(frame, NO_POINTS, FLOW);
  return (await sequence.detect(options, avoid, mask)).xy;
}

/** Runs a part of a test; its name goes before the message of what it throws. */
export async function under(what: string, part: () => Promise<void>): Promise<void> {
  try {
    await part();
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
  }
}

/** Of each point of `a` from the same of `b`, in pixels. */
export function distances(a: Float32Array, b: Float32Array): number[] {
  assert.equal(a.length, b.length);
  return Array.from(
    { length: a.length / 2 },
    (_, i) => Math.hypot(a[2 * i] - b[2 * i], a[2 * i + 1] - b[2 * i + 1]),
  );
}
