/** Videos and cameras, through a script that says and writes what ffmpeg would. */
import assert from "node:assert/strict";
import { Ffmpeg, type VideoFrame } from "../../cli/sources/ffmpeg.ts";
import { videoSource } from "../../cli/sources/video.ts";
import type { Grey } from "../../tracking/engine.ts";
import { tracksFromJson } from "../../protocol/mod.ts";
import { concat, inFolder } from "../lib/commands.ts";
import { shift, Texture } from "../lib/images.ts";
import { LIBRARIES, taskCommand } from "../lib/task_command.ts";

const TEXTURE = new Texture(5);
const GREYS = [0, 1, 2].map((i) => TEXTURE.draw(160, 120, shift(1.5 * i, i)));
const TIMES = [0, 40_000, 120_500]; // µs

const REPORT = [
  "[info] Input #0, mov,mp4, from 'clip.mp4':",
  "[info]   Duration: 00:00:01.50, start: 0.000000, bitrate: 1 kb/s",
  "[info]   Stream #0:0: Video: h264, yuv420p, 160x120, 2 kb/s, 30 fps, 30 tbr (default)",
  "#software: Lavf59.27.100",
  "#tb 0: 1/1000000",
  "#dimensions 0: 160x120",
  "[info] Output #0, tee, to '…':",
  ...TIMES.map((time) => `0, ${time}, ${time},      1,   19200, 0x06f286d0`),
  "[h264 @ 0x5] [error] error while decoding MB 3 4",
  "[info] frame=    3 fps=0.0",
].join("\n");

/** An ffmpeg that writes report and frames, notes its arguments, and then does `last`. */
async function fake(last = "exit 0", report = REPORT) {
  const folder = await inFolder({
    "report.txt": report + "\n",
    "frames.raw": concat(GREYS.map(({ data }) => data)),
    "ffmpeg": `#!/bin/sh
cd "$(dirname "$0")"
printf '%s\\n' "$@" > arguments.txt
cat report.txt >&2
cat frames.raw
${last}
`,
  });
  await Deno.chmod(`${folder.path}/ffmpeg`, 0o755);
  return {
    path: folder.path,
    program: `${folder.path}/ffmpeg`,
    arguments: () => Deno.readTextFile(`${folder.path}/arguments.txt`),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

async function all(ffmpeg: Ffmpeg, signal = new AbortController().signal): Promise<VideoFrame[]> {
  return await Array.fromAsync(ffmpeg.frames(signal));
}

Deno.test("video: frames come with their times, and about how many there are", async () => {
  await using script = await fake();
  const ffmpeg = new Ffmpeg("clip.mp4", "grey", script.program);
  const frames = await all(ffmpeg);
  assert.deepEqual(frames.map(({ time }) => time), [0, 40, 120.5]);
  assert.deepEqual(frames.map(({ picture }) => picture as Grey), GREYS);
  assert.equal(ffmpeg.count, 45);
  assert.deepEqual(ffmpeg.complaints, ["error while decoding MB 3 4"]);
  const said = await script.arguments();
  assert.match(said, /\n-i\nfile:clip\.mp4\n-map\n0:v:0\n-fps_mode\npassthrough\n/);
  assert.match(said, /\n-pix_fmt\ngray\n/);
  // the line of a frame has to come before its bytes, which may not fit into a pipe
  assert.match(said, /\[f=framecrc\S*\]pipe:2\|\[f=rawvideo\S*\]pipe:1\n$/);
});

Deno.test("video: what ffmpeg says of its failure comes in a sentence", async () => {
  const report = "[in#0 @ 0x5] [error] Error opening input: x\n" +
    "[error] file:clip.mp4: Invalid data found when processing input\n" +
    "[fatal] Error opening input files: Invalid data\n";
  await using script = await fake("exit 1", report);
  await assert.rejects(all(new Ffmpeg("clip.mp4", "grey", script.program)), {
    message: "Cannot read clip.mp4: ffmpeg says: Invalid data found when processing input",
  });
  await using late = await fake("exit 1");
  await assert.rejects(all(new Ffmpeg("clip.mp4", "grey", late.program)), {
    message: "Cannot read clip.mp4 after 3 frames: ffmpeg says: error while decoding MB 3 4",
  });
});

Deno.test("video: an ffmpeg that is too old is told so, and no password is told", async () => {
  const report = "[fatal] Unrecognized option 'fps_mode'.\n" +
    "[fatal] Error splitting the argument list: Option not found\n";
  await using script = await fake("exit 1", report);
  await assert.rejects(all(new Ffmpeg("rtsp://me:s3cret@host", "grey", script.program)), {
    message: "Cannot read rtsp://…@host: this ffmpeg is too old, allowed are 5.1 and later",
  });
});

Deno.test("video: where ffmpeg is missing, the command that installs it is told", async () => {
  await assert.rejects(
    all(new Ffmpeg("clip.mp4", "grey", "/nowhere/ffmpeg")),
    /^Error: Cannot read clip\.mp4: ffmpeg does that, and it is not installed\. (To install it: |Your)/,
  );
});

Deno.test("video: an abort ends ffmpeg, and so does who stops reading", async () => {
  await using script = await fake("exec sleep 1000");
  const controller = new AbortController();
  const seen: number[] = [];
  for await (
    const { time } of new Ffmpeg("clip.mp4", "grey", script.program).frames(controller.signal)
  ) {
    seen.push(time);
    if (seen.length === 3) controller.abort();
  }
  assert.equal(seen.length, 3);
  for await (
    const _ of new Ffmpeg("clip.mp4", "grey", script.program).frames(new AbortController().signal)
  ) {
    break; // and the test's watch over resources sees that the process is gone
  }
});

Deno.test("video: a camera that drops is told and opened again, its times go on", async () => {
  await using script = await fake();
  const controller = new AbortController();
  let told = "";
  const io = {
    signal: controller.signal,
    stderr: { write: (text: string) => void (told += text), isTerminal: false },
  };
  const times: number[] = [];
  for await (const { time } of videoSource("rtsp://camera", io, "grey", script.program).frames) {
    times.push(time!);
    if (times.length === 7) controller.abort();
  }
  assert.equal(times.length, 7);
  assert.deepEqual(times, times.toSorted((a, b) => a - b));
  assert.ok(times[3] >= 500, `${times}`); // it waited half a second, at least
  assert.equal(
    told.match(/Cannot go on with rtsp:\/\/camera: it ended; trying again in 0.5 s/g)?.length,
    2,
  );
});

Deno.test("video: a camera that was never there is no camera", async () => {
  await using script = await fake("exit 1", "[error] rtsp://camera: Connection refused\n");
  const io = { signal: new AbortController().signal, stderr: { write() {}, isTerminal: false } };
  await assert.rejects(
    Array.fromAsync(videoSource("rtsp://camera", io, "grey", script.program).frames),
    { message: "Cannot read rtsp://camera: ffmpeg says: Connection refused" },
  );
});

Deno.test("video: deno task track finds ffmpeg by the PATH, and may run it", async () => {
  await using script = await fake();
  await using folder = await inFolder({ "clip.mp4": "a video" });
  const { args, env } = taskCommand("track");
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args, "clip.mp4"],
    cwd: new URL("../../", import.meta.url),
    env: {
      ...env,
      ...LIBRARIES,
      PATH: `${script.path}:${Deno.env.get("PATH")}`,
      INIT_CWD: folder.path,
    },
  }).output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.equal(code, 0, error);
  const tracks = out.trim().split("\n").map((line) => tracksFromJson(JSON.parse(line)));
  assert.deepEqual(tracks.map(({ timestamp }) => timestamp), [0, 40, 120.5]);
  for (const { flow } of tracks.slice(1)) {
    assert.ok(Math.hypot(flow![0] - 1.5, flow![1] - 1) < 0.05, `${flow}`);
  }
  assert.match(error, /^ffmpeg complained about clip\.mp4: error while decoding MB 3 4\nTracked 3/);
});
