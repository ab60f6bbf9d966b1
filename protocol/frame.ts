import { ProtocolError } from "./errors.ts";
import { explainBytes } from "./pictures.ts";

/** A frame on its way to the server. `seq` and `timestamp` are echoed in its tracks. */
export interface FrameMessage {
  /** Chosen by the client, 0 to 2³² − 1. Null in a bare JPEG: the session counts on. */
  seq: number | null;
  /** The client's clock in milliseconds; 0 in a bare JPEG. */
  timestamp: number;
  /** Treat this frame as a first one: every point ends with reason `reset`. */
  reset: boolean;
  /** A baseline or progressive JPEG, grey or colour. */
  jpeg: Uint8Array;
}

const KIND_FRAME = 1;
const FLAG_RESET = 1;
/** Length of the header of a frame message. */
export const FRAME_HEADER_BYTES = 16;

/** True where the bytes start as every JPEG does (FF D8). */
export function isJpeg(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0xff && bytes[1] === 0xd8;
}

/** Writes a frame message: 16 bytes of little-endian header, then the JPEG. */
export function encodeFrame(
  frame: { seq: number; timestamp: number; reset?: boolean; jpeg: Uint8Array },
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + frame.jpeg.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, KIND_FRAME);
  view.setUint8(1, frame.reset ? FLAG_RESET : 0);
  view.setUint16(2, FRAME_HEADER_BYTES, true);
  view.setUint32(4, frame.seq, true);
  view.setFloat64(8, frame.timestamp, true);
  bytes.set(frame.jpeg, FRAME_HEADER_BYTES);
  return bytes;
}

/**
 * Reads a binary message from a client: a frame message or a bare JPEG. The
 * JPEG of the result is a view of `bytes`, not a copy, and is not looked into.
 *
 * @throws {ProtocolError} `bad_frame` where the bytes are neither.
 */
export function decodeFrame(bytes: Uint8Array): FrameMessage {
  if (isJpeg(bytes)) return { seq: null, timestamp: 0, reset: false, jpeg: bytes };
  // Not of a frame message: its numbers may look like anything.
  const mistake = bytes[0] === KIND_FRAME ? undefined : explainBytes(bytes);
  if (mistake) throw new ProtocolError("bad_frame", mistake);
  if (bytes.length < FRAME_HEADER_BYTES) {
    throw notAFrame(`it has ${bytes.length} bytes, allowed are ${FRAME_HEADER_BYTES} and more`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = view.getUint8(0);
  if (kind !== KIND_FRAME) {
    throw notAFrame(`its kind is ${kind}, allowed is ${KIND_FRAME} or a bare JPEG`);
  }
  const headerBytes = view.getUint16(2, true);
  if (headerBytes < FRAME_HEADER_BYTES || headerBytes > bytes.length) {
    throw notAFrame(
      `its header counts ${headerBytes} bytes, allowed are ${FRAME_HEADER_BYTES} to ${bytes.length}`,
    );
  }
  return {
    seq: view.getUint32(4, true),
    timestamp: view.getFloat64(8, true),
    reset: (view.getUint8(1) & FLAG_RESET) !== 0,
    jpeg: bytes.subarray(headerBytes),
  };
}

function notAFrame(why: string): ProtocolError {
  return new ProtocolError("bad_frame", `Cannot read a binary message as a frame: ${why}`);
}
