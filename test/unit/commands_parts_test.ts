import assert from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };
import { findMarker } from "../../protocol/jpeg.ts";
import { defaultOptions, ProtocolError } from "../../protocol/mod.ts";
import { main as flow } from "../../cli/flow.ts";
import { main as send } from "../../cli/send.ts";
import { main as track } from "../../cli/track.ts";
import { UsageError } from "../../cli/command_line.ts";
import { withoutExif } from "../../cli/drawing/picture.ts";
import { MjpegSplitter } from "../../cli/mjpeg.ts";
import { progressLine } from "../../cli/progress.ts";
import { readOptions } from "../../cli/settings.ts";
import { listFiles } from "../../cli/source.ts";
import { concat, folderOf, picture, run } from "../lib/commands.ts";
import { shift, Texture } from "../lib/images.ts";
import { encodeJpeg } from "../lib/jpeg.ts";
import { decodePixels } from "../lib/pixels.ts";
import { readInput } from "../lib/inputs.ts";
import { random } from "../lib/random.ts";

const FRAMES = [
  picture(shift(0, 0)),
  encodeJpeg(new Texture(9).draw(40, 30), { progressive: true }),
  picture(shift(2, 1)),
];

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** Cuts a stream that comes in chunks of `size` bytes. */
function split(stream: Uint8Array, size: number, splitter = new MjpegSplitter()): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < stream.length; at += size) {
    frames.push(...splitter.push(stream.subarray(at, at + size)));
  }
  return [...frames, ...splitter.end()];
}

/** The JPEG with an APP1 segment after its start. */
function withApp1(jpeg: Uint8Array, payload: Uint8Array): Uint8Array {
  const length = payload.length + 2;
  const head = Uint8Array.of(0xff, 0xe1, length >> 8, length & 0xff);
  return concat([jpeg.subarray(0, 2), head, payload, jpeg.subarray(2)]);
}

Deno.test("mjpeg: frames come out as they went in, however the stream is cut", () => {
  const stream = concat(FRAMES);
  for (const size of [1, 2, 3, 7, 1000, stream.length]) {
    assert.deepEqual(split(stream, size), FRAMES, `chunks of ${size} bytes`);
  }
});

Deno.test("mjpeg: what lies between frames is passed over", () => {
  const boundary = text("\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n");
  const garbage = Uint8Array.of(0xff, 0xd8, 0, 0xff, 0xd8, 0xff, 0x17, 0xff);
  const [a, b, c] = FRAMES;
  const stream = concat([boundary, a, boundary, b, garbage, c, garbage.subarray(0, 4)]);
  for (const size of [1, 5, stream.length]) assert.deepEqual(split(stream, size), FRAMES);
});

Deno.test("mjpeg: a frame cut short costs only itself", () => {
  const [a, b, c] = FRAMES;
  for (const share of [0.01, 0.05, 0.3, 0.9]) {
    const cut = b.subarray(0, Math.ceil(share * b.length));
    const splitter = new MjpegSplitter();
    assert.deepEqual(split(concat([a, cut, c]), 100, splitter), [a, c], `${share} in the middle`);
    assert.deepEqual(splitter.damaged, 1);
    const last = new MjpegSplitter();
    assert.deepEqual(split(concat([a, c, cut]), 100, last), [a, c], `${share} at the end`);
    assert.equal(last.damaged, 1);
  }
});

Deno.test("mjpeg: a thumbnail inside of a segment is no frame", () => {
  const frame = withApp1(FRAMES[0], concat([text("Exif\0\0"), FRAMES[1]]));
  assert.deepEqual(split(concat([frame, frame]), 333), [frame, frame]);
});

Deno.test("mjpeg: a frame without its end marker is one where no pixel is missing", () => {
  const boundary = text("\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n");
  const open = FRAMES.map((frame) => frame.subarray(0, frame.length - 2));
  const streams = [concat(open), concat(open.flatMap((frame) => [boundary, frame]))];
  for (const [i, stream] of streams.entries()) {
    for (const size of [1, 97, stream.length]) {
      const splitter = new MjpegSplitter();
      assert.deepEqual(split(stream, size, splitter), open, `${i}, chunks of ${size} bytes`);
      assert.equal(splitter.damaged, 0);
    }
  }
  const splitter = new MjpegSplitter();
  const cut = open[0].subarray(0, open[0].length - 40);
  assert.deepEqual(split(concat([cut, FRAMES[2], cut]), 100, splitter), [FRAMES[2]]);
  assert.equal(splitter.damaged, 2);
});

Deno.test("mjpeg: stray bytes between segments are taken, and cost no other frame", () => {
  const [a, b, c] = FRAMES;
  const insert = (stray: number[]) => {
    const at = findMarker(a, 20)!.start;
    return concat([a.subarray(0, at), Uint8Array.from(stray), a.subarray(at)]);
  };
  for (const stray of [[0], [1, 2, 3], [0xff], [0xff, 0, 0], [0xff, 0x01], [0xff, 0xd3]]) {
    const frame = insert(stray);
    assert.deepEqual(split(concat([b, frame, c]), 50), [b, frame, c], `${stray}`);
  }
});

Deno.test("mjpeg: pictures that a frame announces belong to it, and others do not", async () => {
  const photo = await readInput("gainmap-mpf.jpg");
  const [first, gainMap] = split(withoutIndex(photo), 1000);
  assert.ok(first && gainMap, "the photo has two pictures");
  const primary = photo.subarray(0, photo.length - gainMap.length);
  for (const size of [1, 1000, 100_000]) {
    assert.deepEqual(split(concat([photo, photo, FRAMES[0]]), size), [primary, primary, FRAMES[0]]);
  }
  // announced, and then not there: the next frame is no part of it
  assert.deepEqual(split(concat([primary, FRAMES[0]]), 1000), [primary, FRAMES[0]]);
  assert.deepEqual(split(concat([primary, primary]), 1000), [primary, primary]);
});

/** The photo without the name of its index. */
function withoutIndex(photo: Uint8Array<ArrayBuffer>): Uint8Array {
  const copy = photo.slice();
  copy.set(
    text("none"),
    copy.findIndex((_, i) => text("MPF\0").every((c, k) => copy[i + k] === c)),
  );
  return copy;
}

Deno.test("mjpeg: random bytes neither throw nor hide the frames after them", () => {
  const next = random(11);
  for (let round = 0; round < 50; round++) {
    const noise = Uint8Array.from({ length: 300 }, () => next() < 0.3 ? 0xff : 256 * next());
    const found = split(concat([noise, ...FRAMES]), 64);
    assert.deepEqual(found.slice(-2), FRAMES.slice(-2), `round ${round}`);
  }
});

Deno.test("mjpeg: a frame without end is given up at the limit, the next one is found", () => {
  const scan = FRAMES[0].subarray(0, FRAMES[0].length - 2);
  const endless = concat([scan, new Uint8Array(100_000)]);
  const splitter = new MjpegSplitter(50_000);
  const frames = split(concat([endless, FRAMES[2]]), 4096, splitter);
  assert.deepEqual(frames, [FRAMES[2]]);
  assert.equal(splitter.damaged, 1);
});

Deno.test("commands: a folder's pictures in natural order, other files left out", async () => {
  await using folder = await folderOf(Array(11).fill(FRAMES[1]));
  await Deno.writeTextFile(`${folder.path}/notes.txt`, "");
  for (const name of ["._1.jpg", ".hidden.jpeg"]) {
    await Deno.writeTextFile(`${folder.path}/${name}`, "");
  }
  await Deno.rename(`${folder.path}/10.jpg`, `${folder.path}/10.JPEG`);
  const names = (await listFiles([`${folder.path}/`])).map(({ file }) => file.split("/").at(-1));
  const expected = ["1.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg", "6.jpg", "7.jpg", "8.jpg"];
  assert.deepEqual(names, [...expected, "9.jpg", "10.JPEG", "11.jpg"]);
});

Deno.test("commands: options from a file, then from --set", async () => {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(file, '{"flow": {"maxLevel": 1, "maxCount": 7}}');
    const set = ["flow.maxLevel=2", "flow.winSize=[15,15]", "filter.forwardBackward=null"];
    const options = await readOptions({ options: file, set });
    const expected = defaultOptions();
    Object.assign(expected.flow, { maxLevel: 2, maxCount: 7, winSize: [15, 15] });
    expected.filter.forwardBackward = null;
    assert.deepEqual(options, expected);

    await Deno.writeTextFile(file, "[1]");
    await assert.rejects(readOptions({ options: file }), UsageError);
  } finally {
    await Deno.remove(file);
  }
  await assert.rejects(readOptions({ options: "/nowhere.json" }), UsageError);
  await assert.rejects(readOptions({ set: ["maxLevel=2"] }), UsageError);
  for (const bad of ["flow.maxLevel=99", "flow.winSize=15", "flow.speed=1", "detect.k=much"]) {
    await assert.rejects(
      readOptions({ set: [bad] }),
      (error) => error instanceof ProtocolError && error.message.includes(bad.split("=")[0]),
    );
  }
});

Deno.test("commands: the progress line tells share, count and rate", () => {
  assert.equal(
    progressLine(50, 200, 2000),
    `[${"#".repeat(8)}${".".repeat(22)}] 50 of 200 frames, 25 frames/s`,
  );
  assert.equal(progressLine(7, null, 1000), "7 frames, 7 frames/s");
});

Deno.test("drawing: pixels stay where they are stored, whatever Exif says of turning", () => {
  const exif = [0x45, 0x78, 0x69, 0x66, 0, 0, 0x49, 0x49, 0x2a, 0, 8, 0, 0, 0, 1, 0];
  const orientation = [0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0];
  const turned = withApp1(FRAMES[0], Uint8Array.from([...exif, ...orientation]));
  const size = ({ width, height }: { width: number; height: number }) => [width, height];
  assert.deepEqual(size(decodePixels(turned)), [120, 160]); // the decoder heeds it
  assert.deepEqual(withoutExif(turned), FRAMES[0]);
  assert.equal(withoutExif(FRAMES[0]), FRAMES[0]);
});

Deno.test("commands: what is wrong with a line is told in sentences of our own", async () => {
  for (
    const [args, message] of [
      [["a", "b", "--fast"], /^Cannot take --fast: allowed are --output, --json, /],
      [["a", "b", "-x"], /^Cannot take -x: allowed are --output, /],
      [["a", "b", "--json=no"], /^Cannot set --json to "no": it takes no value\n/],
      [["a", "b", "--scale"], /^Cannot take --scale without its value: allowed is --scale N\n/],
      [
        ["a", "b", "--scale", "-1"],
        /^Cannot tell whether -1 is the value of --scale or a flag: allowed is --scale=-1\n/,
      ],
      [["a", "b", "--color-by=taste"], /^Cannot set --colour to "taste": allowed are direction,/],
    ] as [string[], RegExp][]
  ) {
    const { code, stdout, stderr } = await run(flow, args);
    assert.deepEqual([code, stdout], [2, ""], `${args}`);
    assert.match(stderr, message);
  }
});

Deno.test("commands: --color, --colour-by and --color-by are --colour", async () => {
  for (const spelling of ["--color", "--colour-by", "--color-by"]) {
    for (const args of [[`${spelling}=x`], [spelling, "x"]]) {
      const { code, stderr } = await run(flow, ["a", "b", ...args]);
      assert.equal(code, 2);
      assert.match(stderr, /^Cannot set --colour to "x"/);
    }
  }
});

Deno.test("commands: --version tells name and version", async () => {
  for (const main of [flow, track, send]) {
    const { code, stdout } = await run(main, ["--version"]);
    assert.deepEqual([code, stdout], [0, `lkstream/${config.version}\n`]);
  }
});

Deno.test("commands: docs/tools.md has every flag that --help has", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/tools.md", import.meta.url));
  for (const [name, main] of Object.entries({ flow, track, send })) {
    const { code, stdout } = await run(main, ["--help"]);
    assert.equal(code, 0);
    const flags = stdout.match(/(?<=^ {2}(-\w, )?)--\w+/gm)!;
    assert.ok(flags.length > 5, stdout);
    for (const flag of flags) {
      if (flag !== "--help") assert.match(page, new RegExp(`\`${flag}\\b`), `${name} ${flag}`);
    }
  }
});
