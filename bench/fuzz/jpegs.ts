import { jpegSegments } from "../../protocol/mod.ts";
import { merge, Texture } from "../../test/lib/images.ts";
import { encodeJpeg } from "../../test/lib/jpeg.ts";
import { join, mutateBytes } from "./bytes.ts";
import type { Pick } from "../pick.ts";

const SIZES = [[16, 16], [64, 48], [67, 41], [160, 120]] as const;
const TOKENS = [
  [0xff, 0xd8],
  [0xff, 0xd9],
  [0xff, 0xda],
  [0xff, 0x00],
  [0xff, 0xff],
  [0xff, 0xd0],
  [0xff, 0xdd, 0, 4, 0, 1],
  [0xff, 0xc4, 0, 2],
  [0xff, 0xdb, 0xff, 0xff],
  [0xff, 0xc2],
].map((token) => Uint8Array.from(token));

/** Small files of every form that decodes: grey and colour, baseline and progressive, all subsamplings. */
export function seedJpegs(): Uint8Array<ArrayBuffer>[] {
  return SIZES.flatMap(([width, height], i) => {
    const grey = new Texture(i).draw(width, height);
    const colour = merge(grey, new Texture(i + 10).draw(width, height), grey);
    return [false, true].flatMap((progressive) => [
      encodeJpeg(grey, { progressive, quality: 80 }),
      ...(["4:4:4", "4:2:2", "4:2:0"] as const).map((subsampling) =>
        encodeJpeg(colour, { progressive, subsampling, quality: 60 })
      ),
    ]);
  });
}

const MUTATIONS = [bytes, bytes, segment, segment, frameHeader, moved, manyScans, spliced] as const;

export function fuzzedJpeg(seeds: readonly Uint8Array[], pick: Pick): Uint8Array<ArrayBuffer> {
  const mutated = pick.one(MUTATIONS)(pick.one(seeds), pick, seeds);
  return join(Uint8Array.of(0xff, 0xd8), mutated.subarray(2)); // else it is no frame at all
}

function bytes(jpeg: Uint8Array, pick: Pick): Uint8Array<ArrayBuffer> {
  return mutateBytes(jpeg, pick, TOKENS);
}

/** One segment before the scan mutated: tables, headers, their lengths. */
function segment(jpeg: Uint8Array, pick: Pick): Uint8Array<ArrayBuffer> {
  const { start, end } = pick.one([...jpegSegments(jpeg)].slice(0, -1));
  const mutated = mutateBytes(jpeg.subarray(start, end), pick, TOKENS);
  return join(jpeg.subarray(0, start), mutated, jpeg.subarray(end));
}

/** Size, components and sampling that do not fit the data. */
function frameHeader(jpeg: Uint8Array, pick: Pick): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(jpeg);
  const { start, end } = [...jpegSegments(jpeg)].find(({ marker }) =>
    (marker & 0xf0) === 0xc0 && marker !== 0xc4
  )!;
  const view = new DataView(copy.buffer);
  const side = () => pick.one([0, 1, 7, 8, 9, 63, 64, 1000, 4096, 65_535, pick.few(2000)]);
  if (pick.chance(0.7)) view.setUint16(start + 5, side());
  if (pick.chance(0.7)) view.setUint16(start + 7, side());
  if (pick.chance(0.5)) copy[start + 9 + pick.below(end - start - 9)] = pick.below(256);
  return copy;
}

/** A segment left out, doubled, or put elsewhere. */
function moved(jpeg: Uint8Array, pick: Pick): Uint8Array<ArrayBuffer> {
  const parts = [...jpegSegments(jpeg)].map(({ start, end }) => jpeg.subarray(start, end));
  const [part] = parts.splice(pick.below(parts.length), 1);
  for (let n = pick.below(3); n > 0; n--) parts.splice(pick.below(parts.length + 1), 0, part);
  return join(jpeg.subarray(0, 2), ...parts);
}

/** The scans again and again: each one walks all blocks. */
function manyScans(jpeg: Uint8Array, pick: Pick): Uint8Array<ArrayBuffer> {
  const { start, end } = [...jpegSegments(jpeg)].at(-1)!;
  const scans = jpeg.subarray(start, end - 2);
  const again = Array.from({ length: pick.few(120) }, () => scans);
  return join(jpeg.subarray(0, end - 2), ...again, jpeg.subarray(end - 2));
}

function spliced(
  jpeg: Uint8Array,
  pick: Pick,
  seeds: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const other = pick.one(seeds);
  return join(jpeg.subarray(0, pick.below(jpeg.length)), other.subarray(pick.below(other.length)));
}
