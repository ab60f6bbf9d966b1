const MASKED = 0x80, LENGTH = 0x7f, LENGTH_16 = 126, LENGTH_64 = 127, MASK_BYTES = 4;
const LONGEST_HEADER = 14;

/**
 * Finds the frames of a WebSocket connection (RFC 6455, 5.2) in the pieces in
 * which it is received. Looks at their lengths alone: whether they are right is
 * for who reads them.
 */
export class FrameScanner {
  readonly #header = new Uint8Array(LONGEST_HEADER);
  #headerBytes = 0;
  /** What is to come of the payload of the frame begun last. */
  #payload = 0;

  /** @returns how far `bytes` go with no more than so many frames that begin in them, and how many do */
  cut(bytes: Uint8Array, most: number): { bytes: number; frames: number } {
    let at = 0, frames = 0;
    while (at < bytes.length) {
      if (this.#payload > 0) {
        const here = Math.min(this.#payload, bytes.length - at);
        this.#payload -= here;
        at += here;
      } else {
        if (frames === most) break;
        this.#header[this.#headerBytes++] = bytes[at++];
        if (this.#headerBytes < headerLength(this.#header, this.#headerBytes)) continue;
        this.#payload = payloadLength(this.#header);
        this.#headerBytes = 0;
        frames++;
      }
    }
    return { bytes: at, frames };
  }
}

/** @param known how many bytes of it came */
function headerLength(header: Uint8Array, known: number): number {
  if (known < 2) return 2;
  const length = header[1] & LENGTH;
  const more = length === LENGTH_16 ? 2 : length === LENGTH_64 ? 8 : 0;
  return 2 + more + (header[1] & MASKED ? MASK_BYTES : 0);
}

function payloadLength(header: Uint8Array): number {
  const length = header[1] & LENGTH;
  const view = new DataView(header.buffer);
  if (length === LENGTH_16) return view.getUint16(2);
  return length === LENGTH_64 ? Number(view.getBigUint64(2)) : length;
}
