/**
 * Pinned memory and a stream: several cameras at once.
 *
 *     deno run -A examples/opencv/streams.ts [-o streams.png]
 *
 * In Python:
 *
 *     stream = cv.cuda.Stream()
 *     pinned = cv.cuda.HostMem(rows, cols, cv.CV_8UC1, cv.cuda.HostMem_PAGE_LOCKED)
 *     gpu_b.upload(pinned.createMatHeader(), stream)
 *     flow.calc(gpu_a, gpu_b, p0, None, stream=stream)
 *     stream.waitForCompletion()
 *
 * Both are there so that the program goes on while a frame is copied and worked on. A promise does
 * that: each camera is a sequence, its calls run on the library's threads, and on a GPU on a stream
 * and with pinned memory of its own. `await` is `waitForCompletion`.
 */
import { colourOf, save, way } from "./draw.ts";
import { Engine, type Image } from "./lkstream.ts";
import { HEIGHT, sample, WIDTH } from "./sample.ts";

const CAMERAS = 4, FRAMES = 12;
const at = Deno.args.indexOf("-o");
const output = at < 0 ? "streams.png" : Deno.args[at + 1];
using engine = new Engine();

/** Where a camera's points were on its first frame, and where they are on its last one. */
async function camera(frames: Image[]): Promise<{ from: number[]; to: number[] }[]> {
  using sequence = engine.open();
  await sequence.advance(frames[0], new Float32Array());
  let { corners: points } = await sequence.detect({ maxCorners: 60, minDistance: 16 });
  let ways = Array.from(
    { length: points.length / 2 },
    (_, i) => [...points.slice(2 * i, 2 * i + 2)],
  );
  for (const frame of frames.slice(1)) {
    const found = await sequence.advance(frame, points);
    const kept = [...found.status.keys()].filter((i) => found.status[i] === 0);
    ways = kept.map((i) => ways[i]);
    points = Float32Array.from(kept.flatMap((i) => [...found.points.slice(2 * i, 2 * i + 2)]));
  }
  return ways.map((from, i) => ({ from, to: [...points.slice(2 * i, 2 * i + 2)] }));
}

// each begins elsewhere in the sample
const all = sample(FRAMES + 8 * (CAMERAS - 1));
const clips = Array.from({ length: CAMERAS }, (_, i) => all.slice(8 * i, 8 * i + FRAMES));

const started = performance.now();
for (const clip of clips) await camera(clip);
const oneByOne = performance.now() - started;
const results = await Promise.all(clips.map(camera));
const atOnce = performance.now() - started - oneByOne;
console.log(
  `${CAMERAS} cameras: ${oneByOne.toFixed(0)} ms one by one, ${atOnce.toFixed(0)} ms at once`,
);
results.forEach((points, i) => console.log(`camera ${i}: ${points.length} points`));

// two by two
const wall = { width: 2 * WIDTH, height: 2 * HEIGHT, data: new Uint8Array(4 * WIDTH * HEIGHT) };
const corner = (i: number) => [i % 2 * WIDTH, Math.floor(i / 2) * HEIGHT];
clips.forEach((clip, i) => {
  const [left, top] = corner(i), { data } = clip.at(-1)!;
  for (let y = 0; y < HEIGHT; y++) {
    wall.data.set(data.subarray(y * WIDTH, (y + 1) * WIDTH), (top + y) * wall.width + left);
  }
});
await save(
  output,
  wall,
  results.flatMap((points, i) => {
    const move = (xy: number[]) => [xy[0] + corner(i)[0], xy[1] + corner(i)[1]];
    return points.flatMap(({ from, to }, k) => way([...move(from), ...move(to)], colourOf(k)));
  }),
);
