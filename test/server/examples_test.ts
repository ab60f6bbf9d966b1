import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { WebSocket as Peer } from "ws";
import { tracksToJson } from "../../protocol/mod.ts";
import { concat } from "../lib/commands.ts";
import { emptyTracks } from "../lib/empty_tracks.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";
import { readInput } from "../lib/inputs.ts";
import { type Script, ScriptedEngine } from "../lib/scripted.ts";
import { hello, startServer, withPeer } from "../lib/sdk.ts";
import { withServer } from "../lib/serving.ts";

const FOLDER = fileURLToPath(new URL("../../examples/python/", import.meta.url));

const pythons = new Map<string, Promise<string | undefined>>();

/** A Python that has `modules`, looked for once; undefined, with the reason printed, where there is none. */
function findPython(...modules: string[]): Promise<string | undefined> {
  const key = modules.join(" and ");
  return pythons.getOrInsertComputed(key, async () => {
    for (const python of ["python3", "/usr/bin/python3"]) {
      try {
        const args = ["-c", `import json, sys, ${modules.join(", ")}; print(sys.executable)`];
        const { success, stdout } = await new Deno.Command(python, { args, stderr: "null" })
          .output();
        if (success) return new TextDecoder().decode(stdout).trim(); // itself, not what starts it
      } catch { // there is none by this name
      }
    }
    console.log(`skipped: no Python with ${key} (Debian: python3-websockets)`);
  });
}

interface Result {
  code: number;
  out: string;
  err: string;
}

async function run(
  python: string,
  args: string[],
  input: Uint8Array<ArrayBuffer> = new Uint8Array(),
): Promise<Result> {
  const child = new Deno.Command(python, {
    args,
    cwd: FOLDER,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  await new Blob([input]).stream().pipeTo(child.stdin).catch(() => {}); // it may end before
  const { code, stdout, stderr } = await output;
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out, err };
}

/** Runs the client against a server that finds two points, of which each frame moves one. */
async function withClient(
  body: (
    client: (args: string[], input?: Uint8Array<ArrayBuffer>) => Promise<Result>,
    server: string,
  ) => Promise<void>,
  maxFramePixels = 320 * 240,
): Promise<void> {
  const python = await findPython("websockets");
  if (!python) return;
  await withServer(
    { token: "s3cret", limits: { maxFramePixels } },
    (server) =>
      body(
        (args, input) => run(python, ["lkstream_client.py", "--url", server, ...args], input),
        server,
      ),
    [
      { corners: [[10, 10], [30, 40]] },
      { move: (x, y) => [x + 1.5, y], error: [0, 2.25] },
      { move: (x, y) => [x + 1.5, y], status: [0, 1] },
    ],
  );
}

const POINTS = `0 1 10.00 10.00 0.00 0.00 0.00 0
0 2 30.00 40.00 0.00 0.00 0.00 0
1 1 11.50 10.00 1.50 0.00 0.00 1
1 2 31.50 40.00 1.50 0.00 2.25 1
2 1 13.00 10.00 1.50 0.00 1.00 2
`;

Deno.test("examples: the Python client prints the points of a folder's JPEGs", () =>
  withClient(async (client) => {
    const folder = await Deno.makeTempDir();
    try {
      for (const name of ["b.jpg", "a.JPEG", "c.jpg"]) {
        await Deno.writeFile(`${folder}/${name}`, JPEG);
      }
      await Deno.writeFile(`${folder}/._a.jpg`, Uint8Array.of(0, 5, 22, 7));
      const { code, out, err } = await client([folder, "--token", "s3cret"]);
      assert.equal(out, POINTS);
      assert.equal(code, 0);
      assert.match(err, /^lkstream\/.*wasm on script\nframes: 3, median round trip [\d.]+ ms\n$/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }));

Deno.test("examples: the Python client takes MJPEG from a pipe", () =>
  withClient(async (client) => {
    const mjpeg = Uint8Array.from([1, 2, 3].flatMap((junk) => [junk, ...JPEG]));
    const { out, err } = await client(["-", "--token", "s3cret"], mjpeg);
    assert.equal(out, POINTS, err);
  }));

Deno.test("examples: the Python client takes a picture as one frame, whatever it brings with it", () =>
  withClient(async (client) => {
    const [plain, thumbnail, photo, noEnd] = await Promise.all(
      ["base-a", "exif-thumbnail", "gainmap-mpf", "no-eoi"].map((name) => readInput(`${name}.jpg`)),
    );
    for (const picture of [thumbnail, photo, noEnd, plain]) {
      const mjpeg = Uint8Array.from([...picture, ...picture, ...picture]);
      const { out, err } = await client(["-", "--token", "s3cret"], mjpeg);
      assert.equal(out, POINTS, err);
    }
  }));

Deno.test("examples: the Python client takes a server's address in every form", () =>
  withClient(async (client, server) => {
    const ws = server.replace("http", "ws");
    for (const url of [`${server}/`, `${server}/v1/stream`, ws, `${ws}/v1/stream`]) {
      const { out, err } = await client(["-", "--url", url, "--token", "s3cret"], JPEG);
      assert.equal(out, POINTS.slice(0, POINTS.indexOf("1 1 ")), `${url}: ${err}`);
    }
    const { code, err } = await client(["-", "--url", "ftp://host"]);
    assert.equal(code, 1);
    assert.match(err, /^Cannot track - by ftp:\/\/host: allowed are .*http:.*\n$/);
  }));

Deno.test("examples: the Python client sets options first, and says which one is refused", () =>
  withClient(async (client) => {
    const options = (json: string) =>
      client(["-", "--token", "s3cret", "--options", json], new Uint8Array([...JPEG, ...JPEG]));
    const { out, err } = await options(`{"filter":{"maxError":null}}`);
    assert.equal(out.split("\n").length, 5, err);
    const refused = await options(`{"flow":{"maxLevel":99}}`);
    assert.equal(refused.code, 1);
    assert.equal(refused.out, "");
    assert.match(refused.err, /Cannot track - by .*: Cannot set flow\.maxLevel to 99: allowed/);
  }));

Deno.test("examples: the Python client says in a line why it cannot", () =>
  withClient(async (client) => {
    const { code, err } = await client(["-"]);
    assert.equal(code, 1);
    assert.match(err, /^Cannot track - by http:.*401\n$/);
    const missing = await client(["nowhere", "--token", "s3cret"]);
    assert.equal(missing.code, 1);
    assert.match(missing.err, /\nCannot track nowhere by http:.*No such file.*\n$/);
  }));

Deno.test("examples: the Python client ends where frames before a refused one were dropped", async () => {
  const python = await findPython("websockets");
  if (!python) return;
  const refuse = (peer: Peer, seq: number) =>
    peer.send(JSON.stringify({ type: "error", code: "bad_frame", message: "no", seq }));
  await withPeer((peer) => {
    peer.send(JSON.stringify(hello()));
    let received = 0;
    peer.on("message", () => {
      if (++received % 2 === 0) refuse(peer, received - 1); // the one before it was dropped
    });
  }, async (url) => {
    const mjpeg = concat(Array(6).fill(JPEG));
    const { code, err } = await run(python, ["lkstream_client.py", "--url", url, "-"], mjpeg);
    assert.equal(code, 0, err);
    assert.equal(err.split("bad_frame: no").length - 1, 3);
  });
});

Deno.test("examples: the Python client ends with the session where all of its frames are refused", () =>
  withClient(async (client) => {
    const frame = await readInput("base-a.jpg");
    const { code, err } = await client(["-", "--token", "s3cret"], concat(Array(25).fill(frame)));
    assert.equal(code, 1);
    assert.match(err, /\nCannot track - by .*1008.*20 errors in a row.*frame_too_large/);
  }, 1));

Deno.test("examples: the publisher makes a message of every frame", async () => {
  const python = await findPython("sys");
  if (!python) return;
  const tracks = emptyTracks(7, {
    timestamp: 1500,
    points: {
      id: Uint32Array.of(3, 4),
      xy: Float32Array.of(1, 2, 3, 4),
      dxy: Float32Array.of(0.5, 0, 0, 0),
      error: Float32Array.of(1.5, 0),
      fb: Float32Array.of(NaN, 0.25),
      age: Uint32Array.of(1, 0),
    },
    lost: { id: Uint32Array.of(2), reason: Uint8Array.of(2) },
  });
  const lines = [{ type: "hello" }, tracksToJson(tracks), tracksToJson(emptyTracks(8))];
  const input = new TextEncoder().encode(lines.map((line) => JSON.stringify(line)).join("\n"));
  const { code, out } = await run(python, ["ros_style_publisher.py", "--frame-id", "front"], input);
  assert.equal(code, 0);
  const [first, second, ...rest] = out.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(first, {
    header: { seq: 7, stamp: 1.5, frame_id: "front" },
    width: 100,
    height: 80,
    points: [
      { id: 3, x: 1, y: 2, dx: 0.5, dy: 0, error: 1.5, fb: null, age: 1 },
      { id: 4, x: 3, y: 4, dx: 0, dy: 0, error: 0, fb: 0.25, age: 0 },
    ],
    lost: { 2: "out_of_frame" },
  });
  assert.equal(second.header.seq, 8);
  assert.equal(rest.length, 0);
  const bad = await run(python, ["ros_style_publisher.py"], new TextEncoder().encode("nonsense"));
  assert.equal(bad.code, 1);
  assert.match(bad.err, /^Cannot read line 1 as JSON: /);
});

Deno.test("examples: the Python client goes on with the same points where its session ends", async () => {
  const python = await findPython("websockets");
  if (!python) return;
  const move = (x: number, y: number): [number, number] => [x + 1.5, y];
  const sessions: Script[][] = [
    [{ corners: [[10, 10], [30, 40]] }, { move }, { fails: "deadline" }],
    [{ corners: [[5, 5]] }, { move }],
  ];
  const server = await startServer({ engine: new ScriptedEngine(() => sessions.shift()!) });
  const folder = await Deno.makeTempDir();
  try {
    for (const name of ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]) {
      await Deno.writeFile(`${folder}/${name}`, JPEG);
    }
    const { code, out, err } = await run(python, [
      "lkstream_client.py",
      "--url",
      server.url,
      folder,
    ]);
    assert.equal(code, 0, err);
    assert.match(err, /1013.*going on elsewhere/);
    // frame 2 was answered, by an error
    const places = out.trim().split("\n").map((line) => line.split(" ").slice(0, 3).join(" "));
    assert.deepEqual(places, [
      "0 1 10.00",
      "0 2 30.00",
      "1 1 11.50",
      "1 2 31.50",
      "3 1 13.00",
      "3 2 33.00",
    ]);
  } finally {
    await server.close();
    await Deno.remove(folder, { recursive: true });
  }
});
