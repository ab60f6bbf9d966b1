/** `cv.line`, `cv.circle` and `cv.imwrite` for the examples. */
import { dot } from "../../cli/drawing/marks.ts";
import { Rasteriser } from "../../cli/drawing/raster.ts";
import type { Shape } from "../../cli/drawing/scene.ts";
import type { Image } from "./lkstream.ts";

/** A way through x, y pairs, and a dot where it ends. */
export function way(xy: readonly number[], colour: string): Shape[] {
  const [x, y] = xy.slice(-2);
  return [{ kind: "line", xy, width: 1.6, colour }, ...dot(x, y, colour, 1.2)];
}

/** One colour a point. */
export function colourOf(i: number): string {
  const channel = (shift: number) => {
    const wave = Math.round(150 + 105 * Math.cos(2.4 * i + shift)); // 2.4: the golden angle
    return wave.toString(16).padStart(2, "0");
  };
  return `#${channel(0)}${channel(2.1)}${channel(4.2)}`;
}

/** Writes shapes over an image as a PNG. */
export async function save(file: string, image: Image, shapes: Shape[]): Promise<void> {
  const { width, height, data } = image;
  const picture = { width, height, data: new Uint8Array(data) };
  const layers = [{ picture, opacity: 0.75 }];
  const rasteriser = await Rasteriser.load();
  await Deno.writeFile(file, rasteriser.paint({ width, height, layers, shapes }, "png"));
  console.log(`${file} shows it`);
}
