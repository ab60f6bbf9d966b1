import { jpegSegments, ProtocolError, START_OF_FRAME } from "../protocol/mod.ts";
import { FrameError } from "../tracking/engine.ts";

const COM = 0xfe;
const APP0 = 0xe0, APP14 = 0xee, APP15 = 0xef;
const ADOBE_TRANSFORM_AT = 11;

/** Adobe's segment with transform 0: the components are to be taken as they are. */
const NO_TRANSFORM = new Uint8Array([
  ...[0xff, APP14, 0, 14],
  ...new TextEncoder().encode("Adobe"),
  ...[0, 100, 0, 0, 0, 0, 0],
]);

/** A JPEG told to decode without colour conversion. */
export interface PlainJpeg {
  /** The file, in parts to be joined. */
  parts: Uint8Array[];
  /** 1, or 3. */
  components: number;
  /** The components are red, green and blue; else the first one is the luma. */
  rgb: boolean;
}

/**
 * Rewrites a JPEG's header so that a decoder that gives out RGB hands out the
 * components as they are stored: the segments of applications go (JFIF's says
 * YCbCr, Adobe's may), one of Adobe's with transform 0 comes in. Nothing is
 * copied: the parts are views of `jpeg`.
 *
 * Which colours the file means is decided as in libjpeg's
 * `default_decompress_parms`: JFIF is YCbCr, else Adobe's transform counts,
 * else components named R, G, B are that.
 *
 * @throws {FrameError} `bad_frame` where there is no frame header before the
 * first scan, or the file is neither grey nor of three colours.
 */
export function withoutColourTransform(jpeg: Uint8Array): PlainJpeg {
  try {
    return rewrite(jpeg);
  } catch (error) {
    throw error instanceof ProtocolError ? new FrameError("bad_frame", error.message) : error;
  }
}

function rewrite(jpeg: Uint8Array): PlainJpeg {
  const parts = [jpeg.subarray(0, 2), NO_TRANSFORM];
  let jfif = false, adobe: number | undefined, ids: number[] | undefined;
  for (const { marker, start, end } of jpegSegments(jpeg)) {
    const body = jpeg.subarray(start + 4, end);
    if (marker === APP0 && startsWith(body, "JFIF\0")) jfif = true;
    if (marker === APP14 && startsWith(body, "Adobe")) adobe = body[ADOBE_TRANSFORM_AT];
    if (START_OF_FRAME.has(marker)) ids = componentIds(body);
    const dropped = marker >= APP0 && marker <= APP15 || marker === COM;
    if (!dropped) parts.push(jpeg.subarray(start, end));
  }
  if (ids === undefined) throw badFrame("it has no frame header before its first scan");
  if (ids.length !== 1 && ids.length !== 3) {
    throw badFrame(`it has ${ids.length} colour components, allowed are 1 and 3`);
  }
  const rgb = !jfif && (adobe === undefined ? String.fromCharCode(...ids) === "RGB" : adobe === 0);
  return { parts, components: ids.length, rgb: ids.length === 3 && rgb };
}

/** Names of the components, from the body of a frame header (ITU-T T.81, B.2.2). */
function componentIds(body: Uint8Array): number[] {
  const count = body[5];
  if (!(body.length >= 6 + 3 * count)) throw badFrame("its frame header is cut short");
  return Array.from({ length: count }, (_, i) => body[6 + 3 * i]);
}

function startsWith(body: Uint8Array, text: string): boolean {
  return body.length >= text.length &&
    Array.from(text).every((char, i) => body[i] === char.charCodeAt(0));
}

/** "Cannot decode a frame: `why`". */
export function badFrame(why: string): FrameError {
  return new FrameError("bad_frame", `Cannot decode a frame: ${why}`);
}
