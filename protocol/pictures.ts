/** The line of code that sends what the server takes. */
const IN_A_PAGE = 'canvas.toBlob((jpeg) => socket.send(jpeg), "image/jpeg")';

/** How a file of each kind begins: bytes, and how many stand before them. */
const BEGINNINGS: [kind: string, text: string, at: number][] = [
  ["PNG", "\x89PNG", 0],
  ["GIF", "GIF8", 0],
  ["WebP", "WEBP", 8],
  ["BMP", "BM", 0],
  ["TIFF", "II*\0", 0],
  ["TIFF", "MM\0*", 0],
  ["AVIF", "ftypavif", 4],
  ["HEIC", "ftyphei", 4],
  ["HEIC", "ftyphev", 4],
  ["HEIC", "ftypmif1", 4],
  ["MP4", "ftyp", 4],
  ["WebM", "\x1a\x45\xdf\xa3", 0],
  ["JPEG XL", "\xff\x0a", 0],
  ["JPEG 2000", "\0\0\0\x0cjP", 0],
];
const LONGEST = 16;
/** How base64 of JPEG, PNG, WebP, BMP, GIF, and of HEIC, AVIF and MP4 begins. */
const BASE64 = /^\s*(\/9j\/|iVBORw0KGg|UklGR|Qk[0-3]|R0lGOD|AAAA..Z0eXB)[\w+/=\s]*$/;
/** So much of a message tells what it is. */
const TOLD_CHARS = 4096;

/** The kind of picture or video that begins so; undefined where it is a JPEG, or none that is known. */
export function kindOfPicture(bytes: Uint8Array): string | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, LONGEST));
  return BEGINNINGS.find(([, text, at]) => head.startsWith(text, at))?.[0];
}

/** What a text is that holds a picture; undefined where it holds none. */
export function kindOfText(text: string): "a data URL" | "base64" | undefined {
  const head = text.slice(0, 64).replaceAll("\\", ""); // JSON may escape a slash
  if (/^\s*data:/i.test(head)) return "a data URL";
  return BASE64.test(head) ? "base64" : undefined;
}

/**
 * What arrived in place of a JPEG and what to send, short enough for a close frame; undefined where
 * the bytes are none of the usual mistakes.
 */
export function explainBytes(bytes: Uint8Array): string | undefined {
  const kind = kindOfPicture(bytes);
  if (kind) return `Cannot take ${kind} as a frame: allowed are JPEGs, as ${IN_A_PAGE}`;
  const text = String.fromCharCode(...bytes.subarray(0, 64));
  const written = kindOfText(text);
  if (written) return `Cannot take ${written} as a frame: allowed are JPEGs, as ${IN_A_PAGE}`;
  if (/^\s*\{\s*"/.test(text)) {
    return "Cannot take JSON as a frame: send it as text, as socket.send(JSON.stringify(message))";
  }
  return undefined;
}

/** The same for a text message: a picture as text, as a JSON string, or as a value of an object. */
export function explainText(text: string): string | undefined {
  const head = text.slice(0, TOLD_CHARS);
  const strings = Array.from(head.matchAll(/"([^"]{8,})/g), ([, string]) => string);
  for (const string of [head, ...strings]) {
    const kind = kindOfText(string);
    if (kind) {
      return `Cannot take ${kind} as a frame: allowed are binary messages, as ${IN_A_PAGE}`;
    }
  }
  return undefined;
}
