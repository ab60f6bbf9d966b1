import type { Component } from "../protocol/jpeg_scans.ts";

/** A symbol is its own code, all of one length: 16 in 5 bits (a code of all ones is not allowed), 255 in 9. */
const DC_BITS = 5, AC_BITS = 9;
const DC_SYMBOLS = 16, AC_SYMBOLS = 255;
const BLOCK = 64;
/** Many times what 8 bits a sample can give; one bit more, behind 15 zeros, would be a symbol 255. */
const MAX_AC = (1 << 14) - 1;
const MAX_DC = (1 << 15) - 1;
const MAX_BLOCK_BYTES = 512;

/**
 * Writes one component of a JPEG as a grey JPEG of its own, baseline in form:
 * the very coefficients, so that it decodes to the very samples.
 */
export function greyJpeg(component: Component): Uint8Array {
  const { width, height, quantization, coefficients } = component;
  const out = new BitWriter(1024 + coefficients.length);
  const tables = Array.from(quantization!, (value) => [value >> 8, value & 0xff]).flat();
  out.bytes([0xff, 0xd8]);
  out.bytes([0xff, 0xdb, 0, 3 + 2 * BLOCK, 0x10, ...tables]);
  const size = [height >> 8, height & 0xff, width >> 8, width & 0xff];
  out.bytes([0xff, 0xc1, 0, 11, 8, ...size, 1, 1, 0x11, 0]);
  out.bytes(huffmanTable(0x00, DC_BITS, DC_SYMBOLS));
  out.bytes(huffmanTable(0x10, AC_BITS, AC_SYMBOLS));
  out.bytes([0xff, 0xda, 0, 8, 1, 1, 0, 0, BLOCK - 1, 0]);
  let before = 0;
  for (let at = 0; at < coefficients.length; at += BLOCK) {
    out.reserve(MAX_BLOCK_BYTES);
    const difference = coefficients[at] - before << 16 >> 16; // it wraps, as in the file
    out.number(DC_BITS, 0, Math.max(-MAX_DC, difference));
    before = coefficients[at];
    writeAc(out, coefficients.subarray(at, at + BLOCK));
  }
  out.align();
  out.bytes([0xff, 0xd9]);
  return out.written();
}

function writeAc(out: BitWriter, block: Int16Array): void {
  let run = 0;
  for (let k = 1; k < BLOCK; k++) {
    if (block[k] === 0) {
      run++;
      continue;
    }
    for (; run > 15; run -= 16) out.bits(0xf0, AC_BITS);
    out.number(AC_BITS, run << 4, Math.max(-MAX_AC, Math.min(MAX_AC, block[k])));
    run = 0;
  }
  if (run > 0) out.bits(0, AC_BITS);
}

/** A DHT segment whose codes are all of one length. */
function huffmanTable(place: number, bits: number, symbols: number): number[] {
  const counts = new Array(16).fill(0).with(bits - 1, symbols);
  const length = 19 + symbols;
  return [0xff, 0xc4, length >> 8, length & 0xff, place, ...counts, ...Array(symbols).keys()];
}

class BitWriter {
  #buffer: Uint8Array<ArrayBuffer>;
  #length = 0;
  #bits = 0;
  #count = 0;

  constructor(capacity: number) {
    this.#buffer = new Uint8Array(capacity);
  }

  /** Makes room for so many bytes more. */
  reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = new Uint8Array(2 * this.#buffer.length + bytes);
    larger.set(this.#buffer);
    this.#buffer = larger;
  }

  bytes(bytes: number[]): void {
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A symbol of `symbolBits` bits that tells the number's size, above `run`, then the number. */
  number(symbolBits: number, run: number, value: number): void {
    const size = 32 - Math.clz32(Math.abs(value));
    this.bits(run | size, symbolBits);
    if (size > 0) this.bits((value < 0 ? value - 1 : value) & (1 << size) - 1, size);
  }

  bits(value: number, count: number): void {
    this.#bits = this.#bits << count | value;
    this.#count += count;
    while (this.#count >= 8) {
      this.#count -= 8;
      const byte = this.#bits >> this.#count & 0xff;
      this.#buffer[this.#length++] = byte;
      if (byte === 0xff) this.#buffer[this.#length++] = 0;
    }
  }

  /** Fills the last byte with ones. */
  align(): void {
    if (this.#count > 0) this.bits((1 << 8 - this.#count) - 1, 8 - this.#count);
  }

  written(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }
}
