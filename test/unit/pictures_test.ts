import assert from "node:assert/strict";
import { encode } from "fast-png";
import { toFrame } from "../../cli/pictures/picture.ts";
import { decodePng, isPng } from "../../cli/pictures/png.ts";
import { listPictures, readTimes } from "../../cli/sources/dataset.ts";
import { FrameError } from "../../tracking/engine.ts";
import { inFolder } from "../lib/commands.ts";
import oracle from "../inputs/png_greys.json" with { type: "json" };

const MAX = 1e6;

Deno.test("png: grey levels are those of cv2.imread(file, 0), for every kind of PNG", () => {
  const { width, height } = oracle;
  assert.ok(Object.keys(oracle.greys).length > 40);
  for (const [name, [png, grey]] of Object.entries(oracle.greys)) {
    const file = Uint8Array.fromBase64(png);
    assert.ok(isPng(file));
    const want = { width, height, data: Uint8Array.fromBase64(grey) };
    assert.deepEqual(decodePng(file, MAX), want, name);
    assert.deepEqual(toFrame(file), want);
  }
});

Deno.test("png: what is damaged, cut short or too large is refused, by name", () => {
  const [png] = oracle.greys["8 0"];
  const file = Uint8Array.fromBase64(png);
  for (let length = 8; length < file.length; length++) {
    assert.throws(() => decodePng(file.slice(0, length), MAX), {
      name: "FrameError",
      code: "bad_frame",
      message: /^Cannot decode the PNG: /,
    }, `${length} bytes`);
  }
  const spoilt = file.slice();
  spoilt[60] ^= 1; // of the pixels, under a checksum
  assert.throws(() => decodePng(spoilt, MAX), FrameError);
  assert.throws(() => decodePng(file, 98), { code: "frame_too_large", message: /11×9.* 98 / });
  const interlaced = Uint8Array.fromBase64(oracle.greys["1 0"][0]);
  interlaced[28] = 1;
  assert.throws(() => decodePng(interlaced, MAX), /interlaced and has 1 bits.*8 and 16/);
});

const PNG = encode({ width: 1, height: 1, data: new Uint8Array(1), channels: 1 });

/** The files of a folder, by their paths within it, and their times. */
async function listed(files: Record<string, string | Uint8Array>, point = "") {
  await using folder = await inFolder(files);
  const found = await listPictures(folder.path + point);
  return found.map(({ file, time }) => [file.slice(folder.path.length), time]);
}

Deno.test("datasets: EuRoC, by its root, a camera or its pictures", async () => {
  const files = {
    "/mav0/cam0/data/1403636579763555584.png": PNG,
    "/mav0/cam0/data/1403636579813555456.png": PNG,
    "/mav0/cam0/data.csv": "#timestamp [ns],filename\r\n" +
      "1403636579763555584,1403636579763555584.png\r\n" +
      "1403636579813555456,1403636579813555456.png\r\n",
    "/mav0/cam1/data/1403636579763555584.png": PNG,
  };
  for (const point of ["", "/", "/mav0", "/mav0/cam0", "/mav0/cam0/data/"]) {
    const found = await listed(files, point);
    assert.deepEqual(found.map(([file]) => file), Object.keys(files).slice(0, 2), point);
    assert.deepEqual(found.map(([, time]) => time), [1403636579763.555584, 1403636579813.555456]);
  }
  const byName = await listed(files, "/mav0/cam1");
  assert.deepEqual(byName, [[Object.keys(files)[3], 1403636579763.555584]]);
});

Deno.test("datasets: TUM RGB-D, where the list names paths, and names alone where it lacks one", async () => {
  const files = {
    "/rgb/1305031102.9.png": PNG, // natural order has it first
    "/rgb/1305031102.175304.png": PNG,
    "/depth/1305031102.160407.png": PNG,
    "/rgb.txt":
      "# color images\n# timestamp filename\n1305031102.175304 rgb/1305031102.175304.png\n" +
      "1305031102.9000 rgb/1305031102.9.png\n",
  };
  const expected = [["/rgb/1305031102.175304.png", 1305031102175.304], [
    "/rgb/1305031102.9.png",
    1305031102900,
  ]];
  assert.deepEqual(await listed(files), expected);
  assert.deepEqual(await listed({ ...files, "/rgb.txt": "" }, "/rgb"), expected);
});

Deno.test("datasets: KITTI, its odometry by seconds and its raw drives by dates", async () => {
  const odometry = { "/image_0/000000.png": PNG, "/image_0/000001.png": PNG };
  const times = "0.000000e+00\n1.036224e-01\n2.07e-01\n";
  assert.deepEqual(
    await listed({ ...odometry, "/times.txt": times }),
    [["/image_0/000000.png", 0], ["/image_0/000001.png", 103.6224]],
  );
  const dates = "2011-09-26 13:02:25.594360375\n2011-09-26 13:02:25.698\n";
  assert.deepEqual(
    await listed({
      "/image_00/data/0000000001.png": PNG,
      "/image_00/timestamps.txt": dates,
    }),
    [["/image_00/data/0000000001.png", Date.UTC(2011, 8, 26, 13, 2, 25, 698)]],
  );
});

Deno.test("datasets: other folders have no times, nor have names that count", async () => {
  assert.deepEqual(
    await listed({ "/10.png": PNG, "/2.JPG": PNG, "/times.csv": "1", "/0000000003.jpeg": PNG }),
    [["/2.JPG", null], ["/0000000003.jpeg", null], ["/10.png", null]],
  );
  assert.deepEqual(await listed({ "/notes.txt": "" }), []);
  const lookUp = readTimes("no times here\n");
  assert.equal(lookUp("000000.png"), null);
});
