/**
 * How the camera moved: the median flow, and a similarity by RANSAC, whatever flies by.
 *
 *     deno run -A examples/opencv/camera_motion.ts [1.jpg 2.jpg …] [-o camera_motion.png]
 *
 * In Python:
 *
 *     matrix, inliers = cv.estimateAffinePartial2D(good_old, good_new, ransacReprojThreshold=1)
 *
 * Prints a line a frame: the median movement, and movement, turn and zoom about the picture's centre.
 */
import { save, way } from "./draw.ts";
import { Engine, type Image, readArguments } from "./lkstream.ts";
import { apply, ransac, type Similarity } from "./similarity.ts";

const { images, output } = await readArguments("camera_motion.png", 12);
using engine = new Engine();
using sequence = engine.open();

/** Where points were and are, x, y pairs. */
interface Pairs {
  from: Float32Array;
  to: Float32Array;
}

async function follow(image: Image, points: Float32Array): Promise<Pairs> {
  const { points: next, status, fb } = await sequence.advance(image, points, { back: true });
  const kept = [...status.keys()].filter((i) => status[i] === 0 && fb[i] <= 1);
  const pick = (xy: Float32Array) =>
    Float32Array.from(kept.flatMap((i) => [...xy.slice(2 * i, 2 * i + 2)]));
  return { from: pick(points), to: pick(next) };
}

function medianOf(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** As movement of the picture's centre, px, turn in degrees, and zoom. */
function describe({ a, b, dx, dy }: Similarity, { width, height }: Image): string {
  const [x, y] = apply({ a, b, dx, dy }, width / 2, height / 2);
  const turn = Math.atan2(b, a) * 180 / Math.PI;
  return `${(x - width / 2).toFixed(2)} ${(y - height / 2).toFixed(2)} px, ` +
    `${turn.toFixed(3)}°, ×${Math.hypot(a, b).toFixed(4)}`;
}

let last: Pairs & { isInlier: boolean[] } | null = null;
await sequence.advance(images[0], new Float32Array());
for (const [i, image] of images.slice(1).entries()) {
  const { corners } = await sequence.detect({ maxCorners: 250, minDistance: 10 });
  const { from, to } = await follow(image, corners);
  const moved = [0, 1].map((axis) =>
    medianOf(
      Array.from({ length: from.length / 2 }, (_, k) => to[2 * k + axis] - from[2 * k + axis]),
    )
  );
  const { model, isInlier } = ransac(from, to, 1);
  const inliers = isInlier.filter(Boolean).length;
  console.log(
    `frame ${i + 1}: median ${moved.map((v) => v.toFixed(2)).join(" ")} px; ` +
      `camera ${describe(model, image)}; ${inliers} of ${isInlier.length} agree`,
  );
  last = { from, to, isInlier };
}
const { from, to, isInlier } = last!;
await save(
  output,
  images.at(-1)!,
  isInlier.flatMap((agrees, i) => {
    const [x, y] = from.slice(2 * i, 2 * i + 2), [u, v] = to.slice(2 * i, 2 * i + 2);
    return way([u + 4 * (x - u), v + 4 * (y - v), u, v], agrees ? "#40e0ff" : "#ff5060");
  }),
);
