import assert from "node:assert/strict";
import { type Tracks, tracksFromJson } from "../../protocol/mod.ts";
import { main as send } from "../../cli/send.ts";
import { main as track } from "../../cli/track.ts";
import {
  concat,
  folderOf,
  inFolder,
  pictures,
  pngOf,
  type Ran,
  run,
  spawnTask,
} from "../lib/commands.ts";
import { shift, Texture } from "../lib/images.ts";
import { DEFAULT_LIMITS } from "../../server/limits.ts";
import type { RunningServer } from "../../server/http/server.ts";
import { startServer } from "../lib/sdk.ts";
import { type Script, ScriptedEngine } from "../lib/scripted.ts";
import { freePort } from "../lib/free_port.ts";
import { defaultServer, type Running, start } from "../lib/running.ts";

const FRAMES = pictures(6, 1.5, 1);

function tracksOf({ stdout, code, stderr }: Ran): Tracks[] {
  assert.equal(code, 0, stderr);
  return stdout.trimEnd().split("\n").map((line) => tracksFromJson(JSON.parse(line)));
}

/** What a frame's way through a server does not change. */
function content(tracks: Tracks[]) {
  return tracks.map(({ seq, flow, points, lost }) => ({ seq, flow, points, lost }));
}

Deno.test("send: every frame comes back with the tracks that track finds itself", async () => {
  await using folder = await folderOf(FRAMES);
  const options = ["--set", "detect.maxCorners=50"];
  const local = tracksOf(await run(track, [folder.path, ...options]));
  const server = await defaultServer();
  try {
    const files = await run(send, [folder.path, server.url, "--fps", "0", ...options]);
    assert.deepEqual(content(tracksOf(files)), content(local));
    assert.match(files.stderr, /^6 of 6 frames answered, 0 dropped by the server, 0 skipped; /);

    const stream = await run(send, ["-", server.url, "--fps", "0", ...options], {
      stdin: concat(FRAMES),
    });
    assert.deepEqual(content(tracksOf(stream)), content(local));
  } finally {
    await server.stop();
  }
});

Deno.test("send: PNGs go out as JPEGs, and a damaged one costs only itself", async () => {
  const texture = new Texture(5);
  const greys = [0, 1, 2].map((i) => texture.draw(160, 120, shift(1.5 * i, i)));
  await using folder = await inFolder({
    ...Object.fromEntries(greys.map((grey, i) => [`${i}.png`, pngOf(grey)])),
    "3.png": pngOf(greys[0]).slice(0, 900),
  });
  const server = await defaultServer();
  try {
    const ran = await run(send, [folder.path, server.url, "--fps", "0"]);
    const tracks = tracksOf(ran);
    assert.equal(tracks.length, 3);
    for (const { flow } of tracks.slice(1)) {
      assert.ok(Math.hypot(flow![0] - 1.5, flow![1] - 1) < 0.05, `${flow}`);
    }
    assert.match(ran.stderr, /^Passed over .*3\.png: Cannot decode the PNG.*\n3 of 3 frames/);
  } finally {
    await server.stop();
  }
});

Deno.test("send: --fps sets the pace", async () => {
  await using folder = await folderOf(FRAMES);
  const server = await defaultServer();
  const { setTimeout } = globalThis;
  const pauses: number[] = [];
  globalThis.setTimeout = ((callback: () => void, ms: number) => {
    const isPause = ms > 500_000; // all else waits for less
    if (isPause) pauses.push(ms);
    return setTimeout(callback, isPause ? 0 : ms);
  }) as typeof setTimeout;
  try {
    await run(send, [folder.path, server.url, "--fps", "0.001"]);
    // each is due so long after the first one: the clock itself stands still here
    assert.deepEqual(pauses.map((ms) => Math.round(ms / 1e6)), [1, 2, 3, 4, 5]);
  } finally {
    globalThis.setTimeout = setTimeout;
    await server.stop();
  }
});

Deno.test("send: a bad frame costs only itself", async () => {
  const broken = new TextEncoder().encode("no picture");
  await using folder = await folderOf([FRAMES[0], broken, ...FRAMES.slice(1)]);
  const server = await defaultServer();
  try {
    const ran = await run(send, [folder.path, server.url, "--fps", "0"]);
    assert.deepEqual(tracksOf(ran).map(({ seq }) => seq), [0, 2, 3, 4, 5, 6]);
    assert.match(ran.stderr, /^Passed over frame 1: Cannot .*\n6 of 7 frames answered/);
  } finally {
    await server.stop();
  }
});

Deno.test("send: a token opens the door, and without one it says so", async () => {
  await using folder = await folderOf(FRAMES);
  const server = await start({ env: { LKSTREAM_TOKEN: "secret" } });
  const args = [folder.path, server.url, "--fps", "0"];
  try {
    const none = await run(send, args);
    assert.deepEqual([none.code, none.stdout], [1, ""]);
    assert.match(none.stderr, /^The server asks for a token\n$/);
    const wrong = await run(send, [...args, "--token", "guess"]);
    assert.deepEqual([wrong.code, wrong.stderr], [1, "The server's token is another one\n"]);
    assert.equal(tracksOf(await run(send, [...args, "--token", "secret"])).length, 6);
    const env = { LKSTREAM_TOKEN: "secret" };
    assert.equal(tracksOf(await run(send, args, { env })).length, 6);
  } finally {
    await server.stop();
  }
});

/** What it reads next; its end is an error. */
async function nextOf(lines: ReadableStreamDefaultReader<string>): Promise<string> {
  const { value, done } = await lines.read();
  assert.ok(!done, "send ended");
  return value;
}

Deno.test("send: --loop goes on until nobody reads", async () => {
  await using folder = await folderOf(FRAMES.slice(0, 2));
  const server = await defaultServer();
  try {
    const child = spawnTask("send", [folder.path, server.url, "--fps", "0", "--loop"]);
    await child.stdin.close();
    const stderr = new Response(child.stderr).text();
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (text.split("\n").length <= 5) text += await nextOf(lines);
    await lines.cancel();
    assert.equal((await child.status).code, 0);
    assert.equal(await stderr, "");
  } finally {
    await server.stop();
  }
});

Deno.test("send: a server that goes away is told and waited for", async () => {
  await using folder = await folderOf(FRAMES);
  const port = freePort();
  const first = await start({ port });
  let second: Promise<Running> | undefined;
  let before: number | undefined; // how much was written when the second one listened
  const restart = async () => {
    await first.stop();
    return await start({ port });
  };
  const enough = (stdout: string) => {
    if (stdout.length > 0) {
      second ??= restart();
      second.then(() => before ??= stdout.length);
    }
    return stdout.length > (before ?? Infinity);
  };
  const args = [folder.path, first.url, "--loop", "--fps", "50"];
  const { code, stderr } = await run(send, args, { enough });
  await (await second!).stop();
  assert.equal(code, 0, stderr);
  assert.match(stderr, /The server is stopping/);
});

Deno.test("send: over a gap the lines go on: no reset, the same ids, a number only once", async () => {
  await using folder = await folderOf(FRAMES);
  const moving = (): Script[] => [{ corners: [[9, 9]] }, ...Array<Script>(999).fill({})];
  const serve = (port: number) =>
    startServer({ port, engine: new ScriptedEngine(moving), limits: DEFAULT_LIMITS });
  const first = await serve(0);
  const port = Number(new URL(first.url).port);
  let second: Promise<RunningServer> | undefined;
  let before = Infinity;
  const enough = (stdout: string) => {
    const frames = stdout.split("\n").length - 1;
    second ??= first.close().then(() => {
      before = frames;
      return serve(port);
    });
    return frames > before + 20;
  };
  const args = [folder.path, first.url, "--loop", "--fps", "0"];
  const { code, stdout, stderr } = await run(send, args, { enough });
  await (await second!).close();
  assert.equal(code, 0, stderr);
  const lines = stdout.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines.map(({ seq }) => seq), lines.map((_, i) => i));
  for (const [i, { reset, points }] of lines.entries()) {
    assert.deepEqual([reset, points.id, points.age], [i === 0, [1], [i]]);
  }
});

Deno.test("send: exit codes, and nothing on standard output but data", async () => {
  await using folder = await folderOf(FRAMES);
  const port = freePort();
  for (
    const [args, expected, named] of [
      [[folder.path, `http://127.0.0.1:${port}`], 1, /Cannot reach the server at 127\.0\.0\.1/],
      [[`http://127.0.0.1:${port}`], 2, /without SOURCE/],
      [["-", "--loop"], 2, /Cannot loop standard input/],
      [[folder.path, `127.0.0.1:${port}`], 2, /write http:\/\/127\.0\.0\.1:\d+$/m],
      [[folder.path, "http://"], 2, /Cannot connect to http:\/\/: it is no address/],
      [[folder.path, "--fps", "-1"], 2, /--fps/],
      [[folder.path, "--set", "flow.maxLevel=x"], 2, /flow\.maxLevel to "x".*0 to 8/],
    ] as [string[], number, RegExp][]
  ) {
    const { code, stdout, stderr } = await run(send, args);
    assert.deepEqual([code, stdout], [expected, ""], `${args}: ${stderr}`);
    assert.match(stderr, named);
  }
});
