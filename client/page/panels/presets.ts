import type { PartialOptions } from "../../sdk/mod.ts";

/** A set of options with a purpose. What it does not name has its default. */
export interface Preset {
  name: string;
  text: string;
  changes: PartialOptions;
}

export const PRESETS: readonly Preset[] = [
  { name: "Default", text: "500 points, each tracked back as a check.", changes: {} },
  {
    name: "OpenCV tutorial",
    text: "The values of OpenCV's optical flow tutorial: few strong corners, no check of what " +
      "comes back. Other than there, lost points are replaced.",
    changes: {
      detect: { maxCorners: 100, qualityLevel: 0.3, minDistance: 7, blockSize: 7 },
      flow: { winSize: [15, 15], maxLevel: 2, maxCount: 10, epsilon: 0.03 },
      filter: { forwardBackward: null, crowding: 0 },
    },
  },
  {
    name: "Robust",
    text: "Fewer points that can be relied on: large windows, strict filters. " +
      "Each takes twice the time.",
    changes: {
      detect: { maxCorners: 300, qualityLevel: 0.03, minDistance: 12, blockSize: 5 },
      flow: { winSize: [31, 31], maxLevel: 4, minEigThreshold: 0.001 },
      filter: { maxError: 20, forwardBackward: 0.5 },
    },
  },
  {
    name: "Fast",
    text: "Few iterations on small windows, no tracking back: a quarter of the default's time.",
    changes: {
      detect: { maxCorners: 200, minDistance: 12 },
      flow: { winSize: [15, 15], maxLevel: 2, maxCount: 10, epsilon: 0.03 },
      filter: { forwardBackward: null },
    },
  },
  {
    name: "Many points",
    text: "3,000 points close together, weak ones among them. Takes ten times the time.",
    changes: {
      detect: { maxCorners: 3000, qualityLevel: 0.001, minDistance: 4, interval: 5 },
      flow: { winSize: [15, 15] },
    },
  },
];
