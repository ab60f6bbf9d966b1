import { createRequire } from "node:module";
import canvasKit, {
  type Canvas,
  type CanvasKit,
  type Image,
  type Paint,
} from "canvaskit-wasm/full";
import type { Grey } from "../../tracking/engine.ts";
import type { Picture } from "../pictures/picture.ts";
import { BACKGROUND, type Scene, type Shape } from "./scene.ts";

const JPEG_QUALITY = 90;

/** Paints drawings with Skia (CanvasKit, in WebAssembly; its full build brings a font and a JPEG encoder). */
export class Rasteriser {
  readonly #kit: CanvasKit;
  readonly #colours = new Map<string, Float32Array>();

  private constructor(kit: CanvasKit) {
    this.#kit = kit;
  }

  /** Compiles Skia, a tenth of a second. One rasteriser paints any number of drawings. */
  static async load(): Promise<Rasteriser> {
    const { resolve } = createRequire(import.meta.url);
    const file = resolve("canvaskit-wasm/bin/full/canvaskit.wasm");
    return new Rasteriser(await canvasKit.default({ locateFile: () => file }));
  }

  /**
   * The drawing as the bytes of a PNG or JPEG file.
   *
   * @throws {Error} where a picture of it does not decode or there is no memory for it.
   */
  paint(scene: Scene, format: "png" | "jpeg"): Uint8Array {
    const kit = this.#kit;
    const surface = kit.MakeSurface(scene.width, scene.height);
    if (!surface) throw new Error(`Cannot draw ${scene.width}×${scene.height} pixels: no memory`);
    const paint = new kit.Paint();
    try {
      this.#draw(surface.getCanvas(), paint, scene);
      surface.flush();
      const image = surface.makeImageSnapshot();
      const encoded = format === "png"
        ? image.encodeToBytes(kit.ImageFormat.PNG)
        : image.encodeToBytes(kit.ImageFormat.JPEG, JPEG_QUALITY);
      image.delete();
      if (!encoded) throw new Error(`Cannot encode a drawing as ${format}`);
      return encoded;
    } finally {
      paint.delete();
      surface.delete();
    }
  }

  /**
   * The grey levels of a picture's file, about: for what needs no decoder's own.
   *
   * @throws {Error} where it does not decode.
   */
  greyLevels(file: Uint8Array): Grey {
    const { AlphaType, ColorSpace, ColorType } = this.#kit;
    const image = this.#kit.MakeImageFromEncoded(file);
    if (!image) throw new Error("it does not decode");
    const [width, height] = [image.width(), image.height()];
    const info = { colorType: ColorType.RGBA_8888, alphaType: AlphaType.Opaque };
    const rgba = image.readPixels(0, 0, { width, height, colorSpace: ColorSpace.SRGB, ...info });
    image.delete();
    if (!rgba) throw new Error("there is no memory for its pixels");
    const level = (i: number) => (77 * rgba[i] + 150 * rgba[i + 1] + 29 * rgba[i + 2]) >> 8;
    return {
      width,
      height,
      data: Uint8Array.from({ length: width * height }, (_, i) => level(4 * i)),
    };
  }

  #draw(canvas: Canvas, paint: Paint, { layers, shapes }: Scene): void {
    canvas.clear(this.#colour(BACKGROUND));
    paint.setAntiAlias(true);
    paint.setStrokeCap(this.#kit.StrokeCap.Round);
    paint.setStrokeJoin(this.#kit.StrokeJoin.Round);
    for (const { picture, opacity } of layers) {
      const image = this.#image(picture);
      if (!image) throw new Error("Cannot draw a picture that does not decode");
      paint.setAlphaf(opacity);
      canvas.drawImage(image, 0, 0, paint);
      image.delete();
    }
    canvas.translate(0.5, 0.5); // (0, 0) of the points is the centre of a pixel, here its corner
    for (const shape of shapes) this.#drawShape(canvas, paint, shape);
  }

  /** Null where it does not decode. */
  #image(picture: Picture): Image | null {
    const { AlphaType, ColorSpace, ColorType, MakeImage, MakeImageFromEncoded } = this.#kit;
    if (picture instanceof Uint8Array) return MakeImageFromEncoded(picture);
    const { width, height, data } = picture;
    const colorType = ColorType.Gray_8, alphaType = AlphaType.Opaque, colorSpace = ColorSpace.SRGB;
    return MakeImage({ width, height, colorType, alphaType, colorSpace }, data, width);
  }

  #drawShape(canvas: Canvas, paint: Paint, shape: Shape): void {
    const { PaintStyle, PathBuilder, Font } = this.#kit;
    paint.setColor(this.#colour(shape.colour));
    paint.setStyle(shape.kind === "line" ? PaintStyle.Stroke : PaintStyle.Fill);
    if ("opacity" in shape) paint.setAlphaf(shape.opacity ?? 1);
    switch (shape.kind) {
      case "disc":
        return canvas.drawCircle(shape.x, shape.y, shape.radius, paint);
      case "line":
      case "area": {
        const isClosed = shape.kind === "area";
        const path = new PathBuilder().addPolygon(shape.xy as number[], isClosed).detachAndDelete();
        if (!isClosed) paint.setStrokeWidth(shape.width);
        canvas.drawPath(path, paint);
        return path.delete();
      }
      case "text": {
        const font = new Font(this.#kit.Typeface.GetDefault(), shape.size);
        canvas.drawText(shape.text, shape.x, shape.y, paint, font);
        return font.delete();
      }
    }
  }

  #colour(colour: string): Float32Array {
    let parsed = this.#colours.get(colour);
    if (!parsed) this.#colours.set(colour, parsed = this.#kit.parseColorString(colour));
    return parsed;
  }
}
