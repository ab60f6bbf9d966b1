import { type FrameHeader, jpegSegments, Marker, readFrameHeader } from "../protocol/mod.ts";
import { findMarker, isReserved, notAJpeg, segmentEnd, standsAlone } from "../protocol/jpeg.ts";
import { MAX_SCANS } from "../protocol/jpeg_scans.ts";

const APP14 = 0xee;
const ADOBE_TRANSFORM_AT = 11;

/** Adobe's segment with transform 0: the components are to be taken as they are. */
const NO_TRANSFORM = new Uint8Array([
  ...[0xff, APP14, 0, 14],
  ...new TextEncoder().encode("Adobe"),
  ...[0, 100, 0, 0, 0, 0, 0],
]);
const END_MARKER = Uint8Array.of(0xff, Marker.endOfImage);

/** A JPEG told to decode without colour conversion. */
export interface PlainJpeg {
  /** The file, in parts to be joined. */
  parts: Uint8Array[];
  header: FrameHeader;
  /** The components are red, green and blue; else the first one is the luma. */
  rgb: boolean;
  /** All scans that the pixels need are there, to the last bit. */
  isWhole: boolean;
}

/**
 * Rewrites a JPEG's header so that a decoder that gives out RGB hands out the
 * components as they are stored: the segments of applications go (JFIF's says
 * YCbCr, Adobe's may), one of Adobe's with transform 0 comes in. Stray bytes
 * between the segments go too, and an end marker comes where a file of one scan
 * has none. Nothing is copied: the parts are views of `jpeg`.
 *
 * Which colours the file means is decided as in libjpeg's
 * `default_decompress_parms`: JFIF is YCbCr, else Adobe's transform counts,
 * else components named R, G, B are that.
 *
 * @throws {ProtocolError} `bad_frame` where there is no frame header before the
 * first scan, or the file is of a kind that does not decode.
 */
export function withoutColourTransform(jpeg: Uint8Array): PlainJpeg {
  const parts = [jpeg.subarray(0, 2), NO_TRANSFORM];
  let jfif = false, adobe: number | undefined, header: FrameHeader | null = null, scan = 0;
  for (const segment of jpegSegments(jpeg)) {
    const { marker, start, end } = segment;
    const body = jpeg.subarray(start + 4, end);
    if (marker === Marker.app0 && startsWith(body, "JFIF\0", 14)) jfif = true;
    if (marker === APP14 && startsWith(body, "Adobe", 12)) adobe = body[ADOBE_TRANSFORM_AT];
    const next = readFrameHeader(jpeg, segment);
    if (next && header) throw notAJpeg("it has two frame headers");
    header ??= next;
    scan = start;
    const dropped = marker >= Marker.app0 && marker <= Marker.app15 || marker === Marker.com;
    if (!dropped) parts.push(jpeg.subarray(start, end));
  }
  if (!header) throw notAJpeg("it has no frame header before its first scan");
  const ids = header.components.map(({ id }) => id);
  const named = adobe === undefined ? String.fromCharCode(...ids) === "RGB" : adobe === 0;
  const rgb = ids.length === 3 && !jfif && named;
  const isOneScan = !header.progressive && jpeg[scan + 4] === ids.length;
  const isWhole = isOneScan || hasAllBits(jpeg, scan + 2, rgb ? ids : ids.slice(0, 1));
  const hasEnd = jpeg.at(-2) === 0xff && jpeg.at(-1) === Marker.endOfImage;
  if (isOneScan && !header.arithmetic && !hasEnd) parts.push(END_MARKER);
  return { parts, header, rgb, isWhole };
}

/**
 * Looks through scans without decoding them: in a file that is not damaged, what
 * is found is right.
 *
 * @param needed the components that the pixels need
 * @returns whether all bits of their coefficients are there
 */
function hasAllBits(jpeg: Uint8Array, at: number, needed: number[]): boolean {
  const toCome = new Map(needed.map((id) => [id, new Uint8Array(64).fill(255)]));
  for (let scans = 1;; scans++) {
    if (scans > MAX_SCANS) throw notAJpeg(`it has more than ${MAX_SCANS} scans`);
    const end = segmentEnd(jpeg, at);
    const [first, last, bits] = jpeg.subarray(end - 3, end);
    for (let i = 0; i < jpeg[at + 2]; i++) {
      toCome.get(jpeg[at + 3 + 2 * i])?.fill(bits & 15, first, last + 1);
    }
    const next = findScan(jpeg, end);
    if (next === null) break;
    at = next;
  }
  return Array.from(toCome.values()).every((coefficients) => coefficients.every((n) => n === 0));
}

function findScan(jpeg: Uint8Array, from: number): number | null {
  for (;;) {
    const found = findMarker(jpeg, from);
    if (!found || found.code === Marker.endOfImage || isReserved(found.code)) return null;
    if (found.code === Marker.startOfScan) return found.end;
    from = standsAlone(found.code) ? found.end : segmentEnd(jpeg, found.end);
  }
}

/** Shorter ones are not taken for what they say, as in libjpeg. */
function startsWith(body: Uint8Array, text: string, bytes: number): boolean {
  return body.length >= bytes &&
    Array.from(text).every((char, i) => body[i] === char.charCodeAt(0));
}
