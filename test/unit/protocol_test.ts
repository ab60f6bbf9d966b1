import assert from "node:assert/strict";
import {
  decodeFrame,
  decodeTracks,
  defaultOptions,
  encodeFrame,
  encodeTracks,
  jpegSize,
  mergeOptions,
  parseControl,
  ProtocolError,
  quote,
  reasonOf,
  requestOf,
  type Tracks,
  tracksFromJson,
  tracksToJson,
} from "../../protocol/mod.ts";
import { random } from "../lib/random.ts";

const JPEG = Uint8Array.of(0xff, 0xd8, 1, 2, 3, 0xff, 0xd9);

/** Values that a float holds exactly, so that round trips can be compared for equality. */
function sample(n = 3, m = 2): Tracks {
  const column = (from: number, length = n) =>
    Float32Array.from({ length }, (_, i) => from + i / 4);
  return {
    seq: 0xfffffffe,
    timestamp: 1234.5678,
    width: 640,
    height: 480,
    dropped: 7,
    detected: true,
    reset: false,
    timing: { queue: 0.5, decode: 1.25, track: 2.5, detect: 0, server: 4.75 },
    flow: [0.5, -0.25],
    points: {
      id: Uint32Array.from({ length: n }, (_, i) => 100 + i),
      xy: column(10, 2 * n),
      dxy: column(-1, 2 * n),
      error: column(5),
      fb: column(0).fill(NaN, 0, 1),
      age: Uint32Array.from({ length: n }, (_, i) => i),
    },
    lost: {
      id: Uint32Array.from({ length: m }, (_, i) => 50 + i),
      reason: new Uint8Array(m).fill(8),
    },
  };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function throwsProtocolError(action: () => unknown, code: string): void {
  assert.throws(action, (error) => error instanceof ProtocolError && error.code === code);
}

Deno.test("frame: golden bytes", () => {
  const bytes = encodeFrame({ seq: 0x01020304, timestamp: 1.5, reset: true, jpeg: JPEG });
  assert.equal(hex(bytes), "0101100004030201" + "000000000000f83f" + "ffd8010203ffd9");
});

Deno.test("frame: round trip", () => {
  const frame = { seq: 42, timestamp: 1e12 + 0.25, reset: false, jpeg: JPEG };
  assert.deepEqual(decodeFrame(encodeFrame(frame)), frame);
});

Deno.test("frame: a bare JPEG has no seq and timestamp 0", () => {
  assert.deepEqual(decodeFrame(JPEG), { seq: null, timestamp: 0, reset: false, jpeg: JPEG });
});

Deno.test("frame: a longer header of a later version is skipped", () => {
  const bytes = new Uint8Array(20 + JPEG.length);
  bytes.set(encodeFrame({ seq: 9, timestamp: 0, jpeg: new Uint8Array() }));
  bytes[2] = 20;
  bytes.set(JPEG, 20);
  assert.deepEqual(decodeFrame(bytes).jpeg, JPEG);
});

Deno.test("frame: every truncated header is refused, and headers that count wrong", () => {
  const bytes = encodeFrame({ seq: 1, timestamp: 2, jpeg: JPEG });
  for (let length = 0; length < 16; length++) {
    throwsProtocolError(() => decodeFrame(bytes.subarray(0, length)), "bad_frame");
  }
  for (let length = 16; length <= bytes.length; length++) {
    assert.equal(decodeFrame(bytes.subarray(0, length)).jpeg.length, length - 16);
  }
  for (const headerBytes of [0, 15, bytes.length + 1, 0xffff]) {
    const wrong = bytes.slice();
    new DataView(wrong.buffer).setUint16(2, headerBytes, true);
    throwsProtocolError(() => decodeFrame(wrong), "bad_frame");
  }
  throwsProtocolError(() => decodeFrame(Uint8Array.of(2, ...bytes.subarray(1))), "bad_frame");
});

Deno.test("tracks: golden bytes", () => {
  const bytes = encodeTracks(sample(1, 1));
  assert.equal(
    hex(bytes),
    "02014000" + "feffffff" + "adfa5c6d454a9340" + "8002e001" + "01000000" + "01000000" +
      "07000000" + "0000003f" + "0000a03f" + "00002040" + "00000000" + "00009840" + "0000003f" +
      "000080be" + "00000000" + // header
      "64000000" + "00002041" + "00002441" + "000080bf" + "000040bf" + "0000a040" + "0000c07f" +
      "00000000" + // the point
      "32000000" + "08", // the lost one
  );
});

Deno.test("tracks: round trip in both forms, empty ones too", () => {
  for (const tracks of [sample(), sample(0, 0), sample(0, 3), { ...sample(5, 0), flow: null }]) {
    assert.deepEqual(decodeTracks(encodeTracks(tracks)), tracks);
    assert.deepEqual(tracksFromJson(JSON.parse(JSON.stringify(tracksToJson(tracks)))), tracks);
    for (const timestamp of [NaN, -Infinity]) { // the client's own; JSON has no word for them
      const json = JSON.stringify(tracksToJson({ ...tracks, timestamp }));
      assert.deepEqual(tracksFromJson(JSON.parse(json)), { ...tracks, timestamp: NaN });
    }
  }
});

Deno.test("tracks: appearance lies in the header, where readers that do not know it pass over it", () => {
  const plain = encodeTracks(sample());
  const appearance = Float32Array.of(0.25, NaN, 1);
  const tracks = { ...sample(), points: { ...sample().points, appearance } };
  const bytes = encodeTracks(tracks), view = new DataView(bytes.buffer);
  assert.equal(view.getUint16(2, true), 64 + 12);
  assert.equal(view.getUint8(1), 1 | 4);
  assert.deepEqual(bytes.subarray(4, 64), plain.subarray(4, 64));
  assert.equal(view.getFloat32(64, true), 0.25);
  assert.deepEqual(bytes.subarray(76), plain.subarray(64), "the columns follow the header");
  assert.deepEqual(decodeTracks(bytes), tracks);
  const asBefore = bytes.slice();
  asBefore[1] = 1; // as one who does not know the flag reads it
  assert.deepEqual(decodeTracks(asBefore), sample());
  assert.deepEqual(tracksFromJson(JSON.parse(JSON.stringify(tracksToJson(tracks)))), tracks);
  assert.deepEqual(tracksToJson(tracks).points.appearance, [0.25, null, 1]);
  assert.ok(!("appearance" in tracksToJson(sample()).points));

  bytes[2] = 72; // a header with too little room for three
  throwsProtocolError(() => decodeTracks(bytes.subarray(0, bytes.length - 4)), "bad_message");
  const many = sample(16_368, 0); // more than a header can count
  many.points.appearance = new Float32Array(16_368);
  assert.ok(!("appearance" in decodeTracks(encodeTracks(many)).points));
  const most = sample(16_367, 0);
  most.points.appearance = new Float32Array(16_367).fill(0.5);
  assert.deepEqual(decodeTracks(encodeTracks(most)), most);
});

Deno.test("tracks: columns are views of an aligned message and right on any other", () => {
  const bytes = encodeTracks(sample());
  assert.equal(decodeTracks(bytes.buffer).points.id.buffer, bytes.buffer);
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  assert.deepEqual(decodeTracks(shifted.subarray(1)), sample());
});

Deno.test("tracks: every truncation is refused, and so are wrong kinds and counts", () => {
  const bytes = encodeTracks(sample());
  for (let length = 0; length < bytes.length; length++) {
    throwsProtocolError(() => decodeTracks(bytes.slice(0, length)), "bad_message");
  }
  throwsProtocolError(() => decodeTracks(Uint8Array.of(...bytes, 0)), "bad_message");
  for (const [at, value] of [[0, 1], [2, 60], [2, 66], [20, 4], [23, 0xff], [27, 0xff]]) {
    const wrong = bytes.slice();
    wrong[at] = value;
    throwsProtocolError(() => decodeTracks(wrong), "bad_message");
  }
});

Deno.test("tracks: a later version's reason is read as another one, in both forms", () => {
  const bytes = encodeTracks(sample());
  bytes[bytes.length - 1] = 10;
  const { lost } = decodeTracks(bytes);
  assert.equal(reasonOf(lost.reason.at(-1)!), "other");
  const json = tracksToJson(sample());
  const later = { ...json, lost: { id: [1, 2], reason: ["bored", "flat"] } };
  assert.deepEqual(Array.from(tracksFromJson(later).lost.reason, reasonOf), ["other", "flat"]);
});

Deno.test("tracks: JSON of the wrong form is refused", () => {
  const json = tracksToJson(sample());
  for (
    const wrong of [
      null,
      {},
      { ...json, seq: "1" },
      { ...json, points: { ...json.points, x: [1] } },
      { ...json, lost: { id: [1], reason: [] } },
      { ...json, lost: { id: [1], reason: [8] } },
    ]
  ) throwsProtocolError(() => tracksFromJson(wrong), "bad_message");
});

Deno.test("random bytes give a message or a ProtocolError, nothing else", () => {
  const next = random(1);
  for (let round = 0; round < 20_000; round++) {
    const bytes = Uint8Array.from({ length: next() * 120 }, () => next() * 256);
    if (round % 2) bytes[0] = 1 + round % 4 / 2;
    for (const read of [decodeFrame, decodeTracks, jpegSize]) {
      try {
        read(bytes);
      } catch (error) {
        assert.ok(error instanceof ProtocolError, `${read.name}: ${error}`);
      }
    }
    const text = new TextDecoder().decode(bytes);
    assert.throws(() => parseControl(text), ProtocolError);
  }
});

Deno.test("jpegSize: reads the frame header behind other segments, and refuses the rest", () => {
  const app = [0xff, 0xe0, 0, 4, 1, 2];
  const header = [0xff, 0xc2, 0, 11, 8, 0x01, 0xe0, 0x02, 0x80, 3, 1, 0x22, 0];
  const jpeg = Uint8Array.of(0xff, 0xd8, ...app, 0xff, ...header);
  assert.deepEqual(jpegSize(jpeg), { width: 640, height: 480 });
  // As libjpeg does: markers that stand alone have no length, so what follows is the next one.
  const hiding = [0xff, 0x01, 0xff, 0xd7, 0xff, 0xc0, 0, 11, 8, 0, 16, 0, 32, 3, 1, 0x22, 0];
  assert.deepEqual(jpegSize(Uint8Array.of(0xff, 0xd8, ...hiding, ...jpeg)), {
    width: 32,
    height: 16,
  });
  for (let length = 0; length < 2 + app.length + 1 + 10; length++) {
    throwsProtocolError(() => jpegSize(jpeg.subarray(0, length)), "bad_frame");
  }
  for (
    const bad of [
      [0xff, 0xd8, 0x12, 0xe0, 0, 4, 1, 2],
      [0xff, 0xd8, ...app, 0xff, 0xd8, ...header],
      [0xff, 0xd8, ...app, 0xff, 0x02, ...header],
      [0xff, 0xd8, ...app, 0xff, 0xd9, ...header],
      [0xff, 0xd8, 0xff, 0xe0, 0, 1, 0, 0],
      [0xff, 0xd8, ...app, 0xff, 0xda, 0, 4, 1, 2],
      [0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0, 0, 2, 128, 3, 1, 34, 0],
    ]
  ) throwsProtocolError(() => jpegSize(Uint8Array.from(bad)), "bad_frame");
});

Deno.test("jpegSize: stray bytes between segments are passed over, as by libjpeg", () => {
  const app = [0xff, 0xe0, 0, 4, 1, 2];
  const header = [0xff, 0xc0, 0, 11, 8, 0x01, 0xe0, 0x02, 0x80, 1, 1, 0x11, 0];
  for (const stray of [[0], [1, 2, 3], [0xff], [0xff, 0, 9], [0xff, 0xff, 0], [0xff, 0x01]]) {
    const jpeg = Uint8Array.of(0xff, 0xd8, ...stray, ...app, ...stray, ...header);
    assert.deepEqual(jpegSize(jpeg), { width: 640, height: 480 }, `${stray}`);
  }
  // a length that does not count itself is none
  const short = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 0, ...header);
  assert.deepEqual(jpegSize(short), { width: 640, height: 480 });
});

Deno.test("jpegSize: what does not decode is refused by the name of its kind", () => {
  const refused = (marker: number, precision: number, components: number, why: RegExp) => {
    const header = [0xff, marker, 0, 11, precision, 0, 48, 0, 64, components, 1, 0x11, 0];
    assert.throws(() => jpegSize(Uint8Array.of(0xff, 0xd8, ...header)), (error) => {
      assert.ok(error instanceof ProtocolError && error.code === "bad_frame");
      assert.match(error.message, why);
      return true;
    });
  };
  refused(0xc3, 8, 1, /it is lossless \(SOF3\), allowed are baseline and progressive/);
  refused(0xc6, 8, 1, /it is hierarchical \(SOF6\)/);
  refused(0xcb, 8, 1, /it is lossless, with arithmetic coding \(SOF11\)/);
  refused(0xc1, 12, 1, /it has 12 bits a sample, allowed are 8/);
  refused(0xc0, 8, 4, /it is CMYK \(4 components\), allowed are grey and colour/);
  refused(0xc0, 8, 2, /it has 2 components, allowed are 1 and 3/);
});

Deno.test("control: each message is read", () => {
  assert.deepEqual(parseControl(`{"type":"configure","flow":{"maxLevel":2}}`), {
    type: "configure",
    options: { flow: { maxLevel: 2 } },
  });
  for (
    const message of [
      { type: "add", points: [[1, 2.5]] },
      { type: "remove", ids: [1, 2] },
      { type: "clear" },
      { type: "mask", polygons: [[[0, 0], [9, 0], [9, 9]]] },
      { type: "mask", polygons: [] },
      { type: "stats" },
    ]
  ) assert.deepEqual(parseControl(JSON.stringify(message)), message);
});

Deno.test("control: what is not allowed is refused by its code", () => {
  for (const text of ["", "{", "nul", "{'type':'clear'}"]) {
    throwsProtocolError(() => parseControl(text), "bad_json");
  }
  for (
    const message of [
      null,
      [],
      1,
      {},
      { type: 5 },
      { type: "fly" },
      { type: "toString" },
      { type: "add" },
      { type: "add", points: [[1]] },
      { type: "add", points: [[1, 2, 3]] },
      { type: "add", points: [[1, "2"]] },
      { type: "add", points: [[1, null]] },
      { type: "remove", ids: [1.5] },
      { type: "remove", ids: [-1] },
      { type: "mask", polygons: [[[0, 0], [1, 1]]] },
    ]
  ) throwsProtocolError(() => parseControl(JSON.stringify(message)), "bad_message");
  for (
    const text of [
      '{"type":"mask","polygons":[[[0,0],[1e999,0],[9,9]]]}',
      '{"type":"mask","polygons":[[[0,0],[5,0],[9,-1e999]]]}',
      '{"type":"add","points":[[1,1e999]]}',
    ]
  ) throwsProtocolError(() => parseControl(text), "bad_message");
  const large = [[[-1e308, 0], [1e308, 0], [9, 1e308]]];
  assert.deepEqual(parseControl(JSON.stringify({ type: "mask", polygons: large })), {
    type: "mask",
    polygons: large,
  });
  const long = JSON.stringify({ type: "remove", ids: new Array(300_000).fill(1) });
  throwsProtocolError(() => parseControl(long), "limit");
});

Deno.test("control: a request is a short string or a finite number, whatever the message", () => {
  for (const request of [0, -1.5, "", "a".repeat(64)]) {
    assert.deepEqual(parseControl(JSON.stringify({ type: "clear", request })), {
      type: "clear",
      request,
    });
    assert.deepEqual(parseControl(JSON.stringify({ type: "configure", request, flow: {} })), {
      type: "configure",
      options: { flow: {} },
      request,
    });
    assert.equal(requestOf(JSON.stringify({ type: "fly", request })), request);
  }
  for (const request of ["1e999", "null", "true", "[1]", "{}", `"${"a".repeat(65)}"`]) {
    const text = `{"type":"stats","request":${request}}`;
    throwsProtocolError(() => parseControl(text), "bad_message");
    assert.equal(requestOf(text), undefined);
  }
  assert.equal(requestOf("{"), undefined);
  assert.equal(requestOf(`{"type":"stats"}`), undefined);
});

Deno.test("control: what is dear to parse is refused before it is parsed", () => {
  const parse = JSON.parse;
  const nested = (n: number) => "[".repeat(n) + "]".repeat(n);
  const members = (n: number) => Array.from({ length: n }, (_, i) => `"k${i}":1`).join(",");
  JSON.parse = () => assert.fail("it is parsed");
  try {
    for (
      const text of [
        "[".repeat(500_000),
        nested(100_000),
        '{"a":'.repeat(100_000),
        `{"type":${nested(17)}}`,
        `{"type":"add","points":[${nested(100_000)}]}`,
        `{"type":"configure",${members(1001)}}`,
        `[${"[],".repeat(60_000)}[]]`,
      ]
    ) throwsProtocolError(() => parseControl(text), "limit");
  } finally {
    JSON.parse = parse;
  }
  const inText = JSON.stringify({ type: '[{"\\"'.repeat(100) });
  throwsProtocolError(() => parseControl(inText), "bad_message");
  throwsProtocolError(() => parseControl(`{"type":${nested(15)}}`), "bad_message");
});

Deno.test("control: how many values a text has is told before it is parsed", () => {
  const measured: number[] = [];
  const measure = (values: number) => measured.push(values);
  parseControl('{"type":"remove","ids":[1,2,3]}', measure);
  assert.throws(() => parseControl(`[${"[],".repeat(40_000)}[]]`, measure), ProtocolError);
  assert.deepEqual(measured, [6, 80_003]);
  assert.throws(
    () =>
      parseControl("{", () => {
        throw new ProtocolError("limit", "too many");
      }),
    /too many/,
  );
});

Deno.test("quote: what is nested deeper than can be written is quoted by its beginning", () => {
  let deep: unknown = [];
  for (let i = 0; i < 100_000; i++) deep = [deep];
  const shown = `${"[".repeat(57)}...`;
  assert.equal(quote(deep), shown);
  const options = { flow: { maxLevel: deep } } as unknown as Parameters<typeof mergeOptions>[1];
  assert.throws(() => mergeOptions(defaultOptions(), options), (error) => {
    assert.ok(error instanceof ProtocolError && error.code === "bad_option");
    return error.message.includes(shown);
  });
});

Deno.test("quote: of what is long, no more is read than is shown", () => {
  let read = 0;
  const list = Array.from({ length: 1000 }, (_, i) => ({ toJSON: () => (read++, i) }));
  assert.equal(quote(list), quote(Array.from({ length: 1000 }, (_, i) => i)));
  assert.ok(read <= 60, `${read} were read`);
  assert.equal(quote("x".repeat(1e6)), `"${"x".repeat(56)}...`);
});

Deno.test("quote: short, on one line, and infinite numbers told apart from null", () => {
  assert.equal(
    quote({ a: [1, "b\n", null, Infinity] }),
    '{"a":[1,"b\\n",null,"a number that is not finite"]}',
  );
  assert.equal(quote(-Infinity), "-Infinity");
  assert.equal(quote(undefined), "undefined");
  assert.equal(quote("x".repeat(58)), `"${"x".repeat(58)}"`);
  assert.equal(quote("x".repeat(59)), `"${"x".repeat(56)}...`);
  assert.equal(quote(new Array(80).fill(7)), `[${"7,".repeat(28)}...`);
});
