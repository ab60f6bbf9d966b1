/** Tracks in the forms that other programs read. */
import assert from "node:assert/strict";
import { McapIndexedReader } from "@mcap/core";
import { unzipSync } from "fflate";
import { parquetReadObjects } from "hyparquet";
import { main as flow } from "../../cli/flow.ts";
import { main as send } from "../../cli/send.ts";
import { main as track } from "../../cli/track.ts";
import { type Tracks, tracksFromJson } from "../../protocol/mod.ts";
import { folderOf, pictures, run } from "../lib/commands.ts";
import { defaultServer } from "../lib/running.ts";
import { type McapMessage, readMcap } from "../lib/mcap_file.ts";
import { decodeBy } from "../lib/protobuf.ts";

const FRAMES = pictures(6, 1.5, 1);
/** Corners that leave the picture, so that some end. */
const LEAVING = pictures(6, 9, 0);

/** Points are compared with the windows in which they were found, and none is lost by it. */
const COMPARED = ["--set", "filter.appearance=1"];

/** Tracks the pictures into a file of this name, and as NDJSON, which is compared with it. */
async function tracked(
  name: string,
  frames = LEAVING,
  flags: string[] = [],
): Promise<{ bytes: Uint8Array<ArrayBuffer>; tracks: Tracks[] }> {
  await using folder = await folderOf(frames);
  const file = `${folder.path}/${name}`, plain = `${folder.path}/plain.ndjson`;
  for (const to of [file, plain]) {
    const { code, stderr, stdout } = await run(track, [folder.path, "-o", to, ...flags]);
    assert.deepEqual([code, stdout], [0, ""], stderr);
  }
  const lines = (await Deno.readTextFile(plain)).trimEnd().split("\n");
  return {
    bytes: await Deno.readFile(file),
    tracks: lines.map((line) => tracksFromJson(JSON.parse(line))),
  };
}

const sum = (counts: number[]) => counts.reduce((a, b) => a + b, 0);
const near = (a: number, b: number) => Math.abs(a - b) < 1e-4;

const isSame = (a: number, b: number) => Number.isNaN(a) ? Number.isNaN(b) : near(a, b);

/** An array as numpy.load gives it. */
function readNpy(bytes: Uint8Array<ArrayBuffer>): (number | string)[] {
  assert.deepEqual([...bytes.subarray(0, 8)], [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  const length = bytes[8] | bytes[9] << 8;
  assert.equal((10 + length) % 64, 0);
  const header = new TextDecoder().decode(bytes.subarray(10, 10 + length));
  const [, kind, size, count] =
    /^\{'descr': '<([ufU])(\d+)', 'fortran_order': False, 'shape': \((\d+),\), \} *\n$/.exec(
      header,
    )!;
  const data = bytes.slice(10 + length).buffer;
  if (kind === "U") {
    const codes = new Uint32Array(data), width = Number(size);
    assert.equal(codes.length, width * Number(count));
    return Array.from(
      { length: Number(count) },
      (_, i) => String.fromCodePoint(...codes.subarray(i * width, (i + 1) * width).filter(Boolean)),
    );
  }
  const Numbers = { u4: Uint32Array, f4: Float32Array, f8: Float64Array }[`${kind}${size}`]!;
  const values = [...new Numbers(data)];
  assert.equal(values.length, Number(count));
  return values;
}

Deno.test("forms: an npz has an array a column, with a row a point", async () => {
  const { bytes, tracks } = await tracked("tracks.npz", LEAVING, COMPARED);
  const arrays = Object.fromEntries(
    Object.entries(unzipSync(bytes)).map(([name, npy]) => [
      name.replace(/\.npy$/, ""),
      readNpy(npy as Uint8Array<ArrayBuffer>),
    ]),
  );
  const names = [
    "seq",
    "timestamp",
    "id",
    "x",
    "y",
    "dx",
    "dy",
    "error",
    "fb",
    "age",
    "appearance",
  ];
  assert.deepEqual(Object.keys(arrays), [...names, "lost_seq", "lost_id", "lost_reason"]);
  const rows = tracks.flatMap(({ seq, timestamp, points: { id, xy, dxy, age } }) =>
    Array.from(
      id,
      (id, i) => ({ seq, timestamp, id, x: xy[2 * i], dy: dxy[2 * i + 1], age: age[i] }),
    )
  );
  assert.ok(rows.length > 100);
  for (const name of ["seq", "id", "age"] as const) {
    assert.deepEqual(arrays[name], rows.map((row) => row[name]), name);
  }
  for (const name of ["timestamp", "x", "dy"] as const) {
    assert.ok(rows.every((row, i) => near(row[name], arrays[name][i] as number)), name);
  }
  const residuals = tracks.flatMap(({ points }) => [...points.appearance!]);
  assert.ok(residuals.some((residual) => residual >= 0), "no point was compared");
  assert.ok(residuals.every((residual, i) => isSame(residual, arrays.appearance[i] as number)));
  const lost = tracks.flatMap(({ seq, lost }) => Array.from(lost.id, (id) => ({ seq, id })));
  assert.ok(lost.length > 0);
  assert.deepEqual(arrays.lost_seq, lost.map(({ seq }) => seq));
  assert.deepEqual(arrays.lost_id, lost.map(({ id }) => id));
  assert.ok(arrays.lost_reason.includes("out_of_frame"));
});

Deno.test("forms: a parquet file has the rows of the CSV, and null where a row has nothing", async () => {
  const { bytes, tracks } = await tracked("tracks.PARQUET", LEAVING, COMPARED);
  const rows = await parquetReadObjects({ file: bytes.buffer });
  const living = rows.filter(({ lost }) => lost === null);
  assert.equal(living.length, sum(tracks.map(({ points }) => points.id.length)));
  const first = tracks[1].points;
  const found = living.find(({ seq, id }) => seq === 1n && id === BigInt(first.id[0]))!;
  assert.ok(
    near(found.x, first.xy[0]) && near(found.dx, first.dxy[0]) && near(found.fb, first.fb[0]),
  );
  assert.equal(found.age, BigInt(first.age[0]));
  assert.ok(living.filter(({ seq }) => seq === 0n).every(({ fb }) => fb === null));
  const compared = living.filter(({ appearance }) => appearance !== null);
  assert.equal(
    compared.length,
    sum(tracks.map(({ points }) => points.appearance!.filter((residual) => residual >= 0).length)),
  );
  assert.ok(compared.length > 0);
  const ended = rows.filter(({ lost }) => lost !== null);
  assert.equal(ended.length, sum(tracks.map(({ lost }) => lost.id.length)));
  assert.ok(ended.every(({ x, age, lost }) => x === null && age === null && lost.length > 3));
});

/** What both readers must find in a file of six frames. */
function checkMcap(messages: Pick<McapMessage, "topic" | "logTime" | "data">[]): void {
  const of = (topic: string) => messages.filter((one) => one.topic === topic);
  for (const topic of ["/lkstream/image", "/lkstream/points", "/lkstream/tracks"]) {
    assert.deepEqual(
      of(topic).map(({ logTime }) => logTime),
      [0n, 100_000_000n, 200_000_000n, 300_000_000n, 400_000_000n, 500_000_000n],
      topic,
    );
  }
}

Deno.test("forms: an MCAP file has every frame, its points and its tracks; two readers agree", async () => {
  const { bytes, tracks } = await tracked("tracks.mcap", FRAMES, ["--fps", "10"]);
  const messages = readMcap(bytes);
  checkMcap(messages);
  const indexed = await McapIndexedReader.Initialize({
    readable: {
      size: () => Promise.resolve(BigInt(bytes.length)),
      read: (at, length) => Promise.resolve(bytes.slice(Number(at), Number(at + length))),
    },
  });
  const again = [];
  for await (const { channelId, logTime, data } of indexed.readMessages()) {
    const { topic } = indexed.channelsById.get(channelId)!;
    again.push({ topic, logTime, data: data as Uint8Array<ArrayBuffer> });
  }
  checkMcap(again);
  assert.equal(indexed.statistics!.messageCount, 18n);

  const decoded = (topic: string) =>
    messages.filter((one) => one.topic === `/lkstream/${topic}`).map(({ schema, data, encoding }) =>
      encoding === "json"
        ? JSON.parse(new TextDecoder().decode(data))
        : decodeBy(schema.data, schema.name, data)
    );
  const untimed = (all: Tracks[]) => all.map(({ timing: _, ...rest }) => rest);
  assert.deepEqual(untimed(decoded("tracks").map(tracksFromJson)), untimed(tracks));
  decoded("image").forEach(({ data }, i) => assert.deepEqual(new Uint8Array(data), FRAMES[i]));
  decoded("points").forEach(({ points: [{ points }], texts }, i) => {
    const { id, xy } = tracks[i].points;
    assert.deepEqual([points.length, texts.length], [id.length, 0]);
    assert.ok(near(points[0].x, xy[0] + 0.5) && near(points[0].y, xy[1] + 0.5));
  });
});

Deno.test("forms: with --ids an MCAP file names the points", async () => {
  const { bytes, tracks } = await tracked("tracks.mcap", FRAMES, ["--ids"]);
  const { schema, data } = readMcap(bytes).find(({ topic }) => topic === "/lkstream/ids")!;
  const { texts } = decodeBy(schema.data, schema.name, data);
  assert.deepEqual(texts.map(({ text }: { text: string }) => Number(text)), [
    ...tracks[0].points.id,
  ]);
});

Deno.test("forms: send writes MCAP with the frames that it sent, by the time of day", async () => {
  await using folder = await folderOf(FRAMES);
  const server = await defaultServer();
  const file = `${folder.path}/tracks.mcap`;
  try {
    const before = Date.now() - 1000;
    const { code, stderr } = await run(send, [folder.path, server.url, "--fps", "0", "-o", file]);
    assert.equal(code, 0, stderr);
    const messages = readMcap(await Deno.readFile(file));
    const images = messages.filter(({ topic }) => topic === "/lkstream/image");
    images.forEach(({ schema, data, logTime }, i) => {
      assert.deepEqual(new Uint8Array(decodeBy(schema.data, schema.name, data).data), FRAMES[i]);
      const ms = Number(logTime / 1_000_000n);
      assert.ok(ms > before && ms < Date.now() + 1000, `${ms}`);
    });
    assert.equal(messages.length, 18);
  } finally {
    await server.stop();
  }
});

Deno.test("forms: a name that ends as no form does is refused, with those that there are", async () => {
  await using folder = await folderOf(FRAMES);
  for (const name of ["tracks.json", "tracks.arrow", "x.parquet.bak", "a.b/c.xyz"]) {
    const { code, stderr } = await run(track, [folder.path, "-o", `${folder.path}/${name}`]);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /allowed are names that end in \.ndjson, \.jsonl, \.csv, \.npz, \.parquet, \.mcap\n/,
    );
  }
  const { code } = await run(track, [folder.path, "-o", `${folder.path}/tracks`]); // as /dev/fd/63
  assert.equal(code, 0);
  const text = await Deno.readTextFile(`${folder.path}/tracks`);
  assert.equal(text.trimEnd().split("\n").length, 6);
});

Deno.test("forms: flow --csv has a row a point, as its JSON", async () => {
  await using folder = await folderOf(FRAMES.slice(0, 2));
  const files = ["1.jpg", "2.jpg"].map((name) => `${folder.path}/${name}`);
  const { points } = JSON.parse((await run(flow, files)).stdout);
  const [head, ...rows] = (await run(flow, [...files, "--csv"])).stdout.trimEnd().split("\n");
  assert.equal(head, "x,y,dx,dy,error,fb,status");
  assert.equal(rows.length, points.x.length);
  rows.forEach((row, i) => {
    const [x, , dx, , , , status] = row.split(",");
    assert.deepEqual([Number(x), Number(dx), status], [
      points.x[i],
      points.dx[i] ?? 0,
      points.status[i],
    ]);
  });
});
