import type { LostReason } from "../../protocol/mod.ts";
import type { Colour } from "./scene.ts";

/** What colour tells of a movement. */
export const COLOURINGS = ["direction", "speed"] as const;
/** How else one may spell the flag that says which. */
export const COLOUR_SPELLINGS = ["color", "colour-by", "color-by"] as const;
export type Colouring = typeof COLOURINGS[number];

/** From standing still to the full speed. */
const SPEED_STOPS = [[64, 110, 255], [32, 200, 222], [95, 240, 107], [247, 209, 61], [255, 75, 43]];

/** One colour a reason, none of them near another. */
export const LOST_COLOURS: Record<LostReason, Colour> = {
  flat: "#b0b6bd",
  out_of_frame: "#4aa3ff",
  high_error: "#ff4d5e",
  forward_backward: "#ff9f1c",
  crowded: "#c58bff",
  masked: "#00c2a8",
  removed: "#8d99a6",
  reset: "#ffffff",
  appearance: "#ff6fd8",
};

/**
 * The colour of a movement.
 *
 * Direction: the hue is the direction, the saturation the speed, as in Baker et
 * al., "A Database and Evaluation Methodology for Optical Flow" (2011): what
 * stands still is white. Speed: from blue to red.
 *
 * @param full pixels; from this speed on the colour is full
 */
export function movementColour(dx: number, dy: number, full: number, by: Colouring): Colour {
  const share = Math.min(1, Math.hypot(dx, dy) / full);
  return by === "speed" ? speedColour(share) : directionColour(Math.atan2(dy, dx), share);
}

function speedColour(share: number): Colour {
  const at = share * (SPEED_STOPS.length - 1);
  const i = Math.min(Math.floor(at), SPEED_STOPS.length - 2);
  return hex(SPEED_STOPS[i].map((from, c) => from + (at - i) * (SPEED_STOPS[i + 1][c] - from)));
}

/** HSV with full value: red to the right, green to the lower left, blue to the upper left. */
function directionColour(angle: number, saturation: number): Colour {
  const channel = (n: number) => {
    const k = (n + 3 * angle / Math.PI + 6) % 6;
    return 255 * (1 - saturation * Math.max(0, Math.min(k, 4 - k, 1)));
  };
  return hex([channel(5), channel(3), channel(1)]);
}

function hex(channels: number[]): Colour {
  return `#${channels.map((c) => Math.round(c).toString(16).padStart(2, "0")).join("")}`;
}

/** A speed that all but the fastest fiftieth of the points do not exceed; at least one pixel. */
export function fullSpeed(dxy: Float32Array): number {
  const speeds = Float32Array.from(
    { length: dxy.length / 2 },
    (_, i) => Math.hypot(dxy[2 * i], dxy[2 * i + 1]),
  ).sort();
  return Math.max(1, speeds[Math.floor(0.98 * (speeds.length - 1))] ?? 1);
}
