/** A frame that grows past this has lost its end. */
const MAX_FRAME_BYTES = 64 << 20;

const SOI = 0xd8, EOI = 0xd9, SOS = 0xda, FILL = 0xff;
/** Markers below it are reserved, or stand in scans alone. */
const FIRST_MARKER = 0xc0;

/**
 * Cuts a stream of JPEGs, one after the other, into frames (markers after ITU-T
 * T.81, B.1). What lies between them is passed over, be it garbage or the
 * headers of `multipart/x-mixed-replace`; so is a frame in which the next one
 * begins, or whose segments do not hold together. Thumbnails inside of segments
 * are not taken for frames. Holds one frame and one chunk at most.
 */
export class MjpegSplitter {
  #buffer = new Uint8Array(1 << 16);
  #length = 0;
  /** How far the frame at the buffer's start has been walked; 0 where none has begun. */
  #at = 0;
  #inScan = false;
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
   * The stream is over: a frame that still waits for its end is damaged. Returns
   * those that were hidden in what looked like one of its segments.
   */
  end(): Uint8Array<ArrayBuffer>[] {
    const frames: Uint8Array<ArrayBuffer>[] = [];
    while (this.#at > 0) {
      this.#giveUp(this.#inScan ? this.#length : 2);
      frames.push(...this.#takeWhole());
    }
    return frames;
  }

  #takeWhole(): Uint8Array<ArrayBuffer>[] {
    const frames: Uint8Array<ArrayBuffer>[] = [];
    while (this.#walk()) {
      frames.push(this.#buffer.slice(0, this.#at));
      this.#discard(this.#at);
    }
    return frames;
  }

  /** True where the frame at the buffer's start ends at `#at`; false where more bytes are needed. */
  #walk(): boolean {
    for (;;) {
      if (this.#at === 0 && !this.#findStart()) return false;
      if (this.#inScan && !this.#skipScanData()) return false;
      if (this.#at + 2 > this.#length) return false;
      const marker = this.#buffer[this.#at + 1];
      if (this.#buffer[this.#at] !== 0xff || marker === SOI || marker < FIRST_MARKER) {
        this.#giveUp(marker === SOI ? this.#at : 2);
      } else if (marker === FILL) {
        this.#at += 1;
      } else if (marker === EOI) {
        this.#at += 2;
        return true;
      } else if (!this.#skipSegment(marker)) {
        return false;
      }
    }
  }

  /** Lets go of everything before FF D8 FF. */
  #findStart(): boolean {
    const bytes = this.#buffer.subarray(0, this.#length);
    let start = bytes.indexOf(0xff);
    while (start >= 0 && start + 3 <= bytes.length) {
      if (bytes[start + 1] === SOI && bytes[start + 2] === 0xff) {
        this.#discard(start);
        this.#at = 2;
        return true;
      }
      start = bytes.indexOf(0xff, start + 1);
    }
    this.#discard(start < 0 ? this.#length : start);
    return false;
  }

  #skipSegment(marker: number): boolean {
    const at = this.#at;
    if (at + 4 > this.#length) return false;
    const length = this.#buffer[at + 2] << 8 | this.#buffer[at + 3];
    if (length < 2) {
      this.#giveUp(2);
      return true;
    }
    if (at + 2 + length > this.#length) return false;
    this.#at += 2 + length;
    this.#inScan = marker === SOS;
    return true;
  }

  /** In a scan, FF is followed by 0 or a restart marker (D0 to D7), or ends it. */
  #skipScanData(): boolean {
    const bytes = this.#buffer.subarray(0, this.#length);
    for (let at = this.#at;;) {
      at = bytes.indexOf(0xff, at);
      if (at < 0 || at + 1 >= bytes.length) {
        this.#at = at < 0 ? bytes.length : at;
        return false;
      }
      const next = bytes[at + 1];
      if (next !== 0 && next !== FILL && (next & 0xf8) !== 0xd0) {
        this.#at = at;
        this.#inScan = false;
        return true;
      }
      at += next === FILL ? 1 : 2;
    }
  }

  /** The frame is damaged: looks for another one from byte `from` on. */
  #giveUp(from: number): void {
    if (this.#at > 0) this.damaged++;
    this.#discard(from);
  }

  #discard(count: number): void {
    this.#buffer.copyWithin(0, count, this.#length);
    this.#length -= count;
    this.#at = 0;
    this.#inScan = false;
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
