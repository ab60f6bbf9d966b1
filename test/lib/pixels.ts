import canvasKit from "canvaskit-wasm/full";
import { createRequire } from "node:module";

const file = createRequire(import.meta.url).resolve("canvaskit-wasm/bin/full/canvaskit.wasm");
const kit = await canvasKit.default({ locateFile: () => file });

/** A decoded picture. */
export interface Pixels {
  width: number;
  height: number;
  /** Red, green and blue of a pixel, 0 to 255 each. */
  at(x: number, y: number): [r: number, g: number, b: number];
}

/** Decodes a PNG or JPEG file. */
export function decodePixels(file: Uint8Array): Pixels {
  const image = kit.MakeImageFromEncoded(file);
  if (!image) throw new Error("Cannot decode a picture");
  const width = image.width(), height = image.height();
  const data = image.readPixels(0, 0, {
    width,
    height,
    colorType: kit.ColorType.RGBA_8888,
    alphaType: kit.AlphaType.Unpremul,
    colorSpace: kit.ColorSpace.SRGB,
  })!;
  image.delete();
  return {
    width,
    height,
    at(x, y) {
      const i = 4 * (Math.round(y) * width + Math.round(x));
      return [data[i], data[i + 1], data[i + 2]];
    },
  };
}
