/**
 * What `filter.appearance` catches, measured: streams in which it is known where each point ought to
 * be, tracked without and with it. Prints the table of docs/error.md and draws its pictures.
 * `deno run -A bench/appearance.ts`
 */
import { windowAt } from "../client/page/panels/patch.ts";
import { selectEngine } from "../engines/select.ts";
import { defaultOptions, lostCode, mergeOptions } from "../protocol/mod.ts";
import type { FlowEngine, Grey } from "../tracking/engine.ts";
import { Tracker } from "../tracking/tracker.ts";
import { type Motion, move, rotation, Texture, zoom } from "../test/lib/images.ts";
import { random } from "../test/lib/random.ts";
import { drawEnds, drawWay, type End, type Way } from "./appearance_pictures.ts";

const WIDTH = 320, HEIGHT = 240, FRAMES = 200;
/** Standard deviation of the noise in each frame, in grey levels. */
const NOISE = 2;
/** A point so near to where it ought to be counts as right. */
const RIGHT_PX = 1;
const THRESHOLD = 0.5;
const WINDOW = [21, 21] as const;

/** A place of the first frame. */
type Place = readonly [x: number, y: number];

interface Scene {
  what: string;
  draw: (frame: number) => Grey;
  /** Where it is now; null where nothing of it is left to be seen. */
  truth: (place: Place, frame: number) => Place | null;
}

const texture = new Texture(1);
const plain = texture.draw(WIDTH, HEIGHT);
const smooth = new Texture(1, { shortest: 30, longest: 90 }).draw(WIDTH, HEIGHT);
const other = new Texture(9).draw(2 * WIDTH, HEIGHT);
const stays = (place: Place) => place;

const SCENES: Record<string, Scene> = {
  still: { what: "nothing moves", draw: () => plain, truth: stays },
  "still, blurred": { what: "the same", draw: () => smooth, truth: stays },
  turning: moving("0.5° and 0.1 % a frame", (frame) => {
    const [a, b, c, d, e, f] = rotation(0.5 * frame, 160, 120), k = 1.001 ** frame;
    const [, , x, , , y] = zoom(k, 160, 120);
    return [k * a, k * b, k * c + x, k * d, k * e, k * f + y];
  }),
  dimming: lit("in 200 frames to 40 %", (frame) => [1 - 0.6 * frame / (FRAMES - 1), 0]),
  "a jump of light": lit(
    "by 40 grey levels, once",
    (frame) => frame < FRAMES / 2 ? [0.8, 0] : [0.8, 40],
  ),
  dissolving: {
    what: "from frame 50 to 150, into something else",
    draw: (frame) => {
      const share = Math.min(1, Math.max(0, (frame - 50) / 100));
      return mixed(plain, part(other, 0), share);
    },
    truth: (place, frame) => frame < 100 ? place : null,
  },
  covered: {
    what: "a board comes in from the left, 1 px a frame",
    draw: (frame) => board(plain, frame),
    truth: ([x, y], frame) => x < frame && y > 30 && y < 210 ? null : [x, y],
  },
};

const engine = await selectEngine("auto", {
  library: null,
  maxFramePixels: WIDTH * HEIGHT,
  deadlineMs: 10_000,
});
console.log(`engine ${engine.info.name}, noise σ ${NOISE}, ${FRAMES} frames a stream\n`);
console.log(
  "| stream | found | live | right | off by | with it: live | right | off by | lost by it | " +
    "of them right | number |",
);
const ends: [End[], End[]] = [[], []];
let way: Way | undefined;
for (const [name, scene] of Object.entries(SCENES)) {
  // at 1 it compares, and loses nothing
  const without = await follow(engine, scene, 1), kept = await follow(engine, scene, THRESHOLD);
  const numbers = without.ends.map(({ appearance }) => appearance).filter((value) => value >= 0);
  console.log(
    `| ${
      [
        `${name}: ${scene.what}`,
        ...[without.found, ...rowOf(without.ends), ...rowOf(kept.ends)],
        ...[kept.lost, kept.lostRight],
        middle(numbers).toFixed(2),
      ].join(" | ")
    } |`,
  );
  if (name === "covered") {
    ends[0] = without.ends, ends[1] = kept.ends;
    way = without.ways.find(({ err, fb, offs }) =>
      offs.at(-1)! > 20 && Math.max(...err) < 10 && Math.max(...fb) < 1
    );
  }
}
await engine.close();
const images = new URL("../docs/images/", import.meta.url);
const last = SCENES.covered.draw(FRAMES - 1);
await Deno.writeTextFile(new URL("appearance-ends.svg", images), drawEnds(last, ends));
if (!way) throw new Error("No point of the covered stream slid off unnoticed");
await Deno.writeTextFile(new URL("appearance-way.svg", images), drawWay(way, THRESHOLD));

function moving(what: string, motion: (frame: number) => Motion): Scene {
  return {
    what,
    draw: (frame) => texture.draw(WIDTH, HEIGHT, motion(frame)),
    truth: (place, frame) => {
      const [x, y] = move(motion(frame), Float32Array.from(place));
      return [x, y];
    },
  };
}

function lit(what: string, light: (frame: number) => [gain: number, offset: number]): Scene {
  return {
    what,
    draw: (frame) => {
      const [gain, offset] = light(frame);
      return { ...plain, data: plain.data.map((grey) => Math.min(255, gain * grey + offset)) };
    },
    truth: stays,
  };
}

function mixed(a: Grey, b: Grey, share: number): Grey {
  return {
    ...a,
    data: a.data.map((grey, i) => Math.round((1 - share) * grey + share * b.data[i])),
  };
}

/** As wide as a frame, from a column of a wide picture on. */
function part({ width, data }: Grey, left: number): Grey {
  const grey = new Uint8Array(WIDTH * HEIGHT);
  for (let y = 0; y < HEIGHT; y++) {
    grey.set(data.subarray(y * width + left, y * width + left + WIDTH), y * WIDTH);
  }
  return { width: WIDTH, height: HEIGHT, data: grey };
}

/** A picture with a board over it, whose right side is at column `front`. */
function board(frame: Grey, front: number): Grey {
  const data = frame.data.slice(), picture = part(other, WIDTH - front);
  for (let y = 30; y < 210; y++) {
    data.set(picture.data.subarray(y * WIDTH, y * WIDTH + front), y * WIDTH);
  }
  return { ...frame, data };
}

/** The points of the first frame, at the end of the stream. */
async function follow(engine: FlowEngine, scene: Scene, appearance: number) {
  await using sequence = engine.open();
  const options = mergeOptions(defaultOptions(), { filter: { appearance }, detect: { refill: 0 } });
  const tracker = new Tracker(sequence, options, options.detect.maxCorners);
  const next = random(1), born = new Map<number, Place>(), ways = new Map<number, Way>();
  let ends: End[] = [], lost = 0, lostRight = 0;
  for (let frame = 0; frame < FRAMES; frame++) {
    const picture = noisy(scene.draw(frame), next);
    const step = await tracker.process(picture);
    const before = new Map(ends.map((end) => [end.id, end]));
    step.lost.id.forEach((id, i) => {
      if (step.lost.reason[i] !== lostCode("appearance")) return;
      lost++;
      if (before.get(id)!.off <= RIGHT_PX) lostRight++;
    });
    ends = Array.from(step.points.id, (id, i) => {
      const x = step.points.xy[2 * i], y = step.points.xy[2 * i + 1];
      if (frame === 0) born.set(id, [x, y]);
      const truth = scene.truth(born.get(id)!, frame);
      const off = truth ? Math.hypot(x - truth[0], y - truth[1]) : Infinity;
      return { id, x, y, off, appearance: step.points.appearance?.[i] ?? NaN };
    });
    for (const [i, end] of ends.entries()) {
      const way = ways.get(end.id) ?? { offs: [], err: [], fb: [], appearance: [], windows: [] };
      ways.set(end.id, way);
      const [bornX, bornY] = born.get(end.id)!;
      way.offs.push(Math.hypot(end.x - bornX, end.y - bornY));
      way.err.push(step.points.error[i]);
      way.fb.push(frame === 0 ? 0 : step.points.fb[i]);
      way.appearance.push(end.appearance);
      if (frame % 33 === 0) way.windows.push({ frame, grey: windowOf(picture, end.x, end.y) });
    }
  }
  const live = new Set(ends.map(({ id }) => id));
  const lasting = [...ways].filter(([id]) => live.has(id)).map(([, way]) => way);
  return { found: born.size, ends, lost, lostRight, ways: lasting };
}

function windowOf({ width, height, data }: Grey, x: number, y: number): Float32Array {
  const whole = { frame: { width, height }, left: 0, top: 0, width, height, grey: data };
  return windowAt(whole, x, y, WINDOW);
}

function rowOf(ends: End[]): (string | number)[] {
  const off = middle(ends.map(({ off }) => off));
  return [ends.length, right(ends), Number.isFinite(off) ? `${off.toFixed(2)} px` : "gone"];
}

function right(ends: End[]): number {
  return ends.filter(({ off }) => off <= RIGHT_PX).length;
}

function middle(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

function noisy(frame: Grey, next: () => number): Grey {
  const data = frame.data.map((grey) =>
    Math.min(255, Math.max(0, Math.round(grey + NOISE * gaussian(next))))
  );
  return { ...frame, data };
}

/** Box and Muller (1958). */
function gaussian(next: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}
