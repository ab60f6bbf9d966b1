import * as v from "valibot";
import type { Region } from "../tracking/mask.ts";
import { UsageError } from "./command_line.ts";
import { MAX_PICTURE_PIXELS } from "./pictures/picture.ts";
import { decodePng, isPng } from "./pictures/png.ts";

/** A JPEG's black and white are none at their border: from here on, grey is white. */
const WHITE = 128;

const number = v.pipe(v.number(), v.finite());
const polygons = v.array(v.pipe(v.array(v.strictTuple([number, number])), v.minLength(3)));

/**
 * Reads where points may be: a PNG, where it is not black; a JPEG, where it is rather white; or
 * JSON with polygons in pixels, [[[x,y],…],…], alone or as `polygons` of an object.
 *
 * @throws {UsageError} naming the file and what is allowed.
 */
export async function readMask(file: string): Promise<Region> {
  const refuse = (why: string): never => {
    throw new UsageError(`Cannot read a mask from ${file}: ${why}`);
  };
  const bytes = await Deno.readFile(file).catch((error) => refuse((error as Error).message));
  try {
    if (isPng(bytes)) return painted(decodePng(bytes, MAX_PICTURE_PIXELS), 1);
    if (bytes[0] === 0xff && bytes[1] === 0xd8) {
      const { Rasteriser } = await import("./drawing/raster.ts");
      return painted((await Rasteriser.load()).greyLevels(bytes), WHITE);
    }
    const value = JSON.parse(new TextDecoder().decode(bytes));
    return v.parse(polygons, Array.isArray(value) ? value : value?.polygons);
  } catch (error) {
    const isPicture = !(error instanceof SyntaxError || error instanceof v.ValiError);
    return refuse(
      isPicture
        ? (error as Error).message
        : "allowed are a PNG, a JPEG, and polygons of 3 corners and more, as [[[x,y],…],…]",
    );
  }
}

function painted<T extends { data: Uint8Array }>(picture: T, from: number): T {
  return { ...picture, data: picture.data.map((level) => level >= from ? 255 : 0) };
}
