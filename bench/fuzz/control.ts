import { type ClientMessage, OPTIONS } from "../../protocol/mod.ts";
import { mutateBytes } from "./bytes.ts";
import type { Pick } from "../pick.ts";

/** The fields of each message. */
const FIELDS: Record<ClientMessage["type"], (pick: Pick) => Record<string, unknown>> = {
  configure: options,
  resume: resumeFields,
  add: (pick) => ({ points: maybe(pick, () => list(pick, 200, () => position(pick))) }),
  remove: (pick) => ({
    ids: maybe(pick, () => list(pick, 200, () => pick.one([pick.below(2000), number(pick)]))),
  }),
  clear: () => ({}),
  mask: (pick) => ({
    polygons: maybe(pick, () => list(pick, 8, () => list(pick, 60, () => position(pick)))),
  }),
  stats: () => ({}),
};
const TYPES = Object.keys(FIELDS) as ClientMessage["type"][];
const NUMBERS = [
  0,
  -0,
  1,
  -1,
  0.5,
  3,
  63,
  64,
  255,
  10_000,
  10_001,
  65_535,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 53,
  1e-300,
  1e308,
  -1e308,
];
const STRANGE = [null, true, "", "1", [], {}, [[]], "NaN", "__proto__", { length: 1 }];
/** What makes JSON, or what its readers stumble over. */
const TOKENS = [
  ...'{}[],:"\\ -eE.0\n',
  "null",
  "true",
  "1e999",
  "-0",
  "NaN",
  "\\u0000",
  "\\ud800",
  "\u0000",
  "\ufeff",
  "[".repeat(2000),
  '{"a":'.repeat(2000),
  '"__proto__":{"detect":{}},',
  '"type":"stats",',
].map((text) => new TextEncoder().encode(text));
const INVALID_UTF8 = [Uint8Array.of(0xff), Uint8Array.of(0xc0, 0x80), Uint8Array.of(0xed, 0xa0)];

/** A text message that a client might send, right or nearly right, or broken as text. */
export function fuzzedControl(pick: Pick): Uint8Array<ArrayBuffer> {
  return fuzzedText(pick, pick.one(TYPES));
}

/** The message by which a stream goes on, likewise. */
export function fuzzedResume(pick: Pick): Uint8Array<ArrayBuffer> {
  return fuzzedText(pick, "resume");
}

function fuzzedText(pick: Pick, type: ClientMessage["type"]): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(message(pick, type)));
  if (pick.chance(0.65)) return text;
  const mutated = mutateBytes(text, pick, TOKENS);
  return pick.chance(0.001) ? mutateBytes(mutated, pick, INVALID_UTF8) : asUtf8(mutated);
}

/** What is not UTF-8 ends the connection before anything is read: only few messages may be so. */
function asUtf8(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(new TextDecoder().decode(bytes));
}

function message(pick: Pick, type: ClientMessage["type"]): unknown {
  const fields: Record<string, unknown> = { type, ...FIELDS[type](pick) };
  if (pick.chance(0.03)) fields.type = pick.one(["", "hello", "constructor", 7, null]);
  if (pick.chance(0.3)) fields.request = pick.one(["a", pick.below(1000), value(pick)]);
  if (pick.chance(0.05)) fields[pick.one(["x", "toString", "points"])] = value(pick);
  return pick.chance(0.01) ? pick.one([[], null, 1, "x", [fields]]) : fields;
}

function options(pick: Pick): Record<string, unknown> {
  const change: Record<string, Record<string, unknown>> = {};
  for (let n = 1 + pick.few(5); n > 0; n--) {
    const [group, name] = pick.one([...OPTIONS.keys()]).split(".");
    (change[group] ??= {})[pick.chance(0.98) ? name : "nothing"] = optionValue(group, name, pick);
  }
  return pick.chance(0.02) ? { ...change, flow: value(pick) } : change;
}

/** Mostly one that is allowed, so that what uses the options meets all of them. */
function optionValue(group: string, name: string, pick: Pick): unknown {
  const { default: fallback, min = 0, max = 1, choices, nullable } = OPTIONS.get(
    `${group}.${name}`,
  )!;
  if (pick.chance(0.25)) return value(pick);
  if (nullable && pick.chance(0.2)) return null;
  if (choices) return pick.one(choices);
  if (typeof fallback === "boolean") return pick.chance(0.5);
  if (Array.isArray(fallback)) return [3 + 2 * pick.few(30), 3 + 2 * pick.few(30)];
  const near = pick.one([min, max, pick.between(min, max), min + pick.few(max - min)]);
  return Number.isInteger(fallback) ? Math.round(near) : near;
}

function resumeFields(pick: Pick): Record<string, unknown> {
  let last = 0;
  const id = list(pick, 200, () => last += 1 + pick.few(20));
  const column = (one: () => number) =>
    maybe(pick, () => id.map(() => pick.chance(0.9998) ? one() : value(pick)));
  const motion = () => pick.chance(0.99) ? pick.between(-4, 4) : pick.one([-3e38, 3e38, 1e30]);
  const moved = pick.chance(0.7) ? { dx: column(motion), dy: column(motion) } : {};
  return {
    nextId: maybe(pick, () => pick.one([last + 1 + pick.few(1000), 2 ** 32 - 1 - pick.few(50)])),
    ...pick.chance(0.7) && { sinceDetection: maybe(pick, () => pick.few(100)) },
    ...pick.chance(0.7) && { epoch: maybe(pick, () => pick.below(2 ** 41)) },
    points: maybe(pick, () => ({
      id: maybe(pick, () => id),
      x: column(() => pick.between(-2, 170)),
      y: column(() => pick.between(-2, 130)),
      ...moved,
      age: column(() => pick.few(1000)),
    })),
  };
}

function position(pick: Pick): unknown {
  if (pick.chance(0.995)) return [pick.between(-2, 70), pick.between(-2, 50)];
  return pick.one([[value(pick), 1], [1], [1, 2, 3], value(pick)]);
}

function list(pick: Pick, most: number, one: () => unknown): unknown[] {
  return Array.from({ length: pick.few(pick.chance(0.002) ? 15_000 : most) }, one);
}

function maybe(pick: Pick, form: () => unknown): unknown {
  return pick.chance(0.97) ? form() : value(pick);
}

function value(pick: Pick): unknown {
  return pick.chance(0.6) ? number(pick) : pick.one(STRANGE);
}

function number(pick: Pick): number {
  return pick.one([...NUMBERS, pick.between(-100, 100), pick.below(2 ** 32)]);
}
