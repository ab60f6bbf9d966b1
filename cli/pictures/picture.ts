import type { Frame, Grey } from "../../tracking/engine.ts";
import { decodePng, isPng } from "./png.ts";

/** A JPEG or PNG as its file has it, or grey levels. */
export type Picture = Uint8Array | Grey;

/** Photographs are larger than what a server takes. */
export const MAX_PICTURE_PIXELS = 100_000_000;

/** By its name. */
export function isPictureName(name: string): boolean {
  return /\.(jpe?g|png)$/i.test(name);
}

/**
 * A picture as engines take it: a JPEG as it is, a PNG's grey levels.
 *
 * @throws {FrameError} where a PNG cannot be used; of a JPEG the engine says so.
 */
export function toFrame(picture: Picture): Frame {
  return picture instanceof Uint8Array && isPng(picture)
    ? decodePng(picture, MAX_PICTURE_PIXELS)
    : picture;
}
