/** Clips and cameras by a real ffmpeg: `deno task test:video`. Says what is missing where there is none. */
import assert from "node:assert/strict";
import { main as send } from "../../cli/send.ts";
import { howToInstall } from "../../cli/sources/ffmpeg_arguments.ts";
import { main as track } from "../../cli/track.ts";
import { defaultOptions, type Tracks, tracksFromJson, tracksToJson } from "../../protocol/mod.ts";
import { Tracker } from "../../tracking/tracker.ts";
import { concat, openedEngine, pictures, type Ran, run } from "../lib/commands.ts";
import { shift, Texture } from "../lib/images.ts";
import { start } from "../lib/running.ts";

const FRAMES = 20;
const texture = new Texture(5);
const GREYS = Array.from({ length: FRAMES }, (_, i) => texture.draw(160, 120, shift(1.5 * i, i)));

const hasFfmpeg = await new Deno.Command("ffmpeg", { args: ["-version"] }).output()
  .then(() => true, () => false);
if (!hasFfmpeg) {
  console.error(`Cannot test with ffmpeg: it is not installed. ${howToInstall()}`);
  Deno.exit(1);
}

/** Encodes the frames, 25 a second, into a file; `args` say how. */
async function encode(file: string, ...args: string[]): Promise<void> {
  const child = new Deno.Command("ffmpeg", {
    args: [
      ...["-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "gray", "-s", "160x120"],
      ...["-r", "25", "-i", "-", ...args, file],
    ],
    stdin: "piped",
    stderr: "piped",
  }).spawn();
  const input = child.stdin.getWriter();
  await input.write(concat(GREYS.map(({ data }) => data)));
  await input.close();
  const { success, stderr } = await child.output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

function tracksOf({ stdout, code, stderr }: Ran): Tracks[] {
  assert.equal(code, 0, stderr);
  return stdout.trimEnd().split("\n").map((line) => tracksFromJson(JSON.parse(line)));
}

function assertMoves(tracks: Tracks[], off: number): void {
  assert.equal(tracks.length, FRAMES);
  for (const { flow } of tracks.slice(1)) {
    assert.ok(Math.hypot(flow![0] - 1.5, flow![1] - 1) < off, `${flow}`);
  }
}

let folder: string;
Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir();
  await encode(`${folder}/lossless.mkv`, "-c:v", "ffv1");
  await encode(`${folder}/clip.mp4`, "-c:v", "mpeg4", "-q:v", "2", "-pix_fmt", "yuv420p");
});
Deno.test.afterAll(() => Deno.remove(folder, { recursive: true }));

Deno.test("ffmpeg: frames of a lossless video are tracked as their very grey levels", async () => {
  const tracks = tracksOf(await run(track, [`${folder}/lossless.mkv`]));
  assert.deepEqual(tracks.map(({ timestamp }) => timestamp), GREYS.map((_, i) => 40 * i));
  await using engine = await openedEngine();
  await using sequence = engine.open();
  const tracker = new Tracker(sequence, defaultOptions(), 10_000);
  for (const [i, grey] of GREYS.entries()) {
    const { seq, timestamp, timing } = tracks[i];
    const want = { ...await tracker.process(grey), seq, timestamp, dropped: 0, timing };
    assert.deepEqual(tracks[i], tracksFromJson(tracksToJson(want)), `frame ${i}`);
  }
});

Deno.test("ffmpeg: an mp4 is tracked, and drawn", async () => {
  const drawn = `${folder}/drawn`;
  assertMoves(tracksOf(await run(track, [`${folder}/clip.mp4`, "--draw", drawn])), 0.1);
  assert.equal(Array.from(Deno.readDirSync(drawn)).length, FRAMES);
});

Deno.test("ffmpeg: an mp4 is sent, at the times of its container", async () => {
  const server = await start();
  try {
    const ran = await run(send, [`${folder}/clip.mp4`, server.url, "--fps", "0"]);
    const tracks = tracksOf(ran);
    assertMoves(tracks, 0.1);
    assert.deepEqual(tracks.map(({ timestamp }) => timestamp), GREYS.map((_, i) => 40 * i));
  } finally {
    await server.stop();
  }
});

Deno.test("ffmpeg: a camera behind http drops, and its points are sent on", async () => {
  const jpegs = pictures(8, 1.5, 1);
  let visits = 0;
  await using camera = Deno.serve({ port: 0, onListen() {} }, () => {
    visits++;
    const part = (jpeg: Uint8Array) =>
      concat([
        new TextEncoder().encode(
          `--frame\r\nContent-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n\r\n`,
        ),
        jpeg,
        new TextEncoder().encode("\r\n"),
      ]);
    let next = 0, pause: ReturnType<typeof setTimeout> | undefined;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (next === jpegs.length) return controller.close();
        await new Promise((later) => pause = setTimeout(later, 40)); // a camera's pace
        controller.enqueue(part(jpegs[next++]));
      },
      cancel: () => clearTimeout(pause),
    });
    const type = "multipart/x-mixed-replace; boundary=frame";
    return new Response(body, { headers: { "Content-Type": type } });
  });
  const server = await start();
  try {
    const url = `http://127.0.0.1:${camera.addr.port}/mjpeg`;
    const enough = () => visits > 2;
    const { stdout, stderr } = await run(send, [url, server.url], { enough });
    const lines = stdout.trimEnd().split("\n");
    assert.ok(lines.length > jpegs.length, `${lines.length} lines`);
    assert.match(stderr, /^Cannot go on with http:.*\/mjpeg: it ended; trying again in 0\.5 s$/m);
  } finally {
    await server.stop();
  }
});

Deno.test("ffmpeg: what it cannot read is told in its words", async () => {
  await Deno.writeTextFile(`${folder}/text.mp4`, "no video");
  for (
    const [source, said] of [
      [`${folder}/text.mp4`, /^Cannot read \/.*text\.mp4: ffmpeg says: Invalid data found/],
      ["rtsp://127.0.0.1:9/x", /^Cannot read rtsp:.*: ffmpeg says: Connection refused/],
      ["/dev/video99", /^Cannot read \/dev\/video99: ffmpeg says: No such file or directory/],
    ] as const
  ) {
    const { code, stdout, stderr } = await run(track, [source]);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, said);
  }
});
