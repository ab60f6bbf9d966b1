import { ProtocolError } from "./errors.ts";
import { isJpeg } from "./frame.ts";
import { explainBytes } from "./pictures.ts";

const SOF0 = 0xc0, SOF2 = 0xc2, SOF9 = 0xc9, SOF10 = 0xca;
/** Start-of-frame markers of the kinds that decode here: baseline, extended, progressive, and those with arithmetic coding. */
const START_OF_FRAME: ReadonlySet<number> = new Set([SOF0, 0xc1, SOF2, SOF9, SOF10]);
/** Of the kinds that do not. */
const UNSUPPORTED: ReadonlyMap<number, string> = new Map([
  [0xc3, "lossless"],
  [0xc5, "hierarchical"],
  [0xc6, "hierarchical"],
  [0xc7, "hierarchical"],
  [0xc8, "of a reserved kind"],
  [0xcb, "lossless, with arithmetic coding"],
  [0xcd, "hierarchical, with arithmetic coding"],
  [0xce, "hierarchical, with arithmetic coding"],
  [0xcf, "hierarchical, with arithmetic coding"],
]);
const FILL = 0xff;

/** Codes of the markers that readers here tell apart (ITU-T T.81, B.1.1.3). */
export const Marker = {
  dht: 0xc4,
  dac: 0xcc,
  rst0: 0xd0,
  startOfImage: 0xd8,
  endOfImage: 0xd9,
  startOfScan: 0xda,
  dqt: 0xdb,
  dnl: 0xdc,
  dri: 0xdd,
  app0: 0xe0,
  app15: 0xef,
  com: 0xfe,
} as const;

/** Markers without a segment that may stand between segments: TEM and RST0 to RST7. */
export const standsAlone = (marker: number) => marker === 0x01 || marker >= 0xd0 && marker <= 0xd7;

/** Markers that no JPEG of one frame has; libjpeg gives the file up at them. */
export const isReserved = (marker: number) =>
  marker > 0x01 && marker < 0xc0 || marker === 0xde || marker === 0xdf ||
  marker >= 0xf0 && marker <= 0xfd;

/**
 * The next marker from byte `from` on, as libjpeg's `next_marker` finds it:
 * stray bytes before it are passed over, and so are an FF with a 0 behind it and
 * the FFs that fill. Null where the bytes end before.
 *
 * @returns its code; `start`, its first FF; `end`, the byte behind its code
 */
export function findMarker(
  bytes: Uint8Array,
  from: number,
): { code: number; start: number; end: number } | null {
  for (let start = bytes.indexOf(FILL, from); start >= 0; start = bytes.indexOf(FILL, start)) {
    let at = start + 1;
    while (bytes[at] === FILL) at++;
    if (at >= bytes.length) return null;
    if (bytes[at] !== 0) return { code: bytes[at], start, end: at + 1 };
    start = at + 1;
  }
  return null;
}

/**
 * Where a segment ends, `at` being the first byte of its length; it may lie past
 * the end of the bytes. A length that does not count itself is none, as for libjpeg.
 */
export function segmentEnd(bytes: Uint8Array, at: number): number {
  return at + Math.max(2, bytes[at] << 8 | bytes[at + 1]);
}

/** A segment of a JPEG: bytes `start` to `end`, marker and length included. */
export interface JpegSegment {
  marker: number;
  start: number;
  end: number;
}

/**
 * The segments of a JPEG before its first scan (ITU-T T.81, B.1), without stray
 * bytes that lie between them; the first scan with all after it is the last one.
 *
 * @throws {ProtocolError} `bad_frame` where the bytes do not follow that form.
 */
export function* jpegSegments(jpeg: Uint8Array): Generator<JpegSegment> {
  if (!isJpeg(jpeg)) throw notAJpegAtAll(jpeg);
  for (let from = 2;;) {
    const found = findMarker(jpeg, from);
    if (!found) throw notAJpeg("it ends before its first scan");
    const { code: marker, end: at } = found;
    const start = at - 2;
    if (marker === Marker.startOfScan) return yield { marker, start, end: jpeg.length };
    if (marker === Marker.endOfImage) throw notAJpeg("it ends before its first scan");
    if (marker === Marker.startOfImage) throw notAJpeg(`another one begins at byte ${start}`);
    if (isReserved(marker)) throw notAJpeg(`a reserved marker stands at byte ${start}`);
    from = at;
    if (standsAlone(marker)) continue;
    from = segmentEnd(jpeg, at);
    if (!(from <= jpeg.length)) throw notAJpeg("it ends before its first scan");
    yield { marker, start, end: from };
  }
}

/** A frame header (ITU-T T.81, B.2.2). */
export interface FrameHeader {
  width: number;
  height: number;
  progressive: boolean;
  arithmetic: boolean;
  components: { id: number; across: number; down: number; quantization: number }[];
}

/**
 * Reads a segment as a frame header. Null where it is none.
 *
 * @throws {ProtocolError} `bad_frame` where it is damaged, or of a kind that does not decode
 * here, which the message names.
 */
export function readFrameHeader(jpeg: Uint8Array, segment: JpegSegment): FrameHeader | null {
  const size = readSize(jpeg, segment);
  if (!size) return null;
  const { marker, start, end } = segment;
  const body = jpeg.subarray(start + 4, end);
  const count = body[5];
  if (body.length !== 6 + 3 * count) throw notAJpeg("its frame header has a wrong length");
  const components = Array.from({ length: count }, (_, i) => {
    const [id, sampling, quantization] = body.subarray(6 + 3 * i);
    return { id, across: sampling >> 4, down: sampling & 15, quantization };
  });
  const arithmetic = marker === SOF9 || marker === SOF10;
  return { ...size, progressive: marker === SOF2 || marker === SOF10, arithmetic, components };
}

/**
 * Reads a JPEG's size in pixels from its frame header, without decoding it.
 *
 * @throws {ProtocolError} `bad_frame` where there is none before the first scan, or it is of a
 * kind that does not decode here, which the message names.
 */
export function jpegSize(jpeg: Uint8Array): { width: number; height: number } {
  for (const segment of jpegSegments(jpeg)) {
    const size = readSize(jpeg, segment);
    if (size) return size;
  }
  throw notAJpeg("it has no frame header before its first scan");
}

function notAJpegAtAll(bytes: Uint8Array): ProtocolError {
  const mistake = explainBytes(bytes);
  return mistake
    ? new ProtocolError("bad_frame", mistake)
    : notAJpeg("it does not start with FF D8");
}

function readSize(
  jpeg: Uint8Array,
  { marker, start, end }: JpegSegment,
): { width: number; height: number } | null {
  const unsupported = UNSUPPORTED.get(marker);
  if (unsupported) {
    const sof = `SOF${marker - SOF0}`;
    throw notAJpeg(`it is ${unsupported} (${sof}), allowed are baseline and progressive`);
  }
  if (!START_OF_FRAME.has(marker)) return null;
  if (end - start < 10) throw notAJpeg("its frame header is cut short");
  const body = jpeg.subarray(start + 4, end);
  if (body[0] !== 8) throw notAJpeg(`it has ${body[0]} bits a sample, allowed are 8`);
  const height = body[1] << 8 | body[2], width = body[3] << 8 | body[4];
  if (width === 0 || height === 0) throw notAJpeg(`its size is ${width}×${height} pixels`);
  const count = body[5];
  if (count === 4) throw notAJpeg("it is CMYK (4 components), allowed are grey and colour");
  if (count !== 1 && count !== 3) throw notAJpeg(`it has ${count} components, allowed are 1 and 3`);
  return { width, height };
}

/** "Cannot read a frame as JPEG: `why`". */
export function notAJpeg(why: string): ProtocolError {
  return new ProtocolError("bad_frame", `Cannot read a frame as JPEG: ${why}`);
}
