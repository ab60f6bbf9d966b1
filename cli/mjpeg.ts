import { findMarker, isReserved, Marker, segmentEnd, standsAlone } from "../protocol/jpeg.ts";
import { readScans } from "../protocol/jpeg_scans.ts";
import { ProtocolError } from "../protocol/mod.ts";
import { type Appended, appendedPictures } from "./appended_pictures.ts";

/** A frame that grows past this has lost its end. */
const MAX_FRAME_BYTES = 64 << 20;

const FILL = 0xff;

/**
 * Cuts a stream of JPEGs, one after the other, into frames (markers after ITU-T
 * T.81, B.1). What lies between them is passed over, be it garbage or the
 * headers of `multipart/x-mixed-replace`; so is a frame in which the next one
 * begins, or whose segments do not hold together. A frame without its end marker
 * is taken where no pixel is missing, and so are stray bytes between segments.
 * Thumbnails inside of segments are not taken for frames, nor are pictures that
 * a frame says are appended to it. Holds one frame and one chunk at most.
 */
export class MjpegSplitter {
  #buffer = new Uint8Array(1 << 16);
  #length = 0;
  /** Of the buffer's start, in the stream. */
  #offset = 0;
  /** How far the frame at the buffer's start has been walked; 0 where none has begun. */
  #at = 0;
  /** The last segment walked over; coded data may follow on that of a scan. */
  #segment = { marker: 0, start: 0, end: 0 };
  #hasScan = false;
  /** Pictures that belong to the last frame, by their place in the stream. */
  #appended: Appended[] = [];
  /** Frames that were begun and not brought to their end. */
  damaged = 0;

  /** @param maxFrameBytes larger frames are passed over as damaged */
  constructor(readonly maxFrameBytes = MAX_FRAME_BYTES) {}

  /** Takes the next bytes of the stream; returns the frames that they complete, as copies. */
  push(chunk: Uint8Array): Uint8Array<ArrayBuffer>[] {
    this.#append(chunk);
    const frames = this.#takeWhole();
    if (this.#length > this.maxFrameBytes) this.#giveUp(this.#length);
    return frames;
  }

  /**
   * The stream is over: a frame that still waits for its end is damaged, unless
   * its end marker alone is missing. Returns it then, and frames that were hidden
   * in what looked like a segment of a damaged one.
   */
  end(): Uint8Array<ArrayBuffer>[] {
    const frames: Uint8Array<ArrayBuffer>[] = [];
    while (this.#at > 0) {
      const frame = this.#endAt(this.#length, this.#hasScan ? this.#length : 2);
      if (frame) frames.push(frame);
      frames.push(...this.#takeWhole());
    }
    return frames;
  }

  #takeWhole(): Uint8Array<ArrayBuffer>[] {
    const frames: Uint8Array<ArrayBuffer>[] = [];
    for (let frame = this.#walk(); frame !== "more bytes"; frame = this.#walk()) {
      if (frame) frames.push(frame);
    }
    return frames;
  }

  /** Walks to the next marker that ends the frame at the buffer's start, well or not; null where it is none. */
  #walk(): Uint8Array<ArrayBuffer> | null | "more bytes" {
    for (;;) {
      if (this.#at === 0 && !this.#findStart()) return "more bytes";
      const bytes = this.#buffer.subarray(0, this.#length);
      const found = findMarker(bytes, this.#at);
      if (!found) {
        this.#at = this.#length;
        while (bytes[this.#at - 1] === FILL) this.#at--; // the marker's code may come
        return "more bytes";
      }
      const { code, start, end } = found;
      const hidden = this.#hiddenStart(start);
      if (hidden > 0) return this.#giveUp(hidden);
      if (code === Marker.endOfImage) return this.#take(end, end);
      if (code === Marker.startOfImage) return this.#endAt(start, start);
      if (isReserved(code)) return this.#endAt(start, 2);
      this.#at = end;
      if (standsAlone(code)) continue;
      const next = end + 2 > bytes.length ? Infinity : segmentEnd(bytes, end);
      if (next > bytes.length) {
        this.#at = start;
        return "more bytes";
      }
      this.#at = next;
      this.#segment = { marker: code, start, end: next };
      if (code === Marker.startOfScan) this.#hasScan = true;
    }
  }

  /** Lets go of everything before FF D8 FF. */
  #findStart(): boolean {
    const bytes = this.#buffer.subarray(0, this.#length);
    const start = findPicture(bytes);
    if (start >= 0) {
      this.#discard(start);
      this.#at = 2;
      this.#segment = { marker: Marker.startOfImage, start: 2, end: 2 };
      return true;
    }
    let kept = this.#length; // what may be its first bytes
    if (bytes[kept - 1] === Marker.startOfImage && bytes[kept - 2] === FILL) kept -= 2;
    else if (bytes[kept - 1] === FILL) kept -= 1;
    this.#discard(kept);
    return false;
  }

  /**
   * A header that is cut short takes the next frame's start for its own: where
   * stray bytes follow a segment, and a picture begins in it that does not end
   * there, the next frame begins where that does. 0 where none does.
   *
   * @param nextMarker where the next marker was found
   */
  #hiddenStart(nextMarker: number): number {
    const { marker, start, end } = this.#segment;
    if (marker === Marker.startOfScan || nextMarker === end) return 0;
    const segment = this.#buffer.subarray(start, end);
    const picture = findPicture(segment);
    if (picture < 0) return 0;
    let last = picture;
    for (let at = picture; at >= 0; at = findPicture(segment, at + 1)) last = at;
    const ends = segment.subarray(last).some((byte, i, rest) =>
      byte === FILL && rest[i + 1] === Marker.endOfImage
    );
    return ends ? 0 : start + last;
  }

  /** The frame stops at byte `at` without its end marker: taken if it is whole, else looked for another from `next` on. */
  #endAt(at: number, next: number): Uint8Array<ArrayBuffer> | null {
    const end = this.#hasScan ? wholeEnd(this.#buffer.subarray(0, at)) : null;
    return end === null ? this.#giveUp(next) : this.#take(end, at);
  }

  /** Hands out the frame up to `end` and goes on at `next`; null where it belongs to the one before. */
  #take(end: number, next: number): Uint8Array<ArrayBuffer> | null {
    const start = this.#offset;
    const belongs = this.#appended.some((a) => a.start === start && a.bytes === end);
    const frame = belongs ? null : this.#buffer.slice(0, end);
    if (frame && this.#hasScan) {
      this.#appended = appendedPictures(frame).map((a) => ({ ...a, start: start + a.start }));
    }
    this.#discard(next);
    return frame;
  }

  /** The frame is damaged: looks for another one from byte `from` on. */
  #giveUp(from: number): null {
    if (this.#at > 0) this.damaged++;
    this.#discard(from);
    return null;
  }

  #discard(count: number): void {
    this.#buffer.copyWithin(0, count, this.#length);
    this.#length -= count;
    this.#offset += count;
    this.#at = 0;
    this.#hasScan = false;
  }

  #append(chunk: Uint8Array): void {
    const needed = this.#length + chunk.length;
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#buffer.set(chunk, this.#length);
    this.#length = needed;
  }
}

/** Where FF D8 FF stands; -1 where it does not. */
function findPicture(bytes: Uint8Array, from = 0): number {
  for (let at = bytes.indexOf(FILL, from); at >= 0; at = bytes.indexOf(FILL, at + 1)) {
    if (bytes[at + 1] === Marker.startOfImage && bytes[at + 2] === FILL) return at;
  }
  return -1;
}

/** Where what the pixels need ends; null where some is missing. */
function wholeEnd(jpeg: Uint8Array): number | null {
  try {
    return readScans(jpeg, 1).end;
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}
