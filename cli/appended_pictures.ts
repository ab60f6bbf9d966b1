import { jpegSegments } from "../protocol/mod.ts";

const APP2 = 0xe2;
const MPF = "MPF\0";
/** Tag of the list of pictures, and the bytes of one in it. */
const ENTRIES = 0xb002, ENTRY_BYTES = 16;

/** A picture behind the first one of a file: where it begins, from the file's start, and its bytes. */
export interface Appended {
  start: number;
  bytes: number;
}

/**
 * The pictures that a JPEG says are appended to it, such as the gain map of an
 * Ultra HDR photo, or a preview: CIPA DC-007, multi-picture format. None where
 * it says nothing that holds together.
 */
export function appendedPictures(jpeg: Uint8Array): Appended[] {
  for (const { marker, start, end } of jpegSegments(jpeg)) {
    const body = jpeg.subarray(start + 4, end);
    if (marker !== APP2 || new TextDecoder("latin1").decode(body.subarray(0, 4)) !== MPF) continue;
    try {
      return readEntries(body.subarray(MPF.length), start + 4 + MPF.length);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error; // the view's: it points outside
    }
  }
  return [];
}

/** @param at where the index stands in the file: from there on its offsets count */
function readEntries(index: Uint8Array, at: number): Appended[] {
  const view = new DataView(index.buffer, index.byteOffset, index.byteLength);
  const little = view.getUint16(0) === 0x4949; // "II", else "MM"
  const u16 = (offset: number) => view.getUint16(offset, little);
  const u32 = (offset: number) => view.getUint32(offset, little);
  const directory = u32(4);
  for (let i = 0; i < u16(directory); i++) {
    const field = directory + 2 + 12 * i;
    if (u16(field) !== ENTRIES) continue;
    const count = Math.floor(u32(field + 4) / ENTRY_BYTES), first = u32(field + 8);
    const pictures: Appended[] = [];
    for (let entry = first + ENTRY_BYTES; pictures.length < count - 1; entry += ENTRY_BYTES) {
      pictures.push({ start: at + u32(entry + 8), bytes: u32(entry + 4) });
    }
    return pictures;
  }
  return [];
}
