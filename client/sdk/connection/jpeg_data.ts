import { kindOfPicture, kindOfText } from "../../../protocol/mod.ts";

/** Whatever the bytes of a JPEG come in: a view stands for the part that it shows. */
export type JpegData = ArrayBufferLike | ArrayBufferView | Blob;

const FROM_A_CANVAS = 'canvas.toBlob((jpeg) => connection.send(jpeg), "image/jpeg")';

/**
 * The bytes, without a copy, or the Blob, which is read later.
 *
 * @throws {TypeError} for what holds no JPEG, with what it is and what to send.
 */
export function jpegData(data: JpegData): Uint8Array | Blob {
  const kind = Object.prototype.toString.call(data).slice(8, -1); // also of another window's classes
  if (kind === "Blob" || kind === "File") return checkedBlob(data as Blob);
  if (ArrayBuffer.isView(data)) {
    return checkedBytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  if (kind === "ArrayBuffer" || kind === "SharedArrayBuffer") {
    return checkedBytes(new Uint8Array(data as ArrayBuffer));
  }
  throw wrong(describe(data, kind));
}

function checkedBytes(bytes: Uint8Array): Uint8Array {
  const kind = kindOfPicture(bytes);
  if (kind) throw wrong(kind);
  return bytes;
}

/** Its bytes are not read for this: a Blob of an encoder knows its type, and the server looks itself. */
function checkedBlob(blob: Blob): Blob {
  if (blob.type === "" || !/^(image|video|text)\//.test(blob.type)) return blob;
  if (/^image\/(jpe?g|pjpeg)$/.test(blob.type)) return blob;
  throw wrong(`a Blob of type ${blob.type}`);
}

function describe(data: unknown, kind: string): string {
  if (data === null) return "null, which canvas.toBlob gives for an empty canvas";
  if (data === undefined) return "undefined";
  if (typeof data === "string") return kindOfText(data) ?? "text";
  return kind === "Object" ? (data as object).constructor?.name ?? kind : kind;
}

function wrong(what: string): TypeError {
  return new TypeError(
    `Cannot send ${what} as a frame: allowed are JPEGs in an ArrayBuffer, a typed array or a Blob, ` +
      `as ${FROM_A_CANVAS}; capture(canvas, connection) sends what a canvas, video or track shows`,
  );
}
