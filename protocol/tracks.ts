import { ProtocolError } from "./errors.ts";

/** Why a point was lost, in the order of the codes on the wire: flat is 1. */
export const LOST_REASONS = [
  "flat",
  "out_of_frame",
  "high_error",
  "forward_backward",
  "crowded",
  "masked",
  "removed",
  "reset",
  "appearance",
] as const;
export type LostReason = typeof LOST_REASONS[number];

/** As it is read: a later version's reason, which this one does not know, is "other". */
export type ReadReason = LostReason | "other";

/** The reason that a code on the wire stands for. */
export function reasonOf(code: number): ReadReason {
  return LOST_REASONS[code - 1] ?? "other";
}

/** The code of a reason on the wire, 1 to 9. */
export function lostCode(reason: LostReason): number {
  return LOST_REASONS.indexOf(reason) + 1;
}

/**
 * The live points of a frame, as columns of equal length n (2n where a column
 * holds pairs). Positions are pixels; (0, 0) is the centre of the top-left pixel.
 */
export interface PointColumns {
  /** Never used twice in a session. */
  id: Uint32Array;
  /** x, y pairs. */
  xy: Float32Array;
  /** Movement since the previous processed frame, pairs; 0 for a new point. */
  dxy: Float32Array;
  /** Mean absolute grey-level difference of the two windows, 0 to 255; 0 for a new point. */
  error: Float32Array;
  /** Forward–backward distance in pixels; NaN where it was not checked. */
  fb: Float32Array;
  /** Processed frames since the point was found; 0 is new. */
  age: Uint32Array;
  /**
   * How the point looks beside the window in which it was found, when it was compared last: 0 the
   * same, 1 nothing in common, NaN not compared yet. There where `filter.appearance` is set.
   */
  appearance?: Float32Array;
}

/** Times in milliseconds. `server` runs from receipt of the frame to this message. */
export interface Timing {
  queue: number;
  decode: number;
  track: number;
  detect: number;
  server: number;
}

/** What the server found on one frame. */
export interface Tracks {
  seq: number;
  timestamp: number;
  /** Frame size in pixels. */
  width: number;
  height: number;
  /** Frames of this session dropped since the previous tracks. */
  dropped: number;
  /** Detection ran on this frame. */
  detected: boolean;
  /** No earlier id lives on. */
  reset: boolean;
  timing: Timing;
  /** Median dx and dy, in pixels, of the points tracked from the frame before; null if none. */
  flow: [number, number] | null;
  points: PointColumns;
  /** Points lost on this frame; {@linkcode reasonOf} names the codes in `reason`. */
  lost: { id: Uint32Array; reason: Uint8Array };
}

const KIND_TRACKS = 2;
const FLAG_DETECTED = 1;
const FLAG_RESET = 2;
/** Between the header's fields and the first column lies one more: `appearance`. */
const FLAG_APPEARANCE = 4;
const HEADER_BYTES = 64;
const POINT_BYTES = 32;
const LOST_BYTES = 5;
/** Of a header, which counts itself in 16 bits. */
const MOST_HEADER_BYTES = 65_532;

/**
 * Writes a binary tracks message of 64 + 32 n + 5 m bytes, little-endian; with `appearance` of
 * 4 n bytes more, which its header counts as its own: readers that know nothing of it pass over it.
 * Columns are copied as the machine holds them: every machine that runs
 * JavaScript today is little-endian.
 */
export function encodeTracks(tracks: Tracks): Uint8Array<ArrayBuffer> {
  const { points, lost } = tracks;
  const n = points.id.length, m = lost.id.length;
  const headerBytes = headerBytesOf(points);
  const bytes = new Uint8Array(headerBytes + POINT_BYTES * n + LOST_BYTES * m);
  writeHeader(new DataView(bytes.buffer), tracks, n, m, headerBytes);
  if (headerBytes > HEADER_BYTES) {
    new Float32Array(bytes.buffer, HEADER_BYTES, n).set(points.appearance!);
  }
  const floats = new Float32Array(bytes.buffer, headerBytes, 8 * n);
  const wholes = new Uint32Array(bytes.buffer, headerBytes, 8 * n + m);
  wholes.set(points.id);
  floats.set(points.xy, n);
  floats.set(points.dxy, 3 * n);
  floats.set(points.error, 5 * n);
  floats.set(points.fb, 6 * n);
  wholes.set(points.age, 7 * n);
  wholes.set(lost.id, 8 * n);
  bytes.set(lost.reason, headerBytes + POINT_BYTES * n + 4 * m);
  return bytes;
}

/** With the column of appearance, where there is one that fits: 16,367 points are the most. */
function headerBytesOf({ id, appearance }: PointColumns): number {
  const bytes = HEADER_BYTES + 4 * id.length;
  return appearance && bytes <= MOST_HEADER_BYTES ? bytes : HEADER_BYTES;
}

function writeHeader(
  view: DataView,
  tracks: Tracks,
  n: number,
  m: number,
  headerBytes: number,
): void {
  const { timing, flow } = tracks;
  view.setUint8(0, KIND_TRACKS);
  view.setUint8(
    1,
    (tracks.detected ? FLAG_DETECTED : 0) | (tracks.reset ? FLAG_RESET : 0) |
      (headerBytes > HEADER_BYTES ? FLAG_APPEARANCE : 0),
  );
  view.setUint16(2, headerBytes, true);
  view.setUint32(4, tracks.seq, true);
  view.setFloat64(8, tracks.timestamp, true);
  view.setUint16(16, tracks.width, true);
  view.setUint16(18, tracks.height, true);
  view.setUint32(20, n, true);
  view.setUint32(24, m, true);
  view.setUint32(28, tracks.dropped, true);
  view.setFloat32(32, timing.queue, true);
  view.setFloat32(36, timing.decode, true);
  view.setFloat32(40, timing.track, true);
  view.setFloat32(44, timing.detect, true);
  view.setFloat32(48, timing.server, true);
  view.setFloat32(52, flow ? flow[0] : NaN, true);
  view.setFloat32(56, flow ? flow[1] : NaN, true);
}

/**
 * Reads a binary tracks message. The columns are views of `message` where it is
 * aligned to 4 bytes (an ArrayBuffer from a WebSocket is), else of a copy.
 *
 * @throws {ProtocolError} `bad_message` where a kind, count or length is not allowed.
 */
export function decodeTracks(message: ArrayBuffer | Uint8Array): Tracks {
  const bytes = aligned(message);
  if (bytes.length < HEADER_BYTES) {
    throw badTracks(`it has ${bytes.length} bytes, allowed are ${HEADER_BYTES} and more`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(0) !== KIND_TRACKS) {
    throw badTracks(`its kind is ${view.getUint8(0)}, allowed is ${KIND_TRACKS}`);
  }
  const headerBytes = view.getUint16(2, true);
  if (headerBytes < HEADER_BYTES || headerBytes % 4 !== 0) {
    throw badTracks(
      `its header counts ${headerBytes} bytes, allowed are multiples of 4 from ${HEADER_BYTES}`,
    );
  }
  const n = view.getUint32(20, true), m = view.getUint32(24, true);
  const total = headerBytes + POINT_BYTES * n + LOST_BYTES * m;
  if (bytes.length !== total) {
    throw badTracks(`it has ${bytes.length} bytes, its ${n} points and ${m} lost need ${total}`);
  }
  const tracks = { ...readHeader(view), ...readColumns(bytes, headerBytes, n, m) };
  if (view.getUint8(1) & FLAG_APPEARANCE) {
    tracks.points.appearance = readAppearance(bytes, headerBytes, n);
  }
  return tracks;
}

function aligned(message: ArrayBuffer | Uint8Array): Uint8Array<ArrayBuffer> {
  if (message instanceof ArrayBuffer) return new Uint8Array(message);
  const { buffer, byteOffset, byteLength } = message;
  return buffer instanceof ArrayBuffer && byteOffset % 4 === 0
    ? new Uint8Array(buffer, byteOffset, byteLength)
    : new Uint8Array(message);
}

function readHeader(view: DataView): Omit<Tracks, "points" | "lost"> {
  const flags = view.getUint8(1);
  const dx = view.getFloat32(52, true), dy = view.getFloat32(56, true);
  return {
    seq: view.getUint32(4, true),
    timestamp: view.getFloat64(8, true),
    width: view.getUint16(16, true),
    height: view.getUint16(18, true),
    dropped: view.getUint32(28, true),
    detected: (flags & FLAG_DETECTED) !== 0,
    reset: (flags & FLAG_RESET) !== 0,
    timing: {
      queue: view.getFloat32(32, true),
      decode: view.getFloat32(36, true),
      track: view.getFloat32(40, true),
      detect: view.getFloat32(44, true),
      server: view.getFloat32(48, true),
    },
    flow: Number.isNaN(dx) || Number.isNaN(dy) ? null : [dx, dy],
  };
}

function readColumns(
  bytes: Uint8Array<ArrayBuffer>,
  headerBytes: number,
  n: number,
  m: number,
): Pick<Tracks, "points" | "lost"> {
  let at = bytes.byteOffset + headerBytes;
  const take = <T>(
    Column: new (buffer: ArrayBuffer, offset: number, length: number) => T,
    length: number,
    width: number,
  ): T => {
    const column = new Column(bytes.buffer, at, length);
    at += length * width;
    return column;
  };
  const points: PointColumns = {
    id: take(Uint32Array, n, 4),
    xy: take(Float32Array, 2 * n, 4),
    dxy: take(Float32Array, 2 * n, 4),
    error: take(Float32Array, n, 4),
    fb: take(Float32Array, n, 4),
    age: take(Uint32Array, n, 4),
  };
  const lost = { id: take(Uint32Array, m, 4), reason: take(Uint8Array, m, 1) };
  return { points, lost };
}

function readAppearance(
  { buffer, byteOffset }: Uint8Array<ArrayBuffer>,
  headerBytes: number,
  n: number,
): Float32Array {
  if (headerBytes < HEADER_BYTES + 4 * n) {
    throw badTracks(`its header counts ${headerBytes} bytes, too few for ${n} appearances`);
  }
  return new Float32Array(buffer, byteOffset + HEADER_BYTES, n);
}

function badTracks(why: string): ProtocolError {
  return new ProtocolError("bad_message", `Cannot read a tracks message: ${why}`);
}
