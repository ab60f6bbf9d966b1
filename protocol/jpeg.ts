import { ProtocolError } from "./errors.ts";
import { isJpeg } from "./frame.ts";
import { explainBytes } from "./pictures.ts";

/** Start-of-frame markers of the kinds that decode here: baseline, extended, progressive, and those with arithmetic coding. */
export const START_OF_FRAME: ReadonlySet<number> = new Set([0xc0, 0xc1, 0xc2, 0xc9, 0xca]);
const END_OF_IMAGE = 0xd9;
const START_OF_SCAN = 0xda;
const FILL = 0xff;
/** Markers without a segment, which libjpeg passes over: TEM and RST0 to RST7. */
const standsAlone = (marker: number) => marker === 0x01 || marker >= 0xd0 && marker <= 0xd7;

/** A segment of a JPEG: bytes `start` to `end`, marker and length included. */
export interface JpegSegment {
  marker: number;
  start: number;
  end: number;
}

/**
 * The segments of a JPEG before its first scan (ITU-T T.81, B.1); that scan
 * with all after it is the last one.
 *
 * @throws {ProtocolError} `bad_frame` where the bytes do not follow that form.
 */
export function* jpegSegments(jpeg: Uint8Array): Generator<JpegSegment> {
  if (!isJpeg(jpeg)) throw notAJpegAtAll(jpeg);
  let start = 2;
  while (start + 4 <= jpeg.length) {
    if (jpeg[start] !== 0xff) throw notAJpeg(`no marker stands at byte ${start}`);
    const marker = jpeg[start + 1];
    if (marker === FILL) {
      start += 1;
      continue;
    }
    if (standsAlone(marker)) {
      start += 2;
      continue;
    }
    if (marker === END_OF_IMAGE) break;
    if (marker === START_OF_SCAN) return yield { marker, start, end: jpeg.length };
    const end = start + 2 + (jpeg[start + 2] << 8 | jpeg[start + 3]);
    if (end < start + 4) throw notAJpeg(`the segment at byte ${start} has no length`);
    if (end > jpeg.length) break;
    yield { marker, start, end };
    start = end;
  }
  throw notAJpeg("it ends before its first scan");
}

/**
 * Reads a JPEG's size in pixels from its frame header (ITU-T T.81, B.2.2)
 * without decoding it.
 *
 * @throws {ProtocolError} `bad_frame` where there is no frame header before the first scan.
 */
export function jpegSize(jpeg: Uint8Array): { width: number; height: number } {
  for (const { marker, start, end } of jpegSegments(jpeg)) {
    if (!START_OF_FRAME.has(marker)) continue;
    if (end - start < 10) throw notAJpeg("its frame header is cut short");
    const height = jpeg[start + 5] << 8 | jpeg[start + 6];
    const width = jpeg[start + 7] << 8 | jpeg[start + 8];
    if (width === 0 || height === 0) throw notAJpeg(`its size is ${width}×${height} pixels`);
    return { width, height };
  }
  throw notAJpeg("it has no frame header before its first scan");
}

function notAJpegAtAll(bytes: Uint8Array): ProtocolError {
  const mistake = explainBytes(bytes);
  return mistake
    ? new ProtocolError("bad_frame", mistake)
    : notAJpeg("it does not start with FF D8");
}

function notAJpeg(why: string): ProtocolError {
  return new ProtocolError("bad_frame", `Cannot read a frame as JPEG: ${why}`);
}
