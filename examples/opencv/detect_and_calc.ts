/**
 * Detect and calc by themselves: corners under a mask, and points with a first guess.
 *
 *     deno run -A examples/opencv/detect_and_calc.ts [a.jpg b.jpg c.jpg] [-o detect_and_calc.png]
 *
 * In Python:
 *
 *     corners = detector.detect(a, mask)
 *     p1, st, err = flow.calc(a, b, corners, None)
 *     flow.setUseInitialFlow(True)
 *     p2, st, err = flow.calc(b, c, p1, p1 + (p1 - corners))
 */
import { dot } from "../../cli/drawing/marks.ts";
import { save, way } from "./draw.ts";
import { Engine, readArguments } from "./lkstream.ts";

const { images, output } = await readArguments("detect_and_calc.png", 11);
const [a, b, c] = images.length > 3 ? [images[0], images[5], images[10]] : images;
using engine = new Engine();

// allowed: the left half, but for a disc
const { width, height } = a;
const mask = new Uint8Array(width * height).map((_, i) => {
  const x = i % width, y = Math.floor(i / width);
  return x < width / 2 && Math.hypot(x - width / 4, y - height / 2) > height / 6 ? 255 : 0;
});
const { corners, scores } = await engine.detect(a, mask, { maxCorners: 120, minDistance: 10 });
console.log(`${scores.length} corners under the mask, scores ${scores[0]} to ${scores.at(-1)}`);

// from a into b by the pyramid; then into c, where each point is guessed to move on as it did
const { points: before } = await engine.calc(a, b, corners);
const guess = before.map((at, i) => 2 * at - corners[i]);
// small windows on one level reach few pixels: they need the guess
const near = { maxLevel: 0, winSize: [11, 11] as [number, number], back: true };
const blind = await engine.calc(b, c, before, near);
const { points, status, fb } = await engine.calc(b, c, before, near, guess);
const isFound = (status: Uint8Array, fb: Float32Array) => (i: number) =>
  status[i] === 0 && fb[i] < 0.5;
const found = [...status.keys()].filter(isFound(status, fb));
const without = [...blind.status.keys()].filter(isFound(blind.status, blind.fb));
console.log(`${found.length} found back with a guess, ${without.length} without`);

await save(output, c, [
  ...Array.from(scores.keys()).flatMap((i) =>
    dot(corners[2 * i], corners[2 * i + 1], "#ffb020", 1.2)
  ),
  ...found.flatMap((i) =>
    way([corners, before, points].flatMap((xy) => [...xy.slice(2 * i, 2 * i + 2)]), "#40e0ff")
  ),
]);
