import type { PointColumns } from "../../sdk/mod.ts";
import { packed } from "./strokes.ts";

/** What a point's colour says. */
export type ColourBy = "age" | "speed" | "error" | "fb" | "id";

/** A scale: from its value for a point to a colour. */
export interface Scale {
  /** For people. */
  label: string;
  unit: string;
  /** Values at the two ends of the colours; beyond them the colour stays. */
  from: number;
  to: number;
  /** A point's value; NaN where it has none. */
  value(points: PointColumns, i: number): number;
  /** Its place on the scale, 0 to 1, where that is not plainly between the ends. */
  place?(value: number): number;
  /** The other way round: what is low is warm. */
  reversed?: boolean;
}

/** Cool to warm: at rest, sure, old; and fast, doubtful, new. */
const STOPS = ["#45dff0", "#6ff0b4", "#b9f08a", "#ffe08a", "#ff8f70"];
const STEPS = 32;
/** Points without a value. */
const NO_VALUE = packed("#b9c4cc");

/** Every scale but that of ids, whose colours mean nothing but themselves. */
export const SCALES: Record<Exclude<ColourBy, "id">, Scale> = {
  age: {
    label: "Age",
    unit: "frames",
    from: 0,
    to: 63,
    value: ({ age }, i) => age[i],
    place: (age) => Math.log2(1 + age) / 6, // what is new changes fastest
    reversed: true,
  },
  speed: {
    label: "Speed",
    unit: "px a frame",
    from: 0,
    to: 12,
    value: ({ dxy }, i) => Math.hypot(dxy[2 * i], dxy[2 * i + 1]),
  },
  error: {
    label: "Error",
    unit: "grey levels",
    from: 0,
    to: 24,
    value: ({ error }, i) => error[i],
  },
  fb: {
    label: "Forward–backward distance",
    unit: "px",
    from: 0,
    to: 1,
    value: ({ fb }, i) => fb[i],
  },
};

const RAMP = Array.from({ length: STEPS }, (_, i) => packed(rampColour(i / (STEPS - 1))));
const HUES = Array.from({ length: STEPS }, (_, i) => packed(hueColour(i / STEPS)));

/** The colour of point `i`, as strokes have it. */
export function colourOf(by: ColourBy, points: PointColumns, i: number): number {
  // Neighbouring ids get hues far apart.
  if (by === "id") return HUES[(points.id[i] * 13) % STEPS];
  const scale = SCALES[by];
  const value = scale.value(points, i);
  if (Number.isNaN(value)) return NO_VALUE;
  const place = scale.place?.(value) ?? (value - scale.from) / (scale.to - scale.from);
  const step = Math.min(STEPS - 1, Math.max(0, Math.round(place * (STEPS - 1))));
  return RAMP[scale.reversed ? STEPS - 1 - step : step];
}

/** The scale's colours from left to right, as CSS has them. */
export function gradient(by: ColourBy): string {
  if (by === "id") {
    return Array.from({ length: 9 }, (_, i) => hueColour(i / 9)).join(", ");
  }
  return (SCALES[by].reversed ? STOPS.toReversed() : STOPS).join(", ");
}

/** Between the two stops that `place`, 0 to 1, lies between. */
function rampColour(place: number): string {
  const at = Math.min(STOPS.length - 2, Math.floor(place * (STOPS.length - 1)));
  const share = place * (STOPS.length - 1) - at;
  const mixed = [1, 3, 5].map((digit) => {
    const [a, b] = [STOPS[at], STOPS[at + 1]].map((css) =>
      parseInt(css.slice(digit, digit + 2), 16)
    );
    return hex(a + share * (b - a));
  });
  return `#${mixed.join("")}`;
}

/** Bright colours of every hue, 0 to 1. */
function hueColour(hue: number): string {
  const channels = [0, 8, 4].map((k) => {
    const turn = (k + 12 * hue) % 12;
    return hex(255 * (0.66 - 0.3 * Math.max(-1, Math.min(turn - 3, 9 - turn, 1))));
  });
  return `#${channels.join("")}`;
}

function hex(byte: number): string {
  return Math.round(byte).toString(16).padStart(2, "0");
}
