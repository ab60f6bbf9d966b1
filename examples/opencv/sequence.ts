/**
 * An image sequence, each frame's points fed back into the next.
 *
 *     deno run -A examples/opencv/sequence.ts [1.jpg 2.jpg 3.jpg …] [-o sequence.png]
 *
 * In Python:
 *
 *     p0 = cv.goodFeaturesToTrack(old, mask=None, **feature_params)
 *     for frame in frames:
 *         p1, st, err = cv.calcOpticalFlowPyrLK(old, frame, p0, None, **lk_params)
 *         good = p1[st == 1]
 *         old, p0 = frame.copy(), good.reshape(-1, 1, 2)
 *
 * A sequence keeps the frame before and its pyramid: `old`, `copy` and `buildOpticalFlowPyramid` have
 * nothing left to do.
 */
import { colourOf, save, way } from "./draw.ts";
import { Engine, readArguments } from "./lkstream.ts";

const { images, output } = await readArguments("sequence.png", 30);
using engine = new Engine();
using sequence = engine.open();

await sequence.advance(images[0], new Float32Array());
const { corners } = await sequence.detect({ maxCorners: 150, qualityLevel: 0.01, minDistance: 12 });
let points = corners;
let ways = Array.from({ length: points.length / 2 }, (_, i) => ({
  colour: colourOf(i),
  xy: [...points.slice(2 * i, 2 * i + 2)],
}));
for (const image of images.slice(1)) {
  const { points: next, status, fb } = await sequence.advance(image, points, { back: true });
  // beyond the tutorial: a point that does not find back was lost on the way
  const kept = [...status.keys()].filter((i) => status[i] === 0 && fb[i] <= 1);
  ways = kept.map((i) => ways[i]);
  points = Float32Array.from(kept.flatMap((i) => [...next.slice(2 * i, 2 * i + 2)]));
  ways.forEach(({ xy }, i) => xy.push(...points.slice(2 * i, 2 * i + 2)));
}
console.log(`${ways.length} of ${corners.length / 2} points lived through ${images.length} frames`);
await save(output, images.at(-1)!, ways.flatMap(({ xy, colour }) => way(xy, colour)));
