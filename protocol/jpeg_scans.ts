/**
 * The coefficients of a JPEG with Huffman coding, baseline or progressive, read
 * as libjpeg reads them (ITU-T T.81, F.2 and G.2): what it takes with no pixel
 * lost is taken here, the rest is refused. It is many times slower than a
 * library in native code, and there for files that such a library does not take.
 */
import {
  findMarker,
  type FrameHeader,
  isReserved,
  type JpegSegment,
  jpegSegments,
  Marker,
  notAJpeg,
  readFrameHeader,
  segmentEnd,
  standsAlone,
} from "./jpeg.ts";
import { BitReader, HuffmanTable } from "./jpeg_bits.ts";
import { STANDARD_TABLES } from "./jpeg_tables.ts";

/** A usual progressive file has 10. Each one walks all blocks again, whatever few bytes it has. */
export const MAX_SCANS = 100;

const BLOCK = 64;
const MAX_SIDE = 65_500, MAX_BLOCKS_IN_MCU = 10;
/**
 * Where so many bytes a block are left, libjpeg-turbo takes a short cut that passes over bits which
 * are no code. It has taken up to 7 bytes more than the reader here when it looks; it is as near as that.
 */
const BYTES_FOR_SHORT_CUT = 512;

/** One colour component. */
export interface Component {
  id: number;
  /** Its samples are so many to an MCU. */
  across: number;
  down: number;
  /** Samples, and blocks of 8×8 of them. */
  width: number;
  height: number;
  blocksAcross: number;
  blocksDown: number;
  /** 64 a block, in zigzag order, block after block, row after row. */
  coefficients: Int16Array;
  /** 64, in zigzag order; null where no scan has the component. */
  quantization: Uint16Array | null;
}

/** The coefficients of a JPEG, and where what its pixels need ends in it. */
export interface Coefficients {
  width: number;
  height: number;
  components: Component[];
  end: number;
}

/**
 * Reads a JPEG's scans.
 *
 * @param needed how many of the components its pixels need, from the first one on
 * @throws {ProtocolError} `bad_frame`
 */
export function readScans(jpeg: Uint8Array, needed: number): Coefficients {
  return new ScanReader(jpeg, needed).read();
}

type Place = "dc" | "ac";
interface Scan {
  parts: { component: Component; index: number; dc: number; ac: number }[];
  first: number;
  last: number;
  high: number;
  low: number;
}

class ScanReader {
  readonly #quantization: Uint16Array[] = [];
  readonly #huffman: Record<Place, Uint8Array[]> = { dc: [], ac: [] };
  #header: FrameHeader | null = null;
  #components: Component[] = [];
  /** By component and coefficient, how many low bits are still to come; -1 before the first. */
  #missing: Int8Array[] = [];
  #restartInterval = 0;
  #scans = 0;
  #inFirstScan = 0;

  constructor(
    readonly jpeg: Uint8Array,
    readonly needed: number,
  ) {}

  read(): Coefficients {
    let at = 0;
    for (const segment of jpegSegments(this.jpeg)) {
      if (segment.marker === Marker.startOfScan) at = segment.start + 2;
      else this.#take(segment);
    }
    const end = this.#readScans(at);
    const { width, height } = this.#header!;
    return { width, height, components: this.#components, end };
  }

  /** @param at where the first scan's length is */
  #readScans(at: number): number {
    const { jpeg } = this;
    for (;;) {
      at = this.#readScan(at);
      if (this.#isSingleScan()) return at;
      for (let from = at;;) {
        const found = findMarker(jpeg, from);
        if (!found || found.code === Marker.endOfImage) {
          this.#checkWhole(found !== null);
          return at;
        }
        const { code, end } = found;
        if (code === Marker.startOfImage || isReserved(code)) throw damaged();
        from = end;
        if (standsAlone(code)) continue;
        if (code === Marker.startOfScan) {
          at = end;
          break;
        }
        from = segmentEnd(jpeg, end);
        if (!(from <= jpeg.length)) throw damaged();
        this.#take({ marker: code, start: end - 2, end: from });
      }
    }
  }

  /** A sequential file ends with its first scan, where that has all components. */
  #isSingleScan(): boolean {
    return !this.#header!.progressive && this.#inFirstScan === this.#components.length;
  }

  /** Without an end marker all bits must have come, of what the pixels need. */
  #checkWhole(isEnded: boolean): void {
    const header = this.#header!;
    for (let i = 0; i < this.needed; i++) {
      const lacks = !this.#components[i].quantization ||
        !isEnded && header.progressive && this.#missing[i].some((bits) => bits !== 0);
      if (lacks) throw notAJpeg("it lacks scans, and so pixels");
    }
  }

  /** Takes a segment between scans or before them. */
  #take(segment: JpegSegment): void {
    const { marker, start, end } = segment;
    if (isPassedOver(marker)) return;
    const body = this.jpeg.subarray(start + 4, end);
    if ((this.jpeg[start + 2] << 8 | this.jpeg[start + 3]) !== end - start - 2) throw damaged();
    if (marker === Marker.dqt) this.#takeQuantization(body);
    else if (marker === Marker.dht) this.#takeHuffman(body);
    else if (marker === Marker.dac) checkConditioning(body);
    else if (marker !== Marker.dri) this.#takeHeader(segment);
    else if (body.length !== 2) throw damaged();
    else this.#restartInterval = body[0] << 8 | body[1];
  }

  #takeQuantization(body: Uint8Array): void {
    for (let at = 0; at < body.length;) {
      const wide = body[at] >> 4 !== 0, place = body[at] & 15;
      at += 1;
      const bytes = wide ? 2 * BLOCK : BLOCK;
      if (place > 3 || at + bytes > body.length) throw damaged();
      this.#quantization[place] = Uint16Array.from(
        { length: BLOCK },
        (_, i) => wide ? body[at + 2 * i] << 8 | body[at + 2 * i + 1] : body[at + i],
      );
      at += bytes;
    }
  }

  #takeHuffman(body: Uint8Array): void {
    let at = 0;
    while (body.length - at > 16) {
      const kind = body[at] & 0x10 ? "ac" : "dc", place = body[at] & ~0x10;
      const count = body.subarray(at + 1, at + 17).reduce((sum, n) => sum + n, 0);
      const end = at + 17 + count;
      if (place > 3 || count > 256 || end > body.length) throw damaged();
      this.#huffman[kind][place] = body.subarray(at + 1, end);
      at = end;
    }
    if (at !== body.length) throw damaged();
  }

  #takeHeader(segment: JpegSegment): void {
    const header = readFrameHeader(this.jpeg, segment);
    if (!header) return;
    if (this.#header) throw notAJpeg("it has two frame headers");
    this.#header = header;
  }

  /** Lays out the blocks, at the first scan. */
  #begin(): void {
    const header = this.#header;
    if (!header) throw notAJpeg("it has no frame header before its first scan");
    if (header.arithmetic) throw notAJpeg("its arithmetic coding is damaged");
    const { width, height, components } = header;
    if (width > MAX_SIDE || height > MAX_SIDE) throw damaged();
    if (
      components.some(({ across, down }) => !(across >= 1 && across <= 4 && down >= 1 && down <= 4))
    ) {
      throw notAJpeg("its sampling is damaged");
    }
    const most = this.#mostSamples();
    this.#components = components.map(({ id, across, down }) => {
      const w = Math.ceil(width * across / most.across), h = Math.ceil(height * down / most.down);
      const blocksAcross = Math.ceil(w / 8), blocksDown = Math.ceil(h / 8);
      const coefficients = new Int16Array(BLOCK * blocksAcross * blocksDown);
      const size = { width: w, height: h, blocksAcross, blocksDown };
      return { id, across, down, ...size, coefficients, quantization: null };
    });
    this.#missing = components.map(() => new Int8Array(BLOCK).fill(-1));
  }

  #mostSamples() {
    const { components } = this.#header!;
    const across = Math.max(...components.map(({ across }) => across));
    return { across, down: Math.max(...components.map(({ down }) => down)) };
  }

  /** @returns where its data ends */
  #readScan(at: number): number {
    if (++this.#scans > MAX_SCANS) {
      throw notAJpeg(`it has more than ${MAX_SCANS} scans`);
    }
    if (this.#scans === 1) this.#begin();
    const end = segmentEnd(this.jpeg, at);
    if (!(end <= this.jpeg.length)) throw damaged();
    const scan = this.#readScanHeader(this.jpeg.subarray(at + 2, end));
    if (this.#scans === 1) this.#inFirstScan = scan.parts.length;
    for (const { component, index } of scan.parts) {
      const place = this.#header!.components[index].quantization;
      const table = this.#quantization[place];
      if (!component.quantization && !table) throw notAJpeg("it has no quantization table");
      component.quantization ??= table;
    }
    const bits = new BitReader(this.jpeg, end);
    const decode = this.#header!.progressive
      ? this.#progressive(scan, bits)
      : this.#sequential(scan, bits);
    this.#walk(scan, bits, decode);
    return bits.end;
  }

  #readScanHeader(body: Uint8Array): Scan {
    const count = body[0];
    if (!(count >= 1 && count <= 4) || body.length !== 4 + 2 * count) throw damaged();
    const taken: (number | undefined)[] = [];
    const parts = Array.from({ length: count }, (_, i) => {
      const id = body[1 + 2 * i], tables = body[2 + 2 * i];
      // as in libjpeg's get_sos: a place of the scan that is taken cannot be looked at again
      const index = this.#components.findIndex((c, at) => c.id === id && taken[at] === undefined);
      if (index < 0 || taken.includes(index)) throw notAJpeg("a scan's components are damaged");
      taken[i] = index;
      return { component: this.#components[index], index, dc: tables >> 4, ac: tables & 15 };
    });
    const [first, last, bits] = body.subarray(1 + 2 * count);
    return { parts, first, last, high: bits >> 4, low: bits & 15 };
  }

  #table(kind: Place, place: number): HuffmanTable {
    // the standard ones, as of MJPEG cameras; libjpeg has them for sequential files alone
    const standard = this.#header!.progressive ? undefined : STANDARD_TABLES[kind][place];
    const segment = this.#huffman[kind][place] ?? standard;
    if (!segment) throw notAJpeg("it has no Huffman table for a scan");
    const symbols = segment.subarray(16);
    if (kind === "dc" && symbols.some((symbol) => symbol > 15)) throw damaged();
    return new HuffmanTable(segment.subarray(0, 16), symbols);
  }

  /** Goes through the blocks of a scan in its order (A.2), and over its restart markers. */
  #walk(scan: Scan, bits: BitReader, decode: Decoder): void {
    const { parts } = scan;
    const isSingle = parts.length === 1;
    const most = this.#mostSamples();
    const { width, height } = this.#header!;
    const [{ component: only }] = parts;
    const across = isSingle ? only.blocksAcross : Math.ceil(width / (8 * most.across));
    const down = isSingle ? only.blocksDown : Math.ceil(height / (8 * most.down));
    const blocks = parts.reduce((sum, { component: c }) => sum + c.across * c.down, 0);
    if (!isSingle && blocks > MAX_BLOCKS_IN_MCU) throw notAJpeg("its sampling is damaged");
    let toRestart = this.#restartInterval, restarts = 0;
    for (let y = 0; y < down; y++) {
      for (let x = 0; x < across; x++) {
        if (this.#restartInterval > 0 && toRestart === 0) {
          this.#restart(bits, restarts++);
          decode.restart();
          toRestart = this.#restartInterval;
        }
        toRestart--;
        if (isSingle) {
          decode.block(0, BLOCK * (y * across + x));
          continue;
        }
        for (let i = 0; i < parts.length; i++) {
          const c = parts[i].component;
          for (let v = 0; v < c.down; v++) {
            for (let h = 0; h < c.across; h++) {
              const column = x * c.across + h, row = y * c.down + v;
              const isThere = column < c.blocksAcross && row < c.blocksDown;
              decode.block(i, isThere ? BLOCK * (row * c.blocksAcross + column) : -1);
            }
          }
        }
      }
    }
  }

  /** Bytes before the marker are passed over, as libjpeg does. */
  #restart(bits: BitReader, number: number): void {
    const found = findMarker(this.jpeg, bits.at);
    if (found?.code !== Marker.rst0 + (number & 7)) throw damaged();
    bits.at = found.end;
    bits.align();
  }

  #sequential(scan: Scan, bits: BitReader): Decoder {
    const { parts, first, last, high, low } = scan;
    if (first !== 0 || last !== BLOCK - 1 || high !== 0 || low !== 0) throw damaged();
    const tables = parts.map(({ dc, ac }) => [this.#table("dc", dc), this.#table("ac", ac)]);
    const before = new Int32Array(parts.length);
    const unseen = new Int16Array(BLOCK);
    const blocks = parts.length === 1
      ? 1
      : parts.reduce((sum, { component: c }) => sum + c.across * c.down, 0);
    const shortCutEnd = this.#restartInterval > 0
      ? -1
      : this.jpeg.length - BYTES_FOR_SHORT_CUT * blocks;
    const symbol = (table: HuffmanTable) => {
      const found = bits.symbol(table);
      if (found >= 0) return found;
      if (bits.at > shortCutEnd) throw damaged();
      return 0;
    };
    return {
      restart: () => before.fill(0),
      block: (i, at) => {
        const [dc, ac] = tables[i];
        const into = at < 0 ? unseen : parts[i].component.coefficients;
        const from = Math.max(0, at);
        into[from] = before[i] += bits.signed(symbol(dc));
        for (let k = 1; k < BLOCK; k++) {
          const s = symbol(ac);
          k += s >> 4;
          if ((s & 15) !== 0) into[from + Math.min(k, BLOCK - 1)] = bits.signed(s & 15);
          else if (s !== 0xf0) break;
        }
      },
    };
  }

  #progressive(scan: Scan, bits: BitReader): Decoder {
    const { parts, first, last, high, low } = scan;
    const isDc = first === 0;
    const isWrong = isDc ? last !== 0 : first > last || last >= BLOCK || parts.length !== 1;
    if (isWrong || high !== 0 && low !== high - 1 || low > 13) throw damaged();
    for (const { index } of parts) {
      const missing = this.#missing[index];
      if (!isDc && missing[0] < 0) throw damaged();
      for (let k = first; k <= last; k++) {
        if (high !== Math.max(0, missing[k])) throw damaged();
        missing[k] = low;
      }
    }
    if (isDc) return high === 0 ? this.#dcFirst(scan, bits) : dcRefining(scan, bits);
    const table = this.#table("ac", parts[0].ac);
    return high === 0 ? acFirst(scan, bits, table) : acRefining(scan, bits, table);
  }

  #dcFirst({ parts, low }: Scan, bits: BitReader): Decoder {
    const tables = parts.map(({ dc }) => this.#table("dc", dc));
    const before = new Int32Array(parts.length);
    return {
      restart: () => before.fill(0),
      block: (i, at) => {
        before[i] += bits.signed(coded(bits, tables[i]));
        if (at >= 0) parts[i].component.coefficients[at] = before[i] << low;
      },
    };
  }
}

/** Decodes the blocks of a scan. */
interface Decoder {
  /** @param at of its coefficients; -1 where the block only fills an MCU */
  block(part: number, at: number): void;
  restart(): void;
}

function dcRefining({ parts, low }: Scan, bits: BitReader): Decoder {
  return {
    restart() {},
    block(i, at) {
      if (bits.read(1) && at >= 0) parts[i].component.coefficients[at] |= 1 << low;
    },
  };
}

function acFirst({ parts, first, last, low }: Scan, bits: BitReader, table: HuffmanTable): Decoder {
  const { coefficients } = parts[0].component;
  let empty = 0; // blocks that have nothing more in this scan
  return {
    restart: () => empty = 0,
    block(_, at) {
      if (empty > 0) {
        empty--;
        return;
      }
      for (let k = first; k <= last; k++) {
        const symbol = coded(bits, table), run = symbol >> 4, size = symbol & 15;
        if (size !== 0) {
          k += run;
          coefficients[at + Math.min(k, BLOCK - 1)] = bits.signed(size) << low;
        } else if (run === 15) {
          k += 15;
        } else {
          empty = (1 << run) - 1 + bits.read(run);
          break;
        }
      }
    },
  };
}

function acRefining(
  { parts, first, last, low }: Scan,
  bits: BitReader,
  table: HuffmanTable,
): Decoder {
  const { coefficients } = parts[0].component;
  const one = 1 << low;
  let empty = 0;
  /** Gives a coefficient that is not zero its next bit. */
  const refine = (at: number) => {
    const value = coefficients[at];
    if (bits.read(1) && (value & one) === 0) coefficients[at] += value >= 0 ? one : -one;
  };
  return {
    restart: () => empty = 0,
    block(_, at) {
      let k = first;
      for (; empty === 0 && k <= last; k++) {
        const symbol = coded(bits, table), size = symbol & 15;
        let run = symbol >> 4;
        if (size > 1) throw damaged();
        if (size === 0 && run !== 15) {
          empty = (1 << run) + bits.read(run);
          break;
        }
        const value = size === 0 ? 0 : bits.read(1) ? one : -one;
        for (; k <= last; k++) {
          if (coefficients[at + k] !== 0) refine(at + k);
          else if (--run < 0) break;
        }
        if (value !== 0) coefficients[at + Math.min(k, BLOCK - 1)] = value;
      }
      if (empty === 0) return;
      for (; k <= last; k++) if (coefficients[at + k] !== 0) refine(at + k);
      empty--;
    },
  };
}

function coded(bits: BitReader, table: HuffmanTable): number {
  const symbol = bits.symbol(table);
  if (symbol < 0) throw damaged();
  return symbol;
}

/** Segments of applications, comments, and a late number of lines. */
function isPassedOver(marker: number): boolean {
  return marker >= Marker.app0 && marker <= Marker.app15 || marker === Marker.com ||
    marker === Marker.dnl;
}

/** What arithmetic coding starts from (B.2.4.3): not used here, and judged as libjpeg does. */
function checkConditioning(body: Uint8Array): void {
  for (let at = 0; at < body.length; at += 2) {
    const place = body[at], value = body[at + 1];
    if (place > 31 || value === undefined) throw damaged();
    if (place < 16 && (value & 15) > value >> 4) throw damaged();
  }
}

function damaged() {
  return notAJpeg("it is damaged or cut short");
}
