/**
 * Two frames: corners of one, followed into the other, drawn.
 *
 *     deno run -A examples/opencv/two_frames.ts [a.jpg b.jpg] [-o two_frames.png]
 *
 * In Python:
 *
 *     p0 = cv.goodFeaturesToTrack(a, mask=None, maxCorners=300, qualityLevel=0.01, minDistance=8)
 *     p1, st, err = cv.calcOpticalFlowPyrLK(a, b, p0, None, winSize=(21, 21), maxLevel=3)
 *     for new, old in zip(p1[st == 1], p0[st == 1]): …
 */
import { colourOf, save, way } from "./draw.ts";
import { Engine, readArguments } from "./lkstream.ts";

const { images: [a, b], output } = await readArguments("two_frames.png");
using engine = new Engine();

const { corners } = await engine.goodFeaturesToTrack(a, {
  maxCorners: 300,
  qualityLevel: 0.01,
  minDistance: 8,
});
const { points, status, error } = await engine.calcOpticalFlowPyrLK(a, b, corners, {
  winSize: [21, 21],
  maxLevel: 3,
});

const found = [...status.keys()].filter((i) => status[i] === 0); // OpenCV's is 1 where found
const mean = found.reduce((sum, i) => sum + error[i], 0) / found.length;
console.log(`${found.length} of ${status.length} points found, mean error ${mean.toFixed(2)}`);
await save(
  output,
  b,
  found.flatMap((i) => {
    const [x, y] = corners.slice(2 * i, 2 * i + 2), [u, v] = points.slice(2 * i, 2 * i + 2);
    return way([u + 4 * (x - u), v + 4 * (y - v), u, v], colourOf(i)); // four times as long
  }),
);
