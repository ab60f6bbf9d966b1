import * as v from "valibot";
import { ProtocolError, quote } from "./errors.ts";

/**
 * The options of lkstream.v1, once: the server validates with this schema, the
 * page makes its controls from it. Names and meaning are those of OpenCV's
 * `goodFeaturesToTrack` (detect) and `calcOpticalFlowPyrLK` (flow).
 */

/** What a person needs to know of one option. */
export interface About<T = unknown> {
  kind: "boolean" | "integer" | "number" | "choice" | "size";
  default: T;
  min?: number;
  max?: number;
  choices?: readonly number[];
  /** Null is allowed and switches it off. */
  nullable?: boolean;
  unit?: string;
  /** Its meaning and effect, one sentence. */
  text: string;
  /** The allowed values in words. */
  allowed: string;
}

type Bounds = Pick<About, "min" | "max" | "unit" | "nullable">;

function option<S extends v.GenericSchema, T extends v.InferOutput<S>>(schema: S, about: About<T>) {
  return v.pipe(schema, v.metadata({ about }));
}

function boolean(fallback: boolean, text: string) {
  return option(v.boolean(), {
    kind: "boolean",
    default: fallback,
    text,
    allowed: "true or false",
  });
}

function range({ min, max, unit, nullable }: Bounds): string {
  return `${min} to ${max}${unit ? ` ${unit}` : ""}${nullable ? ", or null" : ""}`;
}

function integer(fallback: number, min: number, max: number, text: string, unit?: string) {
  return option(v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max)), {
    kind: "integer",
    default: fallback,
    min,
    max,
    unit,
    text,
    allowed: `whole numbers from ${range({ min, max, unit })}`,
  });
}

function number(fallback: number, min: number, max: number, text: string, unit?: string) {
  return option(v.pipe(v.number(), v.minValue(min), v.maxValue(max)), {
    kind: "number",
    default: fallback,
    min,
    max,
    unit,
    text,
    allowed: `numbers from ${range({ min, max, unit })}`,
  });
}

function numberOrNull(
  fallback: number | null,
  min: number,
  max: number,
  text: string,
  unit?: string,
) {
  return option(v.nullable(v.pipe(v.number(), v.minValue(min), v.maxValue(max))), {
    kind: "number",
    default: fallback,
    min,
    max,
    unit,
    nullable: true,
    text,
    allowed: `numbers from ${range({ min, max, unit, nullable: true })}`,
  });
}

function choice(fallback: number, choices: readonly number[], text: string) {
  return option(v.picklist(choices), {
    kind: "choice",
    default: fallback,
    choices,
    text,
    allowed: choices.join(", "),
  });
}

const side = v.pipe(v.number(), v.integer(), v.minValue(3), v.maxValue(63));

function windowSize(fallback: [number, number], text: string) {
  return option(v.strictTuple([side, side]), {
    kind: "size",
    default: fallback,
    min: 3,
    max: 63,
    unit: "px",
    text,
    allowed: "[width, height], both whole numbers from 3 to 63 px",
  });
}

const DETECT = {
  enabled: boolean(true, "Find points automatically; off, only added points are tracked."),
  maxCorners: integer(
    500,
    1,
    10000,
    "Live points aimed for; more than these live on until they are lost.",
  ),
  qualityLevel: option(
    // engines keep it in single precision, where the smallest numbers are 0
    v.pipe(v.number(), v.gtValue(0), v.maxValue(1), v.check((share) => Math.fround(share) > 0)),
    {
      kind: "number",
      default: 0.01,
      min: 0,
      max: 1,
      text: "Weakest corner taken, as a share of the strongest allowed corner's score.",
      allowed: "numbers above 0, up to 1",
    },
  ),
  minDistance: number(
    8,
    0,
    500,
    "Distance kept between corners, and to live points; under 1 it is none.",
    "px",
  ),
  blockSize: integer(3, 1, 31, "Side of the block over which a corner is scored.", "px"),
  gradientSize: choice(3, [3, 5, 7], "Side of the Sobel kernel that takes the gradients."),
  useHarrisDetector: boolean(false, "Score by Harris; off, by Shi–Tomasi (smaller eigenvalue)."),
  k: number(0.04, 0, 0.25, "Free parameter of the Harris score."),
  refill: number(
    0.8,
    0,
    1,
    "Detect again when fewer points live than this share of maxCorners.",
  ),
  interval: integer(
    10,
    1,
    1000,
    "Frames between two detections, at least, unless no point lives.",
    "frames",
  ),
};

const FLOW = {
  winSize: windowSize([21, 21], "Window compared around a point: larger is steadier, slower."),
  maxLevel: integer(3, 0, 8, "Highest pyramid level: each one more doubles the reach."),
  maxCount: integer(30, 1, 100, "Iterations a level, at most."),
  epsilon: number(0.01, 0, 1, "A step shorter than this ends the iterations.", "px"),
  minEigThreshold: number(
    0.0001,
    0,
    1,
    "A window whose gradient matrix has a smaller eigenvalue is flat, its point lost.",
  ),
  predict: boolean(false, "Start each search at the point's last velocity."),
};

const FILTER = {
  maxError: numberOrNull(null, 0, 255, "Lose points whose error is above this.", "grey levels"),
  forwardBackward: numberOrNull(
    1,
    0,
    20,
    "Track back too and lose points that return farther off than this.",
    "px",
  ),
  crowding: number(
    0.5,
    0,
    1,
    "Lose a point nearer to an older one than this share of minDistance.",
  ),
  appearance: numberOrNull(
    null,
    0,
    1,
    "Every 10 frames, lose a point that differs by more from the window in which it was found.",
  ),
};

const GROUPS = { detect: DETECT, flow: FLOW, filter: FILTER };
type Group = keyof typeof GROUPS;

/** All options of a session. */
export type Options = {
  [G in Group]: {
    [N in keyof typeof GROUPS[G]]: v.InferOutput<typeof GROUPS[G][N] & v.GenericSchema>;
  };
};
/** A part of the options, as `configure` takes it. */
export type PartialOptions = { [G in Group]?: Partial<Options[G]> };

/** Every option's path with its description, in the order of the documents. */
export const OPTIONS: ReadonlyMap<string, About> = new Map(
  Object.entries(GROUPS).flatMap(([group, options]) =>
    Object.entries(options).map(([name, schema]): [string, About] => [
      `${group}.${name}`,
      v.getMetadata(schema as v.GenericSchema).about as About,
    ])
  ),
);

/** A fresh copy of the defaults. */
export function defaultOptions(): Options {
  const options: Record<string, Record<string, unknown>> = {};
  for (const [path, about] of OPTIONS) {
    const [group, name] = path.split(".");
    (options[group] ??= {})[name] = structuredClone(about.default);
  }
  return options as unknown as Options;
}

/**
 * `current` with `change` merged over it; `current` stays as it is.
 *
 * @throws {ProtocolError} `bad_option` naming the first path, its value and what is allowed.
 */
export function mergeOptions(current: Options, change: Record<string, unknown>): Options {
  const merged = structuredClone(current) as unknown as Record<string, Record<string, unknown>>;
  for (const [group, values] of Object.entries(change)) {
    if (!Object.hasOwn(GROUPS, group)) {
      throw badOption(group, values, `the groups ${Object.keys(GROUPS).join(", ")}`);
    }
    const schemas: Record<string, v.GenericSchema> = GROUPS[group as Group];
    if (typeof values !== "object" || values === null || Array.isArray(values)) {
      throw badOption(group, values, `objects with ${Object.keys(schemas).join(", ")}`);
    }
    for (const [name, value] of Object.entries(values)) {
      const path = `${group}.${name}`;
      if (!Object.hasOwn(schemas, name)) {
        throw badOption(path, value, `the names ${Object.keys(schemas).join(", ")}`);
      }
      if (!v.is(schemas[name], value)) throw badOption(path, value, OPTIONS.get(path)!.allowed);
      merged[group][name] = value;
    }
  }
  return merged as unknown as Options;
}

function badOption(path: string, value: unknown, allowed: string): ProtocolError {
  return new ProtocolError(
    "bad_option",
    `Cannot set ${path} to ${quote(value)}: allowed are ${allowed}`,
  );
}
