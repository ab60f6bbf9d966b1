import type { Options, PartialOptions } from "../protocol/mod.ts";
import type { Region } from "../tracking/mask.ts";
import type { Tracker } from "../tracking/tracker.ts";
import { type Flag, readChoice, UsageError } from "./command_line.ts";
import { readMask } from "./mask_file.ts";
import { readPoints } from "./points_file.ts";

export const GIVEN_FLAGS = {
  points: {
    type: "string",
    value: "FILE",
    text: "follows these from the first picture on: .csv, .npy, .json or x,y a line",
  },
  mask: {
    type: "string",
    value: "FILE",
    text: "keeps points where this picture is not black, or in these polygons",
  },
  detect: {
    type: "string",
    value: "on|off",
    text: "whether corners are found (default on; off with --points)",
  },
} as const satisfies Record<string, Flag>;

/** What a person brings along: points of the first picture, x, y pairs, and where they may be. */
export interface Given {
  points: Float32Array | null;
  mask: Region | null;
}

/** Defaults beside given points: no others are found, and they may be as near to each other as they are. */
export function usualWith({ points }: { points?: string }): PartialOptions {
  return points === undefined ? {} : { detect: { enabled: false }, filter: { crowding: 0 } };
}

/**
 * Reads what the flags name. Changes `options` as `--detect` says.
 *
 * @throws {UsageError} where a file cannot be read.
 */
export async function readGiven(
  values: { points?: string; mask?: string; detect?: string },
  options: Options,
  maxPoints: number,
): Promise<Given> {
  const points = values.points === undefined ? null : await readPoints(values.points);
  const mask = values.mask === undefined ? null : await readMask(values.mask);
  const n = (points?.length ?? 0) / 2;
  if (n > maxPoints) {
    throw new UsageError(`Cannot follow ${n} points: allowed are up to ${maxPoints}`);
  }
  if (values.detect !== undefined) {
    options.detect.enabled = readChoice("detect", values.detect, ["on", "off"]) === "on";
  }
  return { points, mask };
}

/** Has a tracker that saw no frame yet begin with it. Points have the ids from 1 on, in their order. */
export function give(tracker: Tracker, { points, mask }: Given): void {
  if (mask) tracker.confine(mask);
  if (!points) return;
  const n = points.length / 2;
  tracker.resume({
    nextId: n + 1,
    sinceDetection: 0xffffffff, // so the next frame may find others beside them
    points: {
      id: Uint32Array.from({ length: n }, (_, i) => i + 1),
      xy: points,
      dxy: new Float32Array(2 * n),
      age: new Uint32Array(n),
    },
  });
}
