import { encodeFrame, FRAME_HEADER_BYTES } from "../../../protocol/mod.ts";
import { LkstreamError } from "./errors.ts";

type Header = Omit<Parameters<typeof encodeFrame>[0], "jpeg">;

/** Bytes of a frame's message. */
export function messageBytes(jpeg: Uint8Array | Blob): number {
  return FRAME_HEADER_BYTES + (jpeg instanceof Uint8Array ? jpeg.length : jpeg.size);
}

/**
 * A frame's message; that of a Blob once it is read. Where it cannot be read, the promise is
 * rejected with an {@linkcode LkstreamError}, which may be left for later.
 */
export function frameMessage(
  jpeg: Uint8Array | Blob,
  header: Header,
): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>> {
  if (jpeg instanceof Uint8Array) return encodeFrame({ ...header, jpeg });
  const message = read(jpeg, header);
  message.catch(() => {});
  return message;
}

async function read(blob: Blob, header: Header): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return encodeFrame({ ...header, jpeg: new Uint8Array(await blob.arrayBuffer()) });
  } catch (error) { // a file that is gone
    const why = error instanceof Error ? error.message : error;
    const message = `Cannot read the Blob of frame ${header.seq}: ${why}`;
    throw new LkstreamError("rejected", message, header.seq);
  }
}
