import { notAJpeg } from "./jpeg.ts";

const FILL = 0xff;
const MAX_CODE_BITS = 16;
/** Codes up to this length are found by one look. */
const LOOK_BITS = 9;

/** A Huffman table, from a DHT segment's list of counts and symbols (ITU-T T.81, C and F.2.2.3). */
export class HuffmanTable {
  /** By the next 9 bits: the code's length in the upper byte, its symbol in the lower; 0 for longer codes. */
  readonly look = new Uint16Array(1 << LOOK_BITS);
  /** By length: the largest code, −1 where there is none; and what leads from a code to its symbol. */
  readonly maxCode = new Int32Array(MAX_CODE_BITS + 1).fill(-1);
  readonly offset = new Int32Array(MAX_CODE_BITS + 1);

  /**
   * @param counts codes of each length, 1 to 16 bits
   * @throws {ProtocolError} `bad_frame` where there are more codes than there can be
   */
  constructor(counts: Uint8Array, readonly symbols: Uint8Array) {
    let code = 0, at = 0;
    for (let bits = 1; bits <= MAX_CODE_BITS; bits++, code <<= 1) {
      this.offset[bits] = at - code;
      for (let i = 0; i < counts[bits - 1]; i++, code++, at++) {
        if (bits > LOOK_BITS) continue;
        const first = code << LOOK_BITS - bits, last = code + 1 << LOOK_BITS - bits;
        this.look.fill(bits << 8 | symbols[at], first, last);
      }
      if (code >= 1 << bits && counts[bits - 1] > 0) throw notAJpeg("a Huffman table is damaged");
      if (counts[bits - 1] > 0) this.maxCode[bits] = code - 1;
    }
  }
}

/**
 * Reads the coded data of a scan, bit by bit (ITU-T T.81, F.2.2.5): FF 00 is a
 * byte FF, a marker ends the data. More bits than there are is `bad_frame`.
 */
export class BitReader {
  /** The next byte to be taken in. */
  at: number;
  #bits = 0;
  #count = 0;

  constructor(readonly bytes: Uint8Array, from: number) {
    this.at = from;
  }

  /** The next `count` bits, up to 16. */
  read(count: number): number {
    while (this.#count < count) {
      if (!this.#fill()) throw notAJpeg("its data is damaged or cut short");
    }
    this.#count -= count;
    return this.#bits >> this.#count & (1 << count) - 1;
  }

  /** The next symbol; -1 where the bits are no code of the table. */
  symbol(table: HuffmanTable): number {
    while (this.#count < LOOK_BITS && this.#fill());
    const known = this.#count >= LOOK_BITS
      ? this.#bits >> this.#count - LOOK_BITS
      : this.#bits << LOOK_BITS - this.#count;
    const found = table.look[known & (1 << LOOK_BITS) - 1];
    if (found !== 0 && found >> 8 <= this.#count) {
      this.#count -= found >> 8;
      return found & 0xff;
    }
    return this.#longSymbol(table);
  }

  /** A number of `count` bits with its sign in the first one (F.2.2.1). */
  signed(count: number): number {
    if (count === 0) return 0;
    const value = this.read(count);
    return value < 1 << count - 1 ? value - (1 << count) + 1 : value;
  }

  /** Where what was read ends: bytes that were only taken in do not count. */
  get end(): number {
    return this.at - (this.#count >> 3);
  }

  /** Lets go of what is left of the last byte, as before a marker. */
  align(): void {
    this.#count = 0;
  }

  #longSymbol(table: HuffmanTable): number {
    let code = 0;
    for (let bits = 1; bits <= MAX_CODE_BITS; bits++) {
      code = code << 1 | this.read(1);
      if (code <= table.maxCode[bits]) return table.symbols[table.offset[bits] + code];
    }
    this.read(1); // libjpeg looks at one bit more before it gives up
    return -1;
  }

  /** Takes the next byte in; false at a marker, or the end of the file. */
  #fill(): boolean {
    const { bytes, at } = this;
    if (at >= bytes.length) return false;
    if (bytes[at] === FILL) {
      let next = at + 1;
      while (bytes[next] === FILL) next++;
      if (bytes[next] !== 0) return false;
      this.at = next + 1;
    } else {
      this.at = at + 1;
    }
    this.#bits = this.#bits << 8 | bytes[at];
    this.#count += 8;
    return true;
  }
}
