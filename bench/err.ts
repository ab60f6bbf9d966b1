/**
 * What `err` tells and what it does not, measured: windows of several kinds with
 * a known motion and sensor noise, followed by the engine. Prints the tables of
 * docs/error.md and draws its pictures. `deno run -A bench/err.ts`
 */
import {
  meanDifference,
  minEigenvalue,
  type Patch,
  windowAt,
} from "../client/page/panels/patch.ts";
import { defaultOptions } from "../protocol/mod.ts";
import { type FlowEngine, type Grey, Status } from "../tracking/engine.ts";
import { selectEngine } from "../engines/select.ts";
import { random } from "../test/lib/random.ts";
import { drawScatter, drawWindows, type Trial } from "./err_pictures.ts";

const SIDE = 160;
const CENTRE = SIDE / 2;
const TRIALS = 80;
/** Standard deviation of the noise in each frame, in grey levels. */
const NOISE = 2;
const WINDOW = [21, 21] as const;
/** A point so near to where it ought to be counts as right. */
const RIGHT_PX = 0.5;
const ERR_LIMIT = 10;
/** OpenCV's and our default, and one above what this noise makes. */
const EIGENVALUES = [defaultOptions().flow.minEigThreshold, 0.005];

/** Grey levels at places relative to the point. */
type Pattern = (x: number, y: number) => number;

/** A frame before and one after, in which the point has moved by `motion`. */
interface Scene {
  before: Pattern;
  after: Pattern;
  motion: readonly [dx: number, dy: number];
}

/** Each makes a scene from random numbers in [0, 1). */
const KINDS: Record<string, (next: () => number) => Scene> = {
  corner: (next) => moved(corner(6.28 * next()), next),
  texture: (next) => moved(waves(next), next),
  edge: (next) => moved(edge(6.28 * next()), next),
  flat: (next) => moved(() => 128, next),
  repeating: (next) => moved(repeating, next, 5, 7),
  brighter: (next) => changed(moved(waves(next), next), (grey) => grey + 25),
  turned: (next) => turned(waves(next), 8),
  covered: (next) => ({ ...moved(waves(next), next), after: waves(next) }),
};

const engine = await selectEngine("auto", {
  library: null,
  maxFramePixels: SIDE * SIDE,
  deadlineMs: 10_000,
});
console.log(`engine ${engine.info.name}, noise σ ${NOISE}, ${TRIALS} trials a kind\n`);
console.log(
  `| kind | left | err | off by | right | min eigenvalue | fb | ${
    EIGENVALUES.map((least) => `eigenvalue < ${least}`).join(" | ")
  } | fb > 1 | err > ${ERR_LIMIT} |`,
);
const trials: Record<string, Trial[]> = {};
for (const [name, make] of Object.entries(KINDS)) {
  trials[name] = [];
  for (let i = 0; i < TRIALS; i++) {
    const trial = await follow(engine, make(random(i + 1)), i);
    if (trial) trials[name].push(trial);
  }
  console.log(row(name, trials[name]));
}
await engine.close();
const images = new URL("../docs/images/", import.meta.url);
await Deno.writeTextFile(new URL("error-scatter.svg", images), drawScatter(trials));
await Deno.writeTextFile(new URL("error-windows.svg", images), drawWindows(trials));

/** Follows the centre of a scene, whatever its eigenvalue. Null where it left the frame. */
async function follow(engine: FlowEngine, scene: Scene, seed: number): Promise<Trial | null> {
  const before = draw(scene.before, random(1000 + seed)), after = draw(scene.after, random(seed));
  const options = { ...defaultOptions().flow, minEigThreshold: 0, back: true };
  await using sequence = engine.open();
  await sequence.advance(before, new Float32Array(), options);
  const { xy, error, fb, status } = await sequence.advance(
    after,
    Float32Array.of(CENTRE, CENTRE),
    options,
  );
  if (status[0] !== Status.tracked) return null;
  const windows: Trial["windows"] = [
    windowAt(whole(before), CENTRE, CENTRE, WINDOW),
    windowAt(whole(after), xy[0], xy[1], WINDOW),
  ];
  const difference = Math.abs(meanDifference(...windows) - error[0]);
  if (difference > 0.1) throw new Error(`The formula is ${difference} grey levels off the engine`);
  return {
    err: error[0],
    off: Math.hypot(xy[0] - CENTRE - scene.motion[0], xy[1] - CENTRE - scene.motion[1]),
    fb: fb[0],
    minEigenvalue: minEigenvalue(whole(before), CENTRE, CENTRE, WINDOW),
    windows,
  };
}

function row(name: string, trials: Trial[]): string {
  const middle = (of: (trial: Trial) => number) => {
    return Number(trials.map(of).sort((a, b) => a - b)[trials.length >> 1].toPrecision(2));
  };
  const share = (test: (trial: Trial) => boolean) =>
    `${Math.round(100 * trials.filter(test).length / trials.length)} %`;
  const cells = [
    name,
    TRIALS - trials.length,
    middle(({ err }) => err),
    middle(({ off }) => off),
    share(({ off }) => off < RIGHT_PX),
    middle(({ minEigenvalue }) => minEigenvalue),
    middle(({ fb }) => fb),
    ...EIGENVALUES.map((least) => share(({ minEigenvalue }) => minEigenvalue < least)),
    share(({ fb }) => !(fb <= 1)),
    share(({ err }) => err > ERR_LIMIT),
  ];
  return `| ${cells.join(" | ")} |`;
}

/** The same pattern, moved by `least` to `most` pixels in any direction. */
function moved(before: Pattern, next: () => number, least = 0, most = 4): Scene {
  const angle = 6.28 * next(), length = least + (most - least) * next();
  const dx = length * Math.cos(angle), dy = length * Math.sin(angle);
  return { before, after: (x, y) => before(x - dx, y - dy), motion: [dx, dy] };
}

function changed(scene: Scene, change: (grey: number) => number): Scene {
  return { ...scene, after: (x, y) => change(scene.after(x, y)) };
}

/** Turned about the point, which stays. */
function turned(before: Pattern, degrees: number): Scene {
  const cos = Math.cos(degrees * Math.PI / 180), sin = Math.sin(degrees * Math.PI / 180);
  return {
    before,
    after: (x, y) => before(cos * x + sin * y, cos * y - sin * x),
    motion: [0, 0],
  };
}

function corner(angle: number): Pattern {
  const cos = Math.cos(angle), sin = Math.sin(angle);
  return (x, y) => 128 + 60 * Math.tanh(cos * x + sin * y) * Math.tanh(cos * y - sin * x);
}

function edge(angle: number): Pattern {
  return (x, y) => 128 + 60 * Math.tanh(Math.cos(angle) * x + Math.sin(angle) * y);
}

/** Again every 8 pixels across and down. */
function repeating(x: number, y: number): number {
  return 128 + 30 * (Math.sin(Math.PI * x / 4) + Math.sin(Math.PI * y / 4));
}

/** Plane waves 8 to 40 pixels long, in all directions. */
function waves(next: () => number): Pattern {
  const all = Array.from({ length: 16 }, () => {
    const k = 2 * Math.PI / (8 * 5 ** next()), direction = 6.28 * next();
    return { kx: k * Math.cos(direction), ky: k * Math.sin(direction), phase: 6.28 * next() };
  });
  return (x, y) =>
    128 + 14 * all.reduce((sum, { kx, ky, phase }) => sum + Math.cos(kx * x + ky * y + phase), 0);
}

function draw(pattern: Pattern, next: () => number): Grey {
  const data = new Uint8Array(SIDE * SIDE);
  for (let i = 0; i < data.length; i++) {
    const grey = pattern(i % SIDE - CENTRE, Math.floor(i / SIDE) - CENTRE);
    data[i] = Math.min(255, Math.max(0, Math.round(grey + NOISE * gaussian(next))));
  }
  return { width: SIDE, height: SIDE, data };
}

/** Box and Muller (1958). */
function gaussian(next: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

function whole({ width, height, data }: Grey): Patch {
  return { frame: { width, height }, left: 0, top: 0, width, height, grey: data };
}
