import assert from "node:assert/strict";
import { defaultOptions, type Tracks, tracksFromJson, tracksToJson } from "../../protocol/mod.ts";
import { Tracker } from "../../tracking/tracker.ts";
import { main as flow } from "../../cli/flow.ts";
import { main as track } from "../../cli/track.ts";
import {
  concat,
  folderOf,
  inFolder,
  openedEngine,
  pictures,
  pngOf,
  type Ran,
  run,
} from "../lib/commands.ts";
import { shift, Texture } from "../lib/images.ts";
import { encodeJpeg } from "../lib/jpeg.ts";
import { decodePixels } from "../lib/pixels.ts";

const FRAMES = pictures(6, 1.5, 1);

/** Standard output as tracks: every line must be one. */
function tracksOf({ stdout, code, stderr }: Ran): Tracks[] {
  assert.equal(code, 0, stderr);
  assert.ok(stdout.endsWith("\n"));
  return stdout.trimEnd().split("\n").map((line) => tracksFromJson(JSON.parse(line)));
}

/** What must not differ between two runs: all but times. */
function untimed(tracks: Tracks[]) {
  return tracks.map(({ timing: _, ...rest }) => rest);
}

Deno.test("track: a folder's frames, one line each, move as the pictures do", async () => {
  await using folder = await folderOf(FRAMES);
  const ran = await run(track, [folder.path, "--fps", "10"]);
  const tracks = tracksOf(ran);
  assert.deepEqual(tracks.map(({ seq }) => seq), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(tracks.map(({ timestamp }) => timestamp), [0, 100, 200, 300, 400, 500]);
  assert.equal(tracks[0].flow, null);
  for (const { flow, width, height, points } of tracks.slice(1)) {
    assert.deepEqual([width, height], [160, 120]);
    assert.ok(Math.hypot(flow![0] - 1.5, flow![1] - 1) < 0.05, `${flow}`);
    assert.ok(points.age.filter((age) => age > 0).length > 20);
  }
  assert.match(ran.stderr, /^Tracked 6 frames of 160×120 on \w+ in [\d.]+ s, \d+ frames\/s\n/);
  assert.ok(!ran.stderr.includes("\r"), "a progress bar, where there is no terminal");
});

Deno.test("track: MJPEG on standard input, with garbage and a cut end, gives the same", async () => {
  await using folder = await folderOf(FRAMES);
  const fromFolder = tracksOf(await run(track, [folder.path]));
  const garbage = new TextEncoder().encode("\r\n--frame\r\n\r\n");
  const stdin = concat([
    ...FRAMES.flatMap((jpeg) => [garbage, jpeg]),
    FRAMES[0].subarray(0, 900),
  ]);
  const ran = await run(track, ["-"], { stdin });
  assert.deepEqual(untimed(tracksOf(ran)), untimed(fromFolder));
  assert.match(ran.stderr, /; 1 damaged one was passed over/);
});

Deno.test("track: a file of MJPEG gives all its frames, as the pipe does", async () => {
  await using folder = await folderOf(FRAMES);
  const fromFolder = tracksOf(await run(track, [folder.path]));
  const clip = `${folder.path}/clip.mjpeg`;
  await Deno.writeFile(clip, concat([...FRAMES, FRAMES[0].subarray(0, 900)]));
  const ran = await run(track, [clip]);
  assert.deepEqual(untimed(tracksOf(ran)), untimed(fromFolder));
  assert.match(ran.stderr, /; 1 damaged one was passed over/);
});

Deno.test("track: PNGs are tracked as their grey levels, by the times of their data set", async () => {
  const texture = new Texture(5);
  const greys = [0, 1, 2].map((i) => texture.draw(160, 120, shift(1.5 * i, i)));
  const files = Object.fromEntries(
    greys.map((grey, i) => [`/cam0/data/${1403636579 + i}000000000.png`, pngOf(grey)]),
  );
  await using folder = await inFolder({
    ...files,
    "/cam0/data/1403636580500000000.png": "no picture",
  });
  const drawn = `${folder.path}/drawn`;
  const ran = await run(track, [folder.path, "--draw", drawn]);
  const tracks = tracksOf(ran);
  assert.deepEqual(tracks.map(({ seq }) => seq), [0, 1, 3]);
  assert.deepEqual(
    tracks.map(({ timestamp }) => timestamp),
    [1403636579000, 1403636580000, 1403636581000],
  );
  await using engine = await openedEngine();
  await using sequence = engine.open();
  const tracker = new Tracker(sequence, defaultOptions(), 10_000);
  for (const [i, grey] of greys.entries()) {
    const step = await tracker.process(grey);
    const { seq, timestamp, timing } = tracks[i];
    const want = { ...step, seq, timestamp, dropped: 0, timing };
    assert.deepEqual(tracks[i], tracksFromJson(tracksToJson(want)));
  }
  assert.match(ran.stderr, /Passed over .*0500000000\.png: Cannot /);
  const last = decodePixels(await Deno.readFile(`${drawn}/000003.jpg`));
  const differs = [0, 40, 80].filter((x) =>
    Math.abs(last.at(x, 60)[0] - greys[2].data[160 * 60 + x]) > 40
  );
  assert.ok(differs.length < 3, "the picture lies below what is drawn");
  const byRate = tracksOf(await run(track, [folder.path, "--fps", "10"]));
  assert.deepEqual(byRate.map(({ timestamp }) => timestamp), [0, 100, 300]);
});

Deno.test("track: points out of flow are tracked, in their order, and no others", async () => {
  await using folder = await folderOf(FRAMES);
  const points = `${folder.path}/points.json`;
  const found = await run(flow, [`${folder.path}/1.jpg`, `${folder.path}/2.jpg`]);
  await Deno.writeTextFile(points, found.stdout);
  const { x, y } = JSON.parse(found.stdout).points;
  const tracks = tracksOf(await run(track, [folder.path, "--points", points]));
  assert.deepEqual(Array.from(tracks[0].points.xy), x.flatMap((x: number, i: number) => [x, y[i]]));
  assert.deepEqual(Array.from(tracks[0].points.id), x.map((_: number, i: number) => i + 1));
  for (const { flow, points, detected } of tracks.slice(1)) {
    assert.equal(detected, false);
    assert.ok(Math.hypot(flow![0] - 1.5, flow![1] - 1) < 0.05);
    assert.ok(points.id.length > 20 && Math.max(...points.id) <= x.length);
  }
  const others = tracksOf(await run(track, [folder.path, "--points", points, "--detect", "on"]));
  assert.ok(others.some(({ detected }) => detected));
});

Deno.test("track: a mask is a PNG, a JPEG or polygons, and confines the points", async () => {
  const data = new Uint8Array(160 * 120).map((_, i) => i % 160 >= 80 ? 255 : 0);
  const grey = { width: 160, height: 120, data };
  await using folder = await folderOf(FRAMES);
  const masks = {
    "mask.png": pngOf({ ...grey, data: data.map((level) => level && 1) }),
    "mask.jpg": encodeJpeg(grey, { quality: 80 }),
    "mask.json": new TextEncoder().encode("[[[79.5,-9],[200,-9],[200,200],[79.5,200]]]"),
  };
  await using files = await inFolder(masks);
  const all = tracksOf(await run(track, [folder.path]));
  assert.ok(all[0].points.xy.some((at, i) => i % 2 === 0 && at < 80));
  let first: Tracks[] | null = null;
  for (const name of Object.keys(masks)) {
    const tracks = tracksOf(await run(track, [folder.path, "--mask", `${files.path}/${name}`]));
    for (const { points: { xy } } of tracks) {
      assert.ok(xy.length > 20, name);
      assert.ok(xy.every((at, i) => i % 2 === 1 || at >= 79.5), name);
    }
    first ??= tracks;
    assert.deepEqual(untimed(tracks), untimed(first), name);
  }
  await Deno.writeFile(
    `${files.path}/small.png`,
    pngOf({ width: 4, height: 3, data: data.slice(0, 12) }),
  );
  const { code, stderr } = await run(track, [folder.path, "--mask", `${files.path}/small.png`]);
  assert.equal(code, 1);
  assert.match(stderr, /Cannot confine points to a mask of 4×3 pixels: the frame has 160×120/);
});

Deno.test("track: files in the order given, options from the command line", async () => {
  await using folder = await folderOf(FRAMES);
  const files = [3, 2, 1].map((n) => `${folder.path}/${n}.jpg`);
  const tracks = tracksOf(await run(track, [...files, "--set", "detect.maxCorners=7"]));
  assert.equal(tracks[0].points.id.length, 7);
  assert.ok(tracks[1].flow![0] < -1.4); // backwards
});

Deno.test("track: frames that do not decode are told and passed over", async () => {
  const broken = new TextEncoder().encode("no picture");
  await using folder = await folderOf([FRAMES[0], broken, FRAMES[1]]);
  const ran = await run(track, [folder.path]);
  const tracks = tracksOf(ran);
  assert.deepEqual(tracks.map(({ seq }) => seq), [0, 2]);
  assert.ok(Math.hypot(tracks[1].flow![0] - 1.5, tracks[1].flow![1] - 1) < 0.05);
  assert.match(ran.stderr, /Passed over .*2\.jpg: Cannot /);
});

Deno.test("track: tracks as a file and as CSV", async () => {
  await using folder = await folderOf(FRAMES.slice(0, 2));
  const ndjson = `${folder.path}/tracks.ndjson`, csv = `${folder.path}/tracks.csv`;
  const ran = await run(track, [folder.path, "-o", ndjson]);
  assert.equal(ran.stdout, "");
  const tracks = tracksOf({ ...ran, stdout: await Deno.readTextFile(ndjson) });
  await run(track, [folder.path, "-o", csv]);
  const text = await Deno.readTextFile(csv);
  const rows = text.trimEnd().split("\n").map((row) => row.split(","));
  assert.deepEqual(rows[0].join(), "seq,id,x,y,dx,dy,error,fb,age,lost");
  const sum = tracks.reduce((n, { points, lost }) => n + points.id.length + lost.id.length, 0);
  assert.equal(rows.length, 1 + sum);
  assert.ok(rows.every((row) => row.length === 10));
  const [, id, x] = rows[1];
  assert.deepEqual([Number(id), Number(x)], [tracks[0].points.id[0], tracks[0].points.xy[0]]);
  assert.equal((await run(track, [folder.path, "--csv"])).stdout, text);
});

Deno.test("track: --draw makes a JPEG a frame, a mark on every point", async () => {
  await using folder = await folderOf(FRAMES);
  const drawn = `${folder.path}/drawn`;
  const flags = ["--draw", drawn, "--colour", "speed", "--set", "detect.maxCorners=5"];
  const tracks = tracksOf(await run(track, [folder.path, ...flags]));
  const names = Array.from(Deno.readDirSync(drawn), ({ name }) => name).sort();
  assert.deepEqual(names, [0, 1, 2, 3, 4, 5].map((n) => `00000${n}.jpg`));
  const last = decodePixels(await Deno.readFile(`${drawn}/000005.jpg`));
  assert.equal(last.width, 160);
  assert.ok(last.height > 120 && last.height % 2 === 0);
  const { points } = tracks[5];
  assert.ok(points.id.length > 0);
  const colourful = (x: number, y: number) => {
    const rgb = last.at(x, y);
    return Math.max(...rgb) - Math.min(...rgb) > 30; // the pictures are grey
  };
  const corners = [[2, 2], [157, 2], [2, 117], [157, 117]];
  assert.ok(corners.filter(([x, y]) => colourful(x, y)).length <= 1, "colour where no point is");
  for (let i = 0; i < points.id.length; i++) {
    const x = points.xy[2 * i], y = points.xy[2 * i + 1];
    assert.ok(colourful(x, y), `grey at point ${i}`);
  }
});

Deno.test("track: a reader that has seen enough ends it, without a complaint", async () => {
  await using folder = await folderOf(pictures(2, 1, 0));
  const files = Array(300).fill([`${folder.path}/1.jpg`, `${folder.path}/2.jpg`]).flat();
  const enough = (stdout: string) => stdout.includes("\n");
  const { code, stdout, stderr } = await run(track, files, { enough });
  assert.equal(code, 0);
  JSON.parse(stdout);
  assert.equal(stderr, "");
});

Deno.test("track: an interrupt ends it with whole lines", async () => {
  const file = await Deno.makeTempFile();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "cli/track.ts", "-", "-o", file],
    cwd: new URL("../../", import.meta.url),
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const stderr = new Response(child.stderr).text();
  const input = child.stdin.getWriter();
  try {
    await input.write(concat(FRAMES)); // and no end
    const deadline = Date.now() + 60_000;
    while ((await Deno.readTextFile(file)).split("\n").length <= FRAMES.length) {
      assert.ok(Date.now() < deadline, "the frames were not tracked");
      await new Promise((later) => setTimeout(later, 20));
    }
    child.kill("SIGINT");
    assert.equal((await child.status).code, 130);
    assert.match(await stderr, /Tracked 6 frames/);
    const lines = (await Deno.readTextFile(file)).trimEnd().split("\n");
    assert.equal(lines.length, FRAMES.length);
    for (const line of lines) JSON.parse(line);
  } finally {
    await input.abort().catch(() => {});
    await Deno.remove(file);
  }
});

Deno.test("track: exit codes, and nothing on standard output but data", async () => {
  const broken = new TextEncoder().encode("no picture");
  await using folder = await folderOf([broken]);
  await using empty = await folderOf([]);
  const kept = `${folder.path}/kept.ndjson`;
  await Deno.writeTextFile(kept, "precious");
  for (
    const [args, expected, named] of [
      [[], 2, /without SOURCE/],
      [["-", folder.path], 2, /alone/],
      [[folder.path, "--fps", "0"], 2, /--fps to "0"/],
      [[folder.path, "--trail", "long"], 2, /--trail to "long"/],
      [[folder.path], 1, /Cannot track: there was no frame; 1 damaged/],
      [[empty.path], 1, /Cannot find a picture in/],
      [["/nowhere", "-o", kept], 1, /nowhere: there is no such file/],
      [[folder.path, "--draw", kept], 1, /Cannot draw into .*kept\.ndjson/],
      [[folder.path, "-o", "/nowhere/tracks"], 1, /Cannot write \/nowhere\/tracks/],
    ] as [string[], number, RegExp][]
  ) {
    const { code, stdout, stderr } = await run(track, args);
    assert.deepEqual([code, stdout], [expected, ""], `${args}: ${stderr}`);
    assert.match(stderr, named);
  }
  assert.equal(await Deno.readTextFile(kept), "precious");
});
