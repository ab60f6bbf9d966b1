/**
 * Tracks a folder of JPEGs, in the order of their names:
 *
 *     node native/addon/example.js FOLDER
 *
 * Prints a line a frame: how many points were tracked into it, how many were
 * lost, and the median of how far they moved, in pixels. Needs the addon:
 * `deno run -A native/addon/build.ts` builds it.
 */
const { readdirSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const process = require("node:process");
const { Engine } = require("../build-addon/lkstream.node");

const FLOW = { winSize: [21, 21], back: true };
const DETECT = { maxCorners: 500, qualityLevel: 0.01, minDistance: 8 };
const MAX_FB = 1; // px

async function track(folder) {
  const engine = new Engine();
  const sequence = engine.open();
  let points = new Float32Array();
  for (const name of readdirSync(folder).filter((name) => /\.jpe?g$/i.test(name)).sort()) {
    const frame = await sequence.advance(readFileSync(join(folder, name)), points, FLOW);
    const kept = frame.reset ? [] : survivors(frame);
    const lost = points.length / 2 - kept.length;
    const flow = [0, 1].map((axis) =>
      median(kept.map((i) => frame.points[2 * i + axis] - points[2 * i + axis]))
    );
    console.log(`${name}: ${kept.length} tracked, ${lost} lost, median flow ${flow.join(" ")}`);
    points = await refill(
      sequence,
      kept.flatMap((i) => [...frame.points.subarray(2 * i, 2 * i + 2)]),
    );
  }
  sequence.close();
  engine.close();
}

/** Points that were found, and from there found back. */
function survivors({ status, fb }) {
  return [...status.keys()].filter((i) => status[i] === 0 && fb[i] <= MAX_FB);
}

/** Tops the points up with new corners that keep away from them. */
async function refill(sequence, kept) {
  const maxCorners = DETECT.maxCorners - kept.length / 2;
  if (maxCorners === 0) return Float32Array.from(kept); // 0 would mean: as many as there are
  const { corners } = await sequence.detect({ ...DETECT, maxCorners }, Float32Array.from(kept));
  return Float32Array.from([...kept, ...corners]);
}

function median(values) {
  const sorted = values.sort((a, b) => a - b);
  return (sorted[sorted.length >> 1] ?? NaN).toFixed(2);
}

if (process.argv.length !== 3) {
  console.error("Cannot track without a folder: node native/addon/example.js FOLDER");
  process.exitCode = 2;
} else {
  track(process.argv[2]).catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
