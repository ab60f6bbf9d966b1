import type { Rasteriser } from "../drawing/raster.ts";
import { type Picture, toFrame } from "./picture.ts";

let rasteriser: Promise<Rasteriser> | null = null;

/**
 * A picture as servers take it: a JPEG as it is, others as a grey JPEG of quality 90.
 *
 * @throws {FrameError} where a PNG cannot be used.
 */
export async function toJpeg(picture: Picture): Promise<Uint8Array> {
  const frame = toFrame(picture);
  if (frame instanceof Uint8Array) return frame;
  rasteriser ??= import("../drawing/raster.ts").then(({ Rasteriser }) => Rasteriser.load());
  const { width, height } = frame;
  const scene = { width, height, layers: [{ picture: frame, opacity: 1 }], shapes: [] };
  return (await rasteriser).paint(scene, "jpeg");
}
