import type { ReadReason } from "../../sdk/mod.ts";

/** How the end of a point is drawn: pairs of ends of lines, x, y each, in a square from −1 to 1. */
export interface LostShape {
  /** For people. */
  label: string;
  lines: number[];
}

const BOX = polygon([-0.8, -0.8], [0.8, -0.8], [0.8, 0.8], [-0.8, 0.8]);
const EIGHT = Array.from({ length: 8 }, (_, i): [number, number] => [
  Math.cos(i * Math.PI / 4),
  Math.sin(i * Math.PI / 4),
]);

/** A shape for every reason but `reset`, which ends all points at once. */
export const LOST_SHAPES: Partial<Record<ReadReason, LostShape>> = {
  flat: { label: "flat", lines: [-1, 0, 1, 0] },
  out_of_frame: { label: "out of frame", lines: polygon([0, -1], [1, 0.8], [-1, 0.8]) },
  high_error: { label: "high error", lines: [-0.8, -0.8, 0.8, 0.8, -0.8, 0.8, 0.8, -0.8] },
  forward_backward: {
    label: "forward–backward",
    lines: polygon([0, -1], [1, 0], [0, 1], [-1, 0]),
  },
  crowded: { label: "crowded", lines: polygon(...EIGHT) },
  masked: { label: "masked", lines: BOX },
  removed: { label: "removed", lines: [-1, 0, 1, 0, 0, -1, 0, 1] },
  appearance: { label: "appearance", lines: polygon([0, 1], [1, -0.8], [-1, -0.8]) },
};

/** The reason in words, as the legend has it. */
export function labelOf(reason: ReadReason): string {
  return LOST_SHAPES[reason]?.label ?? reason;
}

function polygon(...corners: [number, number][]): number[] {
  return corners.flatMap((corner, i) => [...corner, ...corners[(i + 1) % corners.length]]);
}
