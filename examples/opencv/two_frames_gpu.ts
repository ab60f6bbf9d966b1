/**
 * Two frames on a GPU: the same two calls, the same results, bit for bit.
 *
 *     deno run -A examples/opencv/two_frames_gpu.ts [a.jpg b.jpg] [-o two_frames_gpu.png]
 *
 * In Python:
 *
 *     detector = cv.cuda.createGoodFeaturesToTrackDetector(cv.CV_8UC1, 300, 0.01, 8)
 *     flow = cv.cuda.SparsePyrLKOpticalFlow_create(winSize=(21, 21), maxLevel=3, iters=30)
 *     p0 = detector.detect(gpu_a)
 *     p1, st, err = flow.calc(gpu_a, gpu_b, p0, None)
 *     p1, st = p1.download(), st.download()
 *
 * There is no GpuMat, no upload and no download to write: images go in and points come out.
 */
import { colourOf, save, way } from "./draw.ts";
import { Engine, readArguments } from "./lkstream.ts";

const { images: [a, b], output } = await readArguments("two_frames_gpu.png");
using engine = open();
console.log(`on ${engine.name}: ${engine.device}`);

const { corners } = await engine.detect(a, null, { maxCorners: 300, minDistance: 8 });
const { points, status } = await engine.calc(a, b, corners, { maxCount: 30 });

const found = [...status.keys()].filter((i) => status[i] === 0);
console.log(`${found.length} of ${status.length} points found`);
await save(
  output,
  b,
  found.flatMap((i) => {
    const [x, y] = corners.slice(2 * i, 2 * i + 2), [u, v] = points.slice(2 * i, 2 * i + 2);
    return way([u + 4 * (x - u), v + 4 * (y - v), u, v], colourOf(i));
  }),
);

/** The GPU, or where there is none the CPU. */
function open() {
  try {
    return new Engine({ kind: "cuda" });
  } catch (error) {
    console.log((error as Error).message);
    return new Engine({ kind: "cpu" });
  }
}
