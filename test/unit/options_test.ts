import assert from "node:assert/strict";
import { defaultOptions, mergeOptions, OPTIONS, ProtocolError } from "../../protocol/mod.ts";

/** The table of the protocol, in its own words. */
const DEFAULTS = {
  detect: {
    enabled: true,
    maxCorners: 500,
    qualityLevel: 0.01,
    minDistance: 8,
    blockSize: 3,
    gradientSize: 3,
    useHarrisDetector: false,
    k: 0.04,
    refill: 0.8,
    interval: 10,
  },
  flow: {
    winSize: [21, 21],
    maxLevel: 3,
    maxCount: 30,
    epsilon: 0.01,
    minEigThreshold: 0.0001,
    predict: false,
  },
  filter: { maxError: null, forwardBackward: 1, crowding: 0.5, appearance: null },
};

const EDGES: Record<string, { allowed: unknown[]; refused: unknown[] }> = {
  "detect.enabled": { allowed: [true, false], refused: [1, "true", null] },
  "detect.maxCorners": { allowed: [1, 10000], refused: [0, 10001, 1.5, "500", null] },
  "detect.qualityLevel": { allowed: [1e-9, 1], refused: [0, 1e-50, 1.01, -1] },
  "detect.minDistance": { allowed: [0, 500, 7.5], refused: [-0.1, 501] },
  "detect.blockSize": { allowed: [1, 31], refused: [0, 32, 2.5] },
  "detect.gradientSize": { allowed: [3, 5, 7], refused: [1, 4, 9, "3"] },
  "detect.useHarrisDetector": { allowed: [true], refused: [0] },
  "detect.k": { allowed: [0, 0.25], refused: [-0.01, 0.26] },
  "detect.refill": { allowed: [0, 1], refused: [-0.1, 1.1] },
  "detect.interval": { allowed: [1, 1000], refused: [0, 1001, 2.2] },
  "flow.winSize": {
    allowed: [[3, 63], [4, 62], [22, 15]],
    refused: [[2, 3], [64, 3], [4.5, 4], [3], [3, 3, 3], 21],
  },
  "flow.maxLevel": { allowed: [0, 8], refused: [-1, 9, 0.5] },
  "flow.maxCount": { allowed: [1, 100], refused: [0, 101] },
  "flow.epsilon": { allowed: [0, 1], refused: [-1, 1.5] },
  "flow.minEigThreshold": { allowed: [0, 1], refused: [-1, 2] },
  "flow.predict": { allowed: [true], refused: ["yes"] },
  "filter.maxError": { allowed: [null, 0, 255], refused: [-1, 256, "null"] },
  "filter.forwardBackward": { allowed: [null, 0, 20], refused: [-1, 21] },
  "filter.crowding": { allowed: [0, 1], refused: [-1, 2, null] },
  "filter.appearance": { allowed: [null, 0, 1], refused: [-0.1, 1.1, "0.5"] },
};

function change(path: string, value: unknown): Record<string, unknown> {
  const [group, name] = path.split(".");
  return { [group]: { [name]: value } };
}

function refuses(changed: Record<string, unknown>, ...named: RegExp[]): void {
  assert.throws(() => mergeOptions(defaultOptions(), changed), (error) => {
    assert.ok(error instanceof ProtocolError && error.code === "bad_option", `${error}`);
    for (const word of named) assert.match(error.message, word);
    return true;
  });
}

Deno.test("options: the defaults are those of the protocol", () => {
  assert.deepEqual(defaultOptions(), DEFAULTS);
  assert.deepEqual([...OPTIONS.keys()].toSorted(), Object.keys(EDGES).toSorted());
});

Deno.test("options: every edge of every range", () => {
  for (const [path, { allowed, refused }] of Object.entries(EDGES)) {
    const [group, name] = path.split(".");
    for (const value of allowed) {
      const merged = mergeOptions(defaultOptions(), change(path, value));
      assert.deepEqual((merged as Record<string, Record<string, unknown>>)[group][name], value);
    }
    for (const value of refused) {
      refuses(change(path, value), new RegExp(path.replace(".", "\\.")), /allowed are/);
    }
  }
});

Deno.test("options: an error names path, value and what is allowed", () => {
  refuses({ flow: { maxLevel: 99 } }, /flow\.maxLevel/, /99/, /0 to 8/);
  refuses(
    { flow: { winSize: JSON.parse("[1e999,21]") } },
    /to \["a number that is not finite",21\]/,
  );
});

Deno.test("options: unknown paths and groups that are no objects are refused", () => {
  refuses({ flow: { winsize: [21, 21] } }, /flow\.winsize/, /winSize/);
  refuses({ speed: 1 }, /speed/, /detect, flow, filter/);
  refuses({ toString: {} }, /toString/);
  refuses({ flow: { constructor: 1 } }, /flow\.constructor/);
  for (const value of [null, 1, [], "x"]) {
    refuses({ detect: value }, /allowed are objects with enabled, /);
  }
});

Deno.test("options: merging changes what is named, and only in the copy", () => {
  const before = defaultOptions();
  const merged = mergeOptions(before, { filter: { maxError: 12 }, flow: {} });
  assert.deepEqual(merged, { ...DEFAULTS, filter: { ...DEFAULTS.filter, maxError: 12 } });
  assert.deepEqual(before, DEFAULTS);
});

Deno.test("options: a change that is wrong in one place changes nothing", () => {
  refuses({ filter: { maxError: 12 }, flow: { maxLevel: -1 } }, /flow\.maxLevel/);
});

Deno.test("options: the table of docs/protocol.md says the same", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/protocol.md", import.meta.url));
  const rows = page.split("\n").map((line) => line.split(/\s*\|\s*/).slice(1, -1).join(" | "));
  for (const [path, about] of OPTIONS) {
    const row = [`\`${path}\``, JSON.stringify(about.default), about.allowed, about.text].join(
      " | ",
    );
    assert.ok(rows.includes(row), `docs/protocol.md lacks the row: ${row}`);
  }
});
