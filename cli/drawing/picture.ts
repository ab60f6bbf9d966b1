import { type JpegSegment, jpegSegments } from "../../protocol/mod.ts";
import type { Picture } from "../pictures/picture.ts";
import { isPng } from "../pictures/png.ts";

const APP1 = 0xe1;

/**
 * The picture, a JPEG without its Exif segments. An orientation there would have it drawn
 * turned, while points are those of the pixels as they are stored.
 *
 * @throws {ProtocolError} `bad_frame` where a file is neither a PNG nor a JPEG.
 */
export function withoutExif(picture: Picture): Picture {
  return !(picture instanceof Uint8Array) || isPng(picture) ? picture : jpegWithoutExif(picture);
}

function jpegWithoutExif(jpeg: Uint8Array): Uint8Array {
  const segments: JpegSegment[] = Array.from(jpegSegments(jpeg));
  if (!segments.some(({ marker }) => marker === APP1)) return jpeg;
  const kept = segments.filter(({ marker }) => marker !== APP1);
  const parts = [jpeg.subarray(0, 2), ...kept.map(({ start, end }) => jpeg.subarray(start, end))];
  const stripped = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    stripped.set(part, at);
    at += part.length;
  }
  return stripped;
}
