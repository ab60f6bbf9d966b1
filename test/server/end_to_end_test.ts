import assert from "node:assert/strict";
import { encodeFrame, LOST_REASONS, type Tracks } from "../../protocol/mod.ts";
import { Client } from "../lib/client.ts";
import { type Motion, move, shift, Texture } from "../lib/images.ts";
import { encodeJpeg } from "../lib/jpeg.ts";
import { random } from "../lib/random.ts";
import { type Running, start } from "../lib/running.ts";

const WIDTH = 320, HEIGHT = 240;
/** Half a window: a point nearer to the border is compared on what is not in the picture. */
const MARGIN = 11;

const ENGINES = ["auto", "wasm"] as const;
/** A server of `deno task start` for each, which all tests share. */
const servers = new Map<string, Running>();

Deno.test.beforeAll(async () => {
  for (const engine of ENGINES) servers.set(engine, await start({ args: ["--engine", engine] }));
});

Deno.test.afterAll(async () => {
  for (const server of servers.values()) assert.equal(await server.stop(), 0);
});

/** Registers a test twice, as a client of the best engine and of opencv.js. */
function endToEnd(name: string, use: (client: Client) => Promise<void>): void {
  for (const engine of ENGINES) {
    Deno.test(`end to end, --engine ${engine}: ${name}`, async () => {
      const client = await Client.connect(servers.get(engine)!.url);
      try {
        await client.nextOf("hello");
        await use(client);
      } finally {
        await client.close();
      }
    });
  }
}

/** A hand-held camera: it wanders up to 3 px a frame. Frame 0 is the texture itself. */
function wander(frame: number): Motion {
  return shift(25 * Math.sin(frame / 9), 18 * (1 - Math.cos(frame / 7)));
}

function inView(x: number, y: number): boolean {
  return x >= MARGIN && y >= MARGIN && x < WIDTH - MARGIN && y < HEIGHT - MARGIN;
}

function positions({ points }: Tracks): Map<number, [number, number]> {
  return new Map(Array.from(points.id, (id, i) => [id, [points.xy[2 * i], points.xy[2 * i + 1]]]));
}

const FRAMES = 60;
/** Made once for both engines. */
let wandering: Uint8Array[] | undefined;

function film(): Uint8Array[] {
  const texture = new Texture(11);
  const draw = (_: unknown, frame: number) => texture.draw(WIDTH, HEIGHT, wander(frame));
  return wandering ??= Array.from({ length: FRAMES }, draw)
    .map((picture) => encodeJpeg(picture, { quality: 95 }));
}

endToEnd("known motion is followed within 0.1 px, no id in view is lost", async (client) => {
  client.say({ type: "configure", detect: { refill: 0, maxCorners: 200 } });
  const born = new Map<number, [number, number]>();
  const errors: number[] = [];
  for (const [frame, jpeg] of film().entries()) {
    client.send(encodeFrame({ seq: frame, timestamp: frame, jpeg }));
    const { tracks } = (await client.nextOf("tracks"))!;
    assert.equal(tracks.seq, frame);
    const now = positions(tracks);
    if (frame === 0) {
      assert.ok(now.size > 100, `${now.size} points were found`);
      for (const [id, at] of now) born.set(id, at);
      continue;
    }
    for (const [id, at] of born) {
      const [x, y] = move(wander(frame), Float32Array.from(at));
      const found = now.get(id);
      if (found) errors.push(Math.hypot(found[0] - x, found[1] - y));
      else if (inView(x, y)) {
        const i = tracks.lost.id.indexOf(id);
        assert.fail(
          `${id} at ${x},${y}: ${LOST_REASONS[tracks.lost.reason[i] - 1]}, frame ${frame}`,
        );
      } else born.delete(id);
    }
  }
  errors.sort((a, b) => a - b);
  const median = errors[errors.length >> 1];
  assert.ok(errors.length > 3000 && median <= 0.1, `median ${median} px of ${errors.length}`);
});

endToEnd(
  "300 frames sent at once are answered in order, the rest told as dropped",
  async (client) => {
    const texture = new Texture(12);
    const jpegs = Array.from(
      { length: 10 },
      (_, i) => encodeJpeg(texture.draw(WIDTH, HEIGHT, shift(i, 0))),
    );
    for (let seq = 0; seq < 300; seq++) {
      client.send(encodeFrame({ seq, timestamp: 0, jpeg: jpegs[seq % 10] }));
    }
    let answered = 0, dropped = 0, last = -1;
    while (last < 299) {
      const { tracks } = (await client.nextOf("tracks"))!;
      assert.ok(tracks.seq > last, `${tracks.seq} came after ${last}`);
      last = tracks.seq;
      answered++;
      dropped += tracks.dropped;
    }
    assert.equal(answered + dropped, 300);
    assert.ok(dropped > 0);
  },
);

endToEnd(
  "250 damaged JPEGs each get tracks or bad_frame, and a good one lives on",
  async (client) => {
    const good = encodeJpeg(new Texture(13).draw(WIDTH / 2, HEIGHT / 2));
    const next = random(14);
    let bad = 0;
    client.send(encodeFrame({ seq: 0, timestamp: 0, jpeg: good }));
    await client.nextOf("tracks");
    for (let seq = 1; seq <= 250; seq++) {
      client.send(encodeFrame({ seq, timestamp: 0, jpeg: damage(good, next) }));
      const answer = (await client.next())!;
      if (answer.type === "error") {
        assert.ok(["bad_frame", "frame_too_large"].includes(answer.code), answer.message);
        assert.equal(answer.seq, seq);
        bad++;
      } else {
        assert.ok(answer.type === "tracks" && answer.tracks.seq === seq);
      }
      if (seq % 10 === 0) { // so that errors in a row do not end the session
        client.send(encodeFrame({ seq: 1000, timestamp: 0, jpeg: good }));
        assert.equal((await client.next())!.type, "tracks");
      }
    }
    assert.ok(bad > 100, `${bad} of 250 were refused`);
  },
);

/** Cuts a JPEG short, or changes some of its bytes. */
function damage(jpeg: Uint8Array, next: () => number): Uint8Array {
  if (next() < 0.3) return jpeg.slice(0, next() * jpeg.length);
  const damaged = jpeg.slice();
  const count = 1 + next() * 30;
  // half of the time in the headers, where it hurts most
  const range = next() < 0.5 ? 600 : jpeg.length;
  for (let i = 0; i < count; i++) damaged[2 + next() * (range - 2) | 0] = next() * 256;
  return damaged;
}
