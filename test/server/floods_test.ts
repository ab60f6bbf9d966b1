/** One client that sends without measure; the others are served meanwhile. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { clearImmediate, setImmediate } from "node:timers";
import { encodeFrame } from "../../protocol/mod.ts";
import { clientFrame, dial, openSession, repeated } from "../../bench/attack/peer.ts";
import { TINY } from "../../bench/attack/tiny_messages.ts";
import { DEFAULT_LIMITS } from "../../server/limits.ts";
import { PacedSocket } from "../../server/http/paced_socket.ts";
import { FramePace } from "../../server/session/frame_pace.ts";
import { FrameScanner } from "../../server/session/frame_scanner.ts";
import { Client } from "../lib/client.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";
import { inTime } from "../lib/in_time.ts";
import { random } from "../lib/random.ts";
import { withServer } from "../lib/serving.ts";

const TEXT = 1, BINARY = 2, PING = 9;
/** Too many to be read soon, by a server that reads no more than it allows. */
const FLOOD_BYTES = 24 << 20;

function flat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

Deno.test("floods: frames are found in pieces of any size", () => {
  const sizes = [0, 1, 125, 126, 65_535, 65_536, 70_000];
  const stream = flat(sizes.map((size) => clientFrame(BINARY, new Uint8Array(size).fill(0x81))));
  const next = random(5);
  for (let round = 0; round < 50; round++) {
    const scanner = new FrameScanner();
    let at = 0, found = 0;
    while (at < stream.length) {
      const piece = stream.subarray(at, at + 1 + Math.floor(next() ** 4 * 90_000));
      const { bytes, frames } = scanner.cut(piece, 2);
      assert.ok(frames <= 2 && bytes > 0 && (bytes === piece.length || frames === 2));
      at += bytes;
      found += frames;
    }
    assert.equal(found, sizes.length);
  }
});

Deno.test("floods: a piece of tiny messages is given on in portions, and past the allowance not at all", () => {
  for (const [kind, messages] of Object.entries(TINY)) {
    const pace = new FramePace({ ...DEFAULT_LIMITS, maxFrameRate: 30, maxControlRate: 20 });
    let rest = repeated(flat(messages), Math.ceil(1000 / messages.length));
    let portions = 0, waitMs = 0;
    while (waitMs === 0) {
      const portion = pace.next(rest);
      if ("waitMs" in portion) waitMs = portion.waitMs;
      else {
        assert.ok(portion.bytes > 0 && portion.bytes <= 32 * 40, `${kind}: ${portion.bytes}`);
        rest = rest.subarray(portion.bytes);
        portions++;
      }
    }
    // four times 50 a second, 32 a portion
    assert.ok(portions >= 7 && portions <= 20, `${kind}: ${portions} portions`);
    assert.ok(waitMs > 0 && waitMs < 1000, `${kind}: ${waitMs}`);
  }
});

Deno.test("floods: large frames in chunks of TCP are given on as they come", () => {
  const pace = new FramePace(DEFAULT_LIMITS);
  const frame = clientFrame(BINARY, new Uint8Array(200_000));
  for (let n = 0; n < 60; n++) { // 12 MB at once
    for (let at = 0; at < frame.length; at += 65_536) {
      const chunk = frame.subarray(at, at + 65_536);
      assert.deepEqual(pace.next(chunk), { bytes: chunk.length });
    }
  }
});

Deno.test("floods: who sends large messages without a pause gives others their turn between", async () => {
  const { promise: done, resolve: finish } = Promise.withResolvers<void>();
  let since = 0, most = 0, all = 0;
  const server = createServer((socket) => {
    const paced = new PacedSocket(socket, { next: ({ length }) => ({ bytes: length }) });
    let turn = setImmediate(function again() {
      since = 0;
      turn = setImmediate(again);
    });
    paced.on("data", ({ length }) => {
      since += length;
      all += length;
      most = Math.max(most, since);
    });
    paced.on("end", () => paced.end());
    paced.on("close", () => {
      clearImmediate(turn);
      finish();
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const client = await dial(`http://127.0.0.1:${port}`);
  client.end(new Uint8Array(FLOOD_BYTES));
  await done;
  assert.equal(all, FLOOD_BYTES);
  assert.ok(most <= 256 << 10, `${most} bytes in one turn`);
  await new Promise((closed) => server.close(closed));
});

for (const kind of ["pongs", "pings", "frames", "fragments"] as const) {
  Deno.test(`floods: while one session pours ${kind}, another one is served`, () =>
    withServer({}, async (url) => {
      const good = await Client.connect(url);
      const flooder = await openSession(url);
      let isRead = false;
      const piece = flat(TINY[kind]);
      flooder.write(
        repeated(piece, Math.ceil(FLOOD_BYTES / piece.length)),
        (error) => isRead = !error,
      );
      for (let seq = 0; seq < 10; seq++) {
        good.send(encodeFrame({ seq, timestamp: 0, jpeg: JPEG }));
        assert.equal((await good.nextOf("tracks"))!.tracks.seq, seq);
        await new Promise((later) => setTimeout(later, 10));
      }
      assert.ok(!isRead, "all of it was read meanwhile");
      flooder.destroy();
      await good.close();
    }));
}

Deno.test("floods: a hundred pings in a piece are answered, and the session goes on", () =>
  withServer({}, async (url) => {
    const { socket } = await Client.connect(url);
    let pongs = 0;
    const all = new Promise<void>((all) =>
      socket.on("pong", () => {
        if (++pongs === 100) all();
      })
    );
    const { _socket } = socket as unknown as { _socket: Socket };
    _socket.write(repeated(clientFrame(PING, Uint8Array.of(1)), 100));
    await inTime(Promise.race([all, once(socket, "close")]));
    assert.equal(pongs, 100);
    assert.equal(socket.readyState, socket.OPEN);
    socket.close();
    await once(socket, "close");
  }));

Deno.test("floods: after the server's close, who goes on sending has two seconds, and its place is free", () =>
  withServer({ limits: { maxSessions: 1 }, hurry: 20 }, async (url, _, log) => {
    for (
      const wrong of [Uint8Array.of(0xf1, 0x80, 0, 0, 0, 0), clientFrame(TEXT, Uint8Array.of(0xff))]
    ) {
      const socket = await openSession(url);
      socket.allowHalfOpen = true; // the server's end is not its own
      socket.write(wrong);
      const more = setInterval(() => socket.write(clientFrame(BINARY, JPEG)), 20);
      const began = performance.now();
      const opened = log.length;
      while (!log.slice(opened - 1).some((line) => line.startsWith("session_closed"))) {
        assert.ok(performance.now() - began < 10_000, "its place is not free");
        await new Promise((later) => setTimeout(later, 10));
      }
      clearInterval(more);
      socket.destroy();
    }
  }));
