import assert from "node:assert/strict";
import { defaultOptions } from "../../protocol/mod.ts";
import { movementColour } from "../../cli/drawing/colours.ts";
import { followTwo } from "../../cli/two_pictures.ts";
import { main as flow } from "../../cli/flow.ts";
import { folderOf, inFolder, picture, pngOf, run, spawnTask } from "../lib/commands.ts";
import { shift, Texture, withFlat } from "../lib/images.ts";
import { encodeJpeg } from "../lib/jpeg.ts";
import { decodePixels } from "../lib/pixels.ts";
import { ScriptedEngine } from "../lib/scripted.ts";

/** Few points, far apart, so that no arrow lies on another. */
const SPARSE = ["--set", "detect.maxCorners=6", "--set", "detect.minDistance=30"];

interface Points {
  x: number[];
  y: number[];
  dx: (number | null)[];
  dy: (number | null)[];
  error: (number | null)[];
  fb: (number | null)[];
  status: string[];
}

async function moved(dx: number, dy: number) {
  const folder = await folderOf([picture(shift(0, 0)), picture(shift(dx, dy))]);
  return {
    path: folder.path,
    args: [`${folder.path}/1.jpg`, `${folder.path}/2.jpg`],
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

function tracked({ status }: Points): number[] {
  return status.flatMap((what, i) => what === "tracked" ? [i] : []);
}

Deno.test("flow: the points of two pictures, on standard output, move as the pictures do", async () => {
  await using pair = await moved(3.5, -2);
  const { code, stdout, stderr } = await run(flow, pair.args);
  assert.equal(code, 0, stderr);
  const { points, flow: median, width, height, engine } = JSON.parse(stdout);
  assert.deepEqual([width, height], [160, 120]);
  assert.match(engine.name, /^(cuda|cpu|wasm)$/);
  const followed = tracked(points);
  assert.ok(followed.length > 30, `${followed.length} points`);
  for (const i of followed) {
    assert.ok(points.fb[i] <= 1);
    const isInside = Math.abs(points.x[i] - 80) < 55 && Math.abs(points.y[i] - 60) < 35;
    if (!isInside) continue; // at the border, windows see what came in
    const off = Math.hypot(points.dx[i] - 3.5, points.dy[i] + 2);
    assert.ok(off < 0.1, `point ${i} is off by ${off} px`);
    assert.ok(points.error[i] < 3, `error ${points.error[i]} of point ${i}`);
  }
  assert.ok(Math.hypot(median[0] - 3.5, median[1] + 2) < 0.05);
  assert.match(stderr, /^\d+ of \d+ points tracked on \w+, median movement \(3\.\d+, -2/);
});

Deno.test("flow: PNGs are followed as their grey levels, and drawn", async () => {
  const texture = new Texture(5);
  const [a, b] = [shift(0, 0), shift(3.5, -2)].map((motion) => texture.draw(160, 120, motion));
  await using folder = await inFolder({ "/a.png": pngOf(a), "/b.PNG": pngOf(b) });
  const files = ["a.png", "b.PNG"].map((name) => `${folder.path}/${name}`);
  const svg = `${folder.path}/out.svg`, png = `${folder.path}/out.png`;
  const ran = await run(flow, [...files, "--json", "-o", svg]);
  assert.equal(ran.code, 0, ran.stderr);
  const { points, flow: median } = JSON.parse(ran.stdout);
  assert.ok(Math.hypot(median[0] - 3.5, median[1] + 2) < 0.02, `${median}`);
  assert.ok(tracked(points).length > 30);
  const image = /data:image\/png;base64,([^"]+)"/.exec(await Deno.readTextFile(svg))![1];
  assert.deepEqual(Uint8Array.fromBase64(image), await Deno.readFile(files[1]));
  await run(flow, [...files, "-o", png, "--set", "detect.maxCorners=1"]);
  const drawing = decodePixels(await Deno.readFile(png));
  const equal = Array.from({ length: 160 }, (_, x) => x)
    .filter((x) => Math.abs(drawing.at(x, 60)[0] - b.data[160 * 60 + x]) <= 2);
  assert.ok(equal.length > 120, `${equal.length} of 160 pixels as in the picture`);
});

Deno.test("flow: given points are followed, in their order, where the mask allows it", async () => {
  await using pair = await moved(3.5, -2);
  const corners = JSON.parse((await run(flow, pair.args)).stdout).points;
  const inside = (i: number) =>
    corners.x[i] > 20 && corners.x[i] < 140 && corners.y[i] > 20 && corners.y[i] < 100;
  const [i, j] = tracked(corners).filter(inside);
  // near to each other, outside, outside of the mask
  const given = [[corners.x[i], corners.y[i]], [corners.x[i] + 1, corners.y[i]], [900, 20], [
    corners.x[j],
    corners.y[j],
  ]];
  const points = `${pair.path}/points.csv`, mask = `${pair.path}/mask.json`;
  await Deno.writeTextFile(points, given.map((xy) => xy.join()).join("\n"));
  const [x, y] = given[0].map((v) => v + 1);
  await Deno.writeTextFile(
    mask,
    JSON.stringify([[[x - 9, y - 9], [x + 9, y - 9], [x + 9, y + 9], [x - 9, y + 9]]]),
  );
  const { code, stdout, stderr } = await run(flow, [
    ...pair.args,
    "--points",
    points,
    "--mask",
    mask,
  ]);
  assert.equal(code, 0, stderr);
  const { points: got }: { points: Points } = JSON.parse(stdout);
  assert.deepEqual(got.x.map((x, i) => [x, got.y[i]]), given);
  assert.deepEqual(got.status, ["tracked", "tracked", "out_of_frame", "masked"]);
  for (const point of [0, 1]) {
    assert.ok(Math.hypot(got.dx[point]! - 3.5, got.dy[point]! + 2) < 0.1);
  }
  assert.deepEqual([got.dx[2], got.error[2], got.dx[3]], [null, null, null]);
});

Deno.test("flow: what --points and --detect leave without points, or with two kinds, is refused", async () => {
  await using pair = await moved(3.5, -2);
  const points = `${pair.path}/points.csv`;
  await Deno.writeTextFile(points, "1,2");
  for (const flags of [["--detect", "off"], ["--points", points, "--detect", "on"]]) {
    const { code, stderr } = await run(flow, [...pair.args, ...flags]);
    assert.equal(code, 2);
    assert.match(stderr, /^Cannot follow points: allowed are those that are found, or else/);
  }
  const { code, stderr } = await run(flow, [...pair.args, "--detect", "perhaps"]);
  assert.equal(code, 2);
  assert.match(stderr, /--detect to "perhaps": allowed are on, off/);
});

Deno.test("flow: every lost point has its reason, and numbers only where it was found", async () => {
  const texture = new Texture(5);
  await using folder = await folderOf([
    encodeJpeg(texture.draw(160, 120)),
    encodeJpeg(withFlat(texture.draw(160, 120, shift(2, 0)), 0, 0, 60, 120)),
  ]);
  const args = [`${folder.path}/1.jpg`, `${folder.path}/2.jpg`];
  const { stdout } = await run(flow, [...args, "--set", "filter.maxError=3"]);
  const { points }: { points: Points } = JSON.parse(stdout);
  const lost = points.status.flatMap((what, i) => what === "tracked" ? [] : [i]);
  const inFlat = lost.filter((i) => points.x[i] < 40);
  assert.ok(inFlat.length > 5, `${inFlat.length} lost where the texture went`);
  for (const i of lost) {
    assert.match(points.status[i], /^(flat|out_of_frame|high_error|forward_backward|crowded)$/);
    const found = !/^(flat|out_of_frame)$/.test(points.status[i]);
    if (found) assert.ok(points.error[i] !== null);
    if (points.status[i] === "high_error") assert.ok(points.error[i]! > 3);
  }
});

Deno.test("flow: arrows in PNG and JPEG lie where the points went, in the colour of their way", async () => {
  await using pair = await moved(4, 0);
  for (const form of ["png", "jpg"]) {
    const file = `${pair.path}/out.${form}`;
    const flags = ["--json", "--under", "none", "--scale", "5", "-o", file, ...SPARSE];
    const { code, stdout, stderr } = await run(flow, [...pair.args, ...flags]);
    assert.equal(code, 0, stderr);
    const { points } = JSON.parse(stdout);
    const drawing = decodePixels(await Deno.readFile(file));
    assert.equal(drawing.width, 160);
    assert.ok(drawing.height > 120 && drawing.height % 2 === 0);
    const followed = tracked(points).filter((i) => points.x[i] < 130);
    assert.ok(followed.length >= 3);
    for (const i of followed) {
      const [r, g, b] = drawing.at(points.x[i] + 15, points.y[i]); // three quarters along
      const isRed = r > 150 && r > g + 100 && r > b + 100; // JPEG halves the colours' resolution
      assert.ok(isRed, `${form}: ${[r, g, b]} at point ${i}, not red, which is to the right`);
      const above = drawing.at(points.x[i] + 10, points.y[i] - 8);
      assert.ok(Math.max(...above) < 60, `${form}: nothing beside it, but ${above}`);
    }
  }
});

Deno.test("flow: the drawing lies over the second picture, or what --under says", async () => {
  await using pair = await moved(4, 0);
  const file = `${pair.path}/out.png`;
  const [a, b] = await Promise.all(pair.args.map((name) => Deno.readFile(name)));
  for (const [under, jpeg] of [["a", a], ["b", b]] as const) {
    const flags = ["--under", under, "-o", file, "--set", "detect.maxCorners=1"];
    await run(flow, [...pair.args, ...flags]);
    const drawing = decodePixels(await Deno.readFile(file)), original = decodePixels(jpeg);
    const equal = Array.from({ length: 160 }, (_, x) => x)
      .filter((x) => Math.abs(drawing.at(x, 60)[0] - original.at(x, 60)[0]) <= 2);
    assert.ok(equal.length > 120, `${under}: ${equal.length} of 160 pixels as in the picture`);
  }
});

Deno.test("flow: the SVG holds picture, arrows and legend", async () => {
  await using pair = await moved(4, -3);
  const file = `${pair.path}/out.svg`;
  const flags = ["--json", "--scale", "5", "--colour", "speed", "-o", file, ...SPARSE];
  const { code, stdout } = await run(flow, [...pair.args, ...flags]);
  assert.equal(code, 0);
  const { points } = JSON.parse(stdout);
  const svg = await Deno.readTextFile(file);
  const image = /data:image\/jpeg;base64,([^"]+)"/.exec(svg)![1];
  assert.deepEqual(Uint8Array.fromBase64(image), await Deno.readFile(pair.args[1]));
  const tips = Array.from(
    svg.matchAll(/<polygon points="(\S+) (\S+) /g),
    ([, x, y]) => [Number(x), Number(y)],
  );
  for (const i of tracked(points)) {
    const x = points.x[i] + 5 * points.dx[i], y = points.y[i] + 5 * points.dy[i];
    assert.ok(tips.some((tip) => Math.hypot(tip[0] - x, tip[1] - y) < 0.1), `point ${i}`);
  }
  assert.match(svg, /<text [^>]+>0 to [45]\.\d px<\/text>/);
  assert.match(svg, /<text [^>]+>·<\/text>/);
  assert.match(svg, /<text [^>]+>arrows ×5<\/text>/);
});

Deno.test("flow: colours tell directions apart, and white stands still", () => {
  const colour = (dx: number, dy: number) => movementColour(dx, dy, 1, "direction");
  assert.equal(colour(0, 0), "#ffffff");
  assert.deepEqual([colour(1, 0), colour(-1, 0)], ["#ff0000", "#00ffff"]);
  assert.deepEqual([colour(0, 1), colour(0, -1)], ["#80ff00", "#8000ff"]);
  assert.equal(colour(9, 0), colour(1, 0));
  assert.notEqual(movementColour(1, 0, 1, "speed"), movementColour(0, 0, 1, "speed"));
});

Deno.test("flow: exit codes, and nothing on standard output but data", async () => {
  await using folder = await folderOf([
    picture(shift(0, 0)),
    encodeJpeg(new Texture(1).draw(80, 60)),
    new TextEncoder().encode("no picture"),
  ]);
  const [a, small, text] = [1, 2, 3].map((n) => `${folder.path}/${n}.jpg`);
  for (
    const [args, expected, named] of [
      [[a], 2, /through 1 picture: allowed are two/],
      [[a, a, "-o", "out.gif"], 2, /out\.gif.*\.svg, \.png and \.jpg/],
      [[a, a, "--engine", "magic"], 2, /"magic".*auto, cuda, cpu, wasm/],
      [[a, a, "--colour", "red"], 2, /direction, speed/],
      [[a, a, "--scale", "x"], 2, /--scale to "x".*0\.01 to 1000/],
      [[a, a, "--set", "flow.maxLevel=99"], 2, /flow\.maxLevel to 99.*0 to 8/],
      [[a, a, "--fast"], 2, /--fast/],
      [[a, small], 1, /160×120 to 80×60/],
      [[a, text], 1, /3\.jpg: Cannot /],
      [[a, `${folder.path}/4.jpg`], 1, /4\.jpg: there is no such file/],
      [[a, a, "-o", `${folder.path}/none/out.svg`], 1, /Cannot write .*out\.svg: No such/],
    ] as [string[], number, RegExp][]
  ) {
    const { code, stdout, stderr } = await run(flow, args);
    assert.deepEqual([code, stdout], [expected, ""], `${args}: ${stderr}`);
    assert.match(stderr, named);
    assert.doesNotMatch(stderr, /\bat .*\.ts:\d/); // no stack
  }
});

Deno.test("flow: deno task flow --help tells the flags, the options and the exit codes", async () => {
  const child = spawnTask("flow", ["--help"]);
  await child.stdin.close();
  const { code, stdout } = await child.output();
  assert.equal(code, 0);
  const help = new TextDecoder().decode(stdout);
  for (const part of ["--output", "--engine", "flow.winSize=[21,21]", "Exit codes"]) {
    assert.ok(help.includes(part), part);
  }
});

Deno.test("flow: the sequence is closed, also when a picture does not decode", async () => {
  const frame = { name: "a", picture: picture(shift(0, 0)), time: null };
  for (const script of [[{}, {}], [{}, { fails: "bad_frame" as const }]]) {
    const engine = new ScriptedEngine(() => script);
    await followTwo(engine, frame, frame, defaultOptions()).catch(() => {});
    assert.equal(engine.opened[0].closed, 1);
  }
});
