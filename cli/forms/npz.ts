import { Zip, ZipPassThrough } from "fflate";
import { LOST_REASONS, reasonOf, type Tracks } from "../../protocol/mod.ts";
import { Column } from "./column.ts";
import type { Form, Write } from "./form.ts";
import { addPoints, Ends, pointColumns } from "./rows.ts";

/** `numpy.lib.format` asks for headers that fill whole lines of so many bytes. */
const ALIGNMENT = 64;
/** Characters of the longest reason. */
const REASON_CHARS = Math.max(...LOST_REASONS.map(({ length }) => length));

/**
 * NumPy's archive of arrays (numpy.load): one a column, with a row a living point, and `lost_seq`,
 * `lost_id` and `lost_reason` with one a point that ended. It is written at the end, from memory:
 * 48 bytes a row.
 */
export function npz(write: Write): Form {
  const points = pointColumns();
  const lost = { seq: new Column(Uint32Array), id: new Column(Uint32Array) };
  const reasons = new Column(Uint32Array);
  const ends = new Ends();
  return {
    add(tracks: Tracks) {
      addPoints(points, tracks);
      for (const { id, reason } of ends.of(tracks)) {
        lost.seq.add(tracks.seq);
        lost.id.add(id);
        reasons.add(reason);
      }
      return Promise.resolve();
    },
    async end() {
      const arrays: Record<string, Uint8Array[]> = {
        ...mapValues(points, npyNumbers),
        lost_seq: npyNumbers(lost.seq),
        lost_id: npyNumbers(lost.id),
        lost_reason: npyReasons(reasons.values),
      };
      for (const bytes of zipped(arrays)) await write(bytes);
    },
  };
}

function mapValues<T, U>(all: Record<string, T>, to: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, to(value)]));
}

/** An archive that is not compressed: NumPy reads it faster, and numbers hardly shrink. */
function* zipped(arrays: Record<string, Uint8Array[]>): Generator<Uint8Array> {
  const ready: Uint8Array[] = [];
  const zip = new Zip((error, bytes) => {
    if (error) throw error;
    ready.push(bytes);
  });
  for (const [name, pieces] of Object.entries(arrays)) {
    const file = new ZipPassThrough(`${name}.npy`);
    zip.add(file);
    pieces.forEach((piece, i) => file.push(piece, i === pieces.length - 1));
    yield* ready.splice(0);
  }
  zip.end();
  yield* ready;
}

function npyNumbers({ values }: Column): Uint8Array[] {
  const kind = values instanceof Uint32Array ? "u" : "f";
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return [npyHeader(`<${kind}${values.BYTES_PER_ELEMENT}`, values.length), bytes];
}

/** As texts of equal length, four bytes a character. */
function npyReasons(codes: Uint32Array): Uint8Array[] {
  const texts = new Uint32Array(codes.length * REASON_CHARS);
  codes.forEach((code, row) => {
    const name = reasonOf(code);
    for (let i = 0; i < name.length; i++) texts[row * REASON_CHARS + i] = name.charCodeAt(i);
  });
  return [npyHeader(`<U${REASON_CHARS}`, codes.length), new Uint8Array(texts.buffer)];
}

/** The NPY format, version 1.0: a dictionary as Python writes it. */
function npyHeader(descr: string, length: number): Uint8Array {
  const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0];
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${length},), }`;
  const all = Math.ceil((magic.length + 2 + text.length + 1) / ALIGNMENT) * ALIGNMENT;
  const padded = `${text.padEnd(all - magic.length - 3)}\n`;
  const header = new Uint8Array(all);
  header.set(magic);
  new DataView(header.buffer).setUint16(magic.length, padded.length, true);
  header.set(new TextEncoder().encode(padded), magic.length + 2);
  return header;
}
