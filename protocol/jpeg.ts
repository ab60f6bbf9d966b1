import { ProtocolError } from "./errors.ts";
import { isJpeg } from "./frame.ts";

/** Size and number of colour components, as a JPEG's frame header gives them. */
export interface JpegSize {
  width: number;
  height: number;
  components: number;
}

/** Start-of-frame markers of the kinds that decode here: baseline, extended, progressive, and those with arithmetic coding. */
const START_OF_FRAME = new Set([0xc0, 0xc1, 0xc2, 0xc9, 0xca]);
const START_OF_SCAN = 0xda;
const END_OF_IMAGE = 0xd9;

/**
 * Reads a JPEG's size from its markers without decoding it (ITU-T T.81, B.2.2).
 *
 * @throws {ProtocolError} `bad_frame` where there is no frame header before the first scan.
 */
export function jpegSize(jpeg: Uint8Array): JpegSize {
  if (!isJpeg(jpeg)) throw notAJpeg("it does not start with FF D8");
  let at = 2;
  while (at + 4 <= jpeg.length) {
    if (jpeg[at] !== 0xff) throw notAJpeg(`no marker stands at byte ${at}`);
    const marker = jpeg[at + 1];
    if (marker === 0xff) { // a fill byte
      at += 1;
      continue;
    }
    if (marker === START_OF_SCAN || marker === END_OF_IMAGE) break;
    const length = jpeg[at + 2] << 8 | jpeg[at + 3];
    if (length < 2) throw notAJpeg(`a segment counts ${length} bytes, allowed are 2 and more`);
    if (START_OF_FRAME.has(marker)) return readSize(jpeg, at + 4, length);
    at += 2 + length;
  }
  throw notAJpeg("it ends before its frame header");
}

function readSize(jpeg: Uint8Array, at: number, length: number): JpegSize {
  if (length < 8 || at + 6 > jpeg.length) throw notAJpeg("its frame header is cut short");
  const height = jpeg[at + 1] << 8 | jpeg[at + 2];
  const width = jpeg[at + 3] << 8 | jpeg[at + 4];
  if (width === 0 || height === 0) throw notAJpeg(`its size is ${width}×${height} pixels`);
  return { width, height, components: jpeg[at + 5] };
}

function notAJpeg(why: string): ProtocolError {
  return new ProtocolError("bad_frame", `Cannot read a frame as JPEG: ${why}`);
}
