import * as v from "valibot";
import { ProtocolError } from "./errors.ts";
import { lostCode, type LostReason, reasonOf, type Tracks } from "./tracks.ts";

const numbers = v.array(v.number());
const TRACKS = v.object({
  type: v.literal("tracks"),
  seq: v.number(),
  timestamp: v.nullable(v.number()),
  width: v.number(),
  height: v.number(),
  dropped: v.number(),
  detected: v.boolean(),
  reset: v.boolean(),
  timing: v.object({
    queue: v.number(),
    decode: v.number(),
    track: v.number(),
    detect: v.number(),
    server: v.number(),
  }),
  flow: v.nullable(v.tuple([v.number(), v.number()])),
  points: v.object({
    id: numbers,
    x: numbers,
    y: numbers,
    dx: numbers,
    dy: numbers,
    error: numbers,
    fb: v.array(v.nullable(v.number())),
    age: numbers,
    appearance: v.optional(v.array(v.nullable(v.number()))),
  }),
  lost: v.object({ id: numbers, reason: v.array(v.string()) }),
});

/**
 * A tracks message in its JSON form; `fb` is null where it was not checked, `appearance` where it was
 * not compared, and `timestamp` where it is no finite number, which JSON has no word for.
 */
export type TracksJson = v.InferOutput<typeof TRACKS>;

/** Four decimals: a tenth of what tracking resolves, a third of the digits of a float. */
function short(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}

/** Null for what is not a number. */
function shortOrNull(value: number): number | null {
  return Number.isNaN(value) ? null : short(value);
}

function every(pairs: Float32Array, from: 0 | 1): number[] {
  return Array.from({ length: pairs.length / 2 }, (_, i) => short(pairs[2 * i + from]));
}

/** The JSON form of tracks, positions rounded to four decimals. */
export function tracksToJson(tracks: Tracks): TracksJson {
  const { points, lost, flow, timing, ...head } = tracks;
  return {
    type: "tracks",
    ...head,
    timestamp: Number.isFinite(head.timestamp) ? head.timestamp : null,
    timing: {
      queue: short(timing.queue),
      decode: short(timing.decode),
      track: short(timing.track),
      detect: short(timing.detect),
      server: short(timing.server),
    },
    flow: flow && [short(flow[0]), short(flow[1])],
    points: {
      id: Array.from(points.id),
      x: every(points.xy, 0),
      y: every(points.xy, 1),
      dx: every(points.dxy, 0),
      dy: every(points.dxy, 1),
      error: Array.from(points.error, short),
      fb: Array.from(points.fb, shortOrNull),
      age: Array.from(points.age),
      ...points.appearance && { appearance: Array.from(points.appearance, shortOrNull) },
    },
    lost: {
      id: Array.from(lost.id),
      reason: Array.from(lost.reason, reasonOf),
    },
  };
}

/**
 * Tracks from their JSON form.
 *
 * @throws {ProtocolError} `bad_message` where a field is missing or has the
 * wrong form, or two columns differ in length.
 */
export function tracksFromJson(message: unknown): Tracks {
  const result = v.safeParse(TRACKS, message);
  if (!result.success) {
    const path = v.getDotPath(result.issues[0]) ?? "it";
    throw badTracks(`${path} has the wrong form`);
  }
  const { type: _, points, lost, ...head } = result.output;
  const n = points.id.length;
  if (Object.values(points).some((column) => column.length !== n)) {
    throw badTracks("its columns of points differ in length");
  }
  if (lost.id.length !== lost.reason.length) {
    throw badTracks("its columns of lost points differ in length");
  }
  return {
    ...head,
    timestamp: head.timestamp ?? NaN,
    points: {
      id: Uint32Array.from(points.id),
      xy: interleave(points.x, points.y),
      dxy: interleave(points.dx, points.dy),
      error: Float32Array.from(points.error),
      fb: Float32Array.from(points.fb, (distance) => distance ?? NaN),
      age: Uint32Array.from(points.age),
      ...points.appearance &&
        { appearance: Float32Array.from(points.appearance, (residual) => residual ?? NaN) },
    },
    lost: {
      id: Uint32Array.from(lost.id),
      reason: Uint8Array.from(lost.reason, (name) => lostCode(name as LostReason)), // 0 where unknown,
    },
  };
}

function interleave(x: number[], y: number[]): Float32Array {
  const pairs = new Float32Array(2 * x.length);
  for (let i = 0; i < x.length; i++) {
    pairs[2 * i] = x[i];
    pairs[2 * i + 1] = y[i];
  }
  return pairs;
}

function badTracks(why: string): ProtocolError {
  return new ProtocolError("bad_message", `Cannot read a tracks message: ${why}`);
}
