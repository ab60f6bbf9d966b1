import assert from "node:assert/strict";
import { jpegData } from "../../client/sdk/connection/jpeg_data.ts";
import {
  decodeFrame,
  encodeFrame,
  jpegSize,
  parseControl,
  ProtocolError,
} from "../../protocol/mod.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";

const LINE = 'canvas.toBlob((jpeg) => socket.send(jpeg), "image/jpeg")';

/** What a ProtocolError says of it. */
function refusal(read: () => unknown): ProtocolError {
  try {
    read();
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
  assert.fail("it was taken");
}

const bytesOf = (text: string, length = 64) => {
  const bytes = new Uint8Array(length);
  bytes.set(Array.from(text, (letter) => letter.charCodeAt(0)));
  return bytes;
};

/** The beginnings of files as their tools write them. */
const FILES: Record<string, Uint8Array> = {
  PNG: bytesOf("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
  WebP: bytesOf("RIFF\x24\0\0\0WEBPVP8 "),
  HEIC: bytesOf("\0\0\0\x18ftypheic\0\0\0\0"),
  AVIF: bytesOf("\0\0\0\x1cftypavif\0\0\0\0"),
  BMP: bytesOf("BM\x36\x10\x0e\0\0\0\0\0"),
  GIF: bytesOf("GIF89a"),
  TIFF: bytesOf("II*\0\b\0\0\0"),
  MP4: bytesOf("\0\0\0\x20ftypisom"),
};

for (const [kind, file] of Object.entries(FILES)) {
  Deno.test(`mistakes: ${kind} is named, bare, in a frame message and as text`, () => {
    const expected = `Cannot take ${kind} as a frame: allowed are JPEGs, as ${LINE}`;
    for (
      const read of [
        () => decodeFrame(file),
        () => decodeFrame(file.subarray(0, 15)),
        () => jpegSize(decodeFrame(encodeFrame({ seq: 1, timestamp: 2, jpeg: file })).jpeg),
      ]
    ) {
      const { code, message } = refusal(read);
      assert.deepEqual([code, message], ["bad_frame", expected]);
      assert.ok(message.length <= 120, `${message.length} do not fit into a close frame`);
    }
    assert.throws(() => jpegData(file), {
      name: "TypeError",
      message: new RegExp(`^Cannot send ${kind} as a frame: allowed are JPEGs in an ArrayBuffer`),
    });
  });
}

Deno.test("mistakes: a picture as text is named, whatever it is wrapped in", () => {
  for (const file of [JPEG, ...Object.values(FILES).filter((file) => file[0] !== 0x49)]) {
    const base64 = file.toBase64();
    const url = `data:image/jpeg;base64,${base64}`;
    const texts: [string, string][] = [[url, "a data URL"], [base64, "base64"]];
    for (const [text, kind] of texts) {
      for (
        const sent of [
          text,
          JSON.stringify(text),
          JSON.stringify({ image: text }),
          JSON.stringify({ type: "frame", seq: 3, data: text }),
          JSON.stringify({ frame: text.padEnd(600_000, "A") }),
          JSON.stringify({ image: text }).replaceAll("/", "\\/"), // as PHP writes it
        ]
      ) {
        const { message } = refusal(() => parseControl(sent));
        assert.equal(
          message,
          `Cannot take ${kind} as a frame: allowed are binary messages, as ${LINE}`,
          sent.slice(0, 80),
        );
      }
      const { message } = refusal(() => decodeFrame(bytesOf(text, text.length)));
      assert.equal(message, `Cannot take ${kind} as a frame: allowed are JPEGs, as ${LINE}`);
      assert.throws(() => jpegData(text as never), new RegExp(`^TypeError: Cannot send ${kind}`));
    }
  }
});

Deno.test("mistakes: JSON in a binary message is named", () => {
  const { message } = refusal(() => decodeFrame(bytesOf(`{"type":"stats"}`)));
  assert.match(message, /^Cannot take JSON as a frame: send it as text/);
  assert.ok(message.length <= 120);
});

Deno.test("mistakes: what is none of them is refused as before, and no frame is taken for one", () => {
  assert.match(refusal(() => parseControl("{'type':'clear'}")).message, /as JSON$/);
  assert.match(refusal(() => parseControl(`{"type":"fly"}`)).message, /of type "fly": allowed/);
  assert.match(refusal(() => decodeFrame(Uint8Array.of(9, 9))).message, /it has 2 bytes/);
  // A seq and a timestamp whose bytes spell a file's kind.
  const frame = encodeFrame({ seq: 0x70797466, timestamp: 0, jpeg: JPEG });
  frame.set(bytesOf("WEBP", 4), 8);
  assert.equal(decodeFrame(frame).seq, 0x70797466);
});

Deno.test("mistakes: the SDK takes bytes in whatever they come, and says what is none", () => {
  const buffer = new Uint8Array([0, 0, ...JPEG, 0]).buffer;
  const part = [2, JPEG.length] as const;
  for (
    const data of [
      JPEG,
      JPEG.slice().buffer,
      new DataView(buffer, ...part),
      new Uint8ClampedArray(buffer, ...part),
    ]
  ) assert.deepEqual(jpegData(data), JPEG);
  const shared = new SharedArrayBuffer(JPEG.length);
  new Uint8Array(shared).set(JPEG);
  assert.deepEqual(jpegData(shared), JPEG);
  for (const type of ["image/jpeg", "", "application/octet-stream"]) {
    const blob = new Blob([JPEG], { type });
    assert.equal(jpegData(blob), blob);
  }
  class HTMLCanvasElement {}
  for (
    const [wrong, named] of [
      [null, "null, which canvas.toBlob gives"],
      [undefined, "undefined"],
      ["hello", "text"],
      [[1, 2], "Array"],
      [7, "Number"],
      [{}, "Object"],
      [new HTMLCanvasElement(), "HTMLCanvasElement"],
      [Promise.resolve(), "Promise"],
      [new Blob([], { type: "image/png" }), "a Blob of type image/png"],
    ] as [unknown, string][]
  ) {
    assert.throws(() => jpegData(wrong as never), {
      name: "TypeError",
      message: new RegExp(`^Cannot send ${named}.*: allowed are .*"image/jpeg"`),
    });
  }
});
