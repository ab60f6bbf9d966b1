/**
 * A grammar of damaged JPEGs: segments dropped, doubled, moved, cut and changed,
 * stray bytes and markers between them and in the coded data, ends missing.
 */
import { findMarker, segmentEnd, standsAlone } from "../../protocol/jpeg.ts";
import { concat } from "./commands.ts";

/** A file in pieces: a piece begins at a marker, or is what stands behind a scan's header. */
type Pieces = Uint8Array[];

const STRAY = [
  [0],
  [0, 0],
  [7],
  [0xff],
  [0xff, 0xff],
  [0xff, 0],
  [0xff, 0xff, 0],
  [0x12, 0x34, 0x56],
  [0xff, 0x01],
  [0xff, 0xd0],
  [0xff, 0xd3],
  [0xff, 0xd8],
  [0xff, 0xd9],
  [0xff, 0xda],
  [0xff, 0x02],
  [0xff, 0xfe, 0, 4, 1, 2],
  [0xff, 0xe3, 0, 0],
  [0xff, 0xdd, 0, 4, 0, 3],
  Array(700).fill(0),
].map((bytes) => Uint8Array.from(bytes));

const MARKERS = [
  ...[0x01, 0x02, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc8, 0xc9, 0xca, 0xcb, 0xcc, 0xd0, 0xd5],
  ...[0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xe0, 0xe1, 0xee, 0xf0, 0xfe, 0xff, 0x00],
];

/** Cuts a file at its markers. */
function pieces(jpeg: Uint8Array): Pieces {
  const list: Pieces = [];
  let start = 0, from = 2, inScan = false;
  for (;;) {
    const found = findMarker(jpeg, from);
    if (!found) break;
    const { code, start: at, end } = found;
    list.push(jpeg.subarray(start, at));
    start = at;
    from = standsAlone(code) || code === 0xd9 || code === 0xd8 ? end : segmentEnd(jpeg, end);
    inScan = code === 0xda;
    if (inScan) {
      list.push(jpeg.subarray(start, from));
      start = from;
    }
  }
  list.push(jpeg.subarray(start));
  return list.filter(({ length }) => length > 0);
}

/**
 * A damaged file.
 *
 * @param seeds whole files, one of which is taken; pieces of the others may get into it
 * @param next random numbers from 0 to below 1
 */
export function damagedJpeg(seeds: Uint8Array[], next: () => number): Uint8Array<ArrayBuffer> {
  const below = (n: number) => Math.floor(n * next());
  const one = <T>(list: readonly T[]) => list[below(list.length)];
  const list = pieces(one(seeds));
  const at = () => 1 + below(list.length - 1); // the start stays, else nothing takes it for a JPEG
  const change = (i: number, edit: (bytes: number[]) => void) => {
    const bytes = Array.from(list[i]);
    edit(bytes);
    list[i] = Uint8Array.from(bytes);
  };
  const faults: (() => void)[] = [
    () => list.splice(at(), 1),
    () => list.splice(at(), 0, list[at()]),
    () => {
      const [moved] = list.splice(at(), 1);
      list.splice(at(), 0, moved);
    },
    () => list.splice(at(), 0, one(STRAY)),
    () => list.splice(at(), 0, one(STRAY)),
    () => list.splice(at(), 0, one(pieces(one(seeds)))),
    () => list.splice(list.length - 1, 1),
    () => list.splice(at()),
    () => list.push(one(STRAY)),
    () => list.push(one(seeds)),
    () => {
      const i = at();
      list[i] = list[i].subarray(0, below(list[i].length));
    },
    () => {
      const i = at();
      list[i] = list[i].subarray(below(list[i].length));
    },
    () => change(at(), (bytes) => bytes[1] = one(MARKERS)),
    () => change(at(), (bytes) => bytes[2 + below(2)] = one([0, 1, 2, 4, 17, below(256)])),
    () => change(at(), (bytes) => bytes[below(bytes.length)] = below(256)),
    () => change(at(), (bytes) => bytes[below(bytes.length)] ^= 1 << below(8)),
    () => change(at(), (bytes) => bytes.splice(below(bytes.length), 1)),
    () => change(at(), (bytes) => bytes.splice(below(bytes.length), 0, ...one(STRAY))),
  ];
  for (let n = 1 + below(3); n > 0; n--) {
    if (list.length > 3) one(faults)();
  }
  return concat(list);
}
