import assert from "node:assert/strict";
import { CloseCode, decodeFrame, ProtocolError } from "../../protocol/mod.ts";
import { toldLimits } from "../../server/limits.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";
import { ScriptedEngine } from "../lib/scripted.ts";
import {
  CORNERS,
  entered,
  hello,
  LIMITS,
  MASK,
  next,
  sdkTest,
  track,
  tracksOf,
  withPeer,
  withServer,
} from "../lib/sdk.ts";

for (const results of ["bin", "json"] as const) {
  sdkTest(`hello and tracks as ${results}`, (open) =>
    withServer({}, async (url) => {
      const connection = open(url, { results });
      assert.equal(connection.state.name, "connecting");
      assert.equal(connection.send(JPEG), null); // not open yet
      const hello = await next(connection, "hello");
      assert.equal(connection.hello, hello);
      const { engine, limits } = hello;
      assert.equal(engine.device, "script");
      assert.deepEqual(limits, toldLimits(LIMITS));
      const answer = next(connection, "tracks");
      assert.equal(connection.send(JPEG, { seq: 41, timestamp: 12.5 }), 41);
      const { seq, timestamp, width, height, points } = await answer;
      assert.deepEqual([seq, timestamp, width, height], [41, 12.5, 100, 80]);
      assert.deepEqual([...points.xy], [10, 10, 30, 40]);
      assert.ok(points.xy instanceof Float32Array && points.id instanceof Uint32Array);
      assert.equal((await track(connection)).seq, 42);
      const { sent, answered, roundTrip } = connection.measured();
      assert.deepEqual([sent, answered], [2, 2]);
      assert.ok(roundTrip!.p50 > 0);
      const both = Promise.all([next(connection, "tracks"), next(connection, "frame")]);
      connection.send(JPEG, { spent: { capture: 1, encode: 2 } });
      const [{ timing }, times] = await both;
      assert.deepEqual([times.seq, times.capture, times.encode], [43, 1, 2]);
      assert.deepEqual([times.decode, times.track], [timing.decode, timing.track]);
      assert.ok(times.roundTrip > 0);
      const { bytesSentPerSecond, bytesReceivedPerSecond } = connection.measured();
      assert.ok(bytesSentPerSecond > 0 && bytesReceivedPerSecond > 0);
    }));
}

sdkTest("a reset frame ends every earlier point", (open) => {
  const engine = new ScriptedEngine(() => [CORNERS, {}, CORNERS]);
  return withServer({ engine }, async (url) => {
    const connection = open(url);
    const before = await track(connection);
    assert.deepEqual([...(await track(connection)).points.id], [...before.points.id]);
    const answer = next(connection, "tracks");
    connection.send(JPEG, { reset: true });
    const after = await answer;
    assert.ok(after.reset);
    assert.deepEqual([...after.lost.id], [...before.points.id]);
  });
});

sdkTest("at most two frames are unanswered", async (open) => {
  const gate = Promise.withResolvers<void>();
  const engine = new ScriptedEngine(() => [{ wait: gate.promise }]);
  await withServer({ engine }, async (url) => {
    const connection = open(url);
    assert.equal(connection.free, 0);
    await entered(connection, "open");
    assert.equal(connection.free, 2);
    assert.deepEqual([connection.send(JPEG), connection.send(JPEG)], [0, 1]);
    assert.equal(connection.free, 0);
    assert.equal(connection.send(JPEG), null);
    const both = next(connection, "tracks", ({ seq }) => seq === 1);
    gate.resolve();
    await both;
    assert.equal(connection.free, 2);
    assert.equal(connection.send(JPEG), 2); // what was not taken has no number
  });
});

sdkTest("a dropped frame counts as answered by the next tracks", (open) =>
  withPeer((peer) => {
    peer.send(JSON.stringify(hello()));
    peer.on("message", (data) => {
      const { seq } = decodeFrame(data as Uint8Array);
      if (seq === 1) peer.send(tracksOf(1, 1));
    });
  }, async (url) => {
    const connection = open(url);
    await next(connection, "hello");
    const answer = next(connection, "tracks");
    connection.send(JPEG);
    connection.send(JPEG);
    await answer;
    assert.equal(connection.free, 2);
    const { answered, dropped } = connection.measured();
    assert.deepEqual([answered, dropped], [1, 1]);
  }));

sdkTest("a dropped frame counts as answered by the next error", (open) => {
  const engine = new ScriptedEngine(() => [CORNERS, { fails: "bad_frame" }]);
  const limits = { ...LIMITS, maxFrameRate: 1 };
  return withServer({ engine, limits }, async (url) => {
    const connection = open(url);
    await track(connection);
    const failing = next(connection, "error");
    connection.send(JPEG); // has to wait, and gives way to the next
    connection.send(JPEG);
    assert.equal((await failing).seq, 2);
    assert.equal(connection.free, 2);
  });
});

sdkTest("an error with a seq answers that frame and no request", (open) => {
  const gate = Promise.withResolvers<void>();
  const engine = new ScriptedEngine(() => [{ fails: "bad_frame", wait: gate.promise }, CORNERS]);
  return withServer({ engine }, async (url) => {
    const connection = open(url);
    await entered(connection, "open");
    connection.send(JPEG, { seq: 7 });
    const stats = connection.stats();
    const failing = next(connection, "error");
    gate.resolve();
    const error = await failing;
    assert.deepEqual([error.code, error.seq], ["bad_frame", 7]);
    assert.equal(connection.free, 2);
    assert.equal(connection.measured().failed, 1);
    assert.equal((await stats).frames.failed, 1);
    assert.equal((await track(connection)).seq, 8);
  });
});

sdkTest(
  "a frame whose message is over the limit is refused here, to the byte",
  (open) =>
    withServer({}, async (url) => {
      const connection = open(url);
      await next(connection, "hello");
      const jpeg = new Uint8Array(LIMITS.maxFrameBytes - 16);
      jpeg.set(JPEG);
      assert.throws(() => connection.send(new Uint8Array(jpeg.length + 1)), { code: "rejected" });
      assert.equal(connection.free, 2);
      const answer = next(connection, "tracks");
      assert.equal(connection.send(jpeg), 0);
      await answer;
    }),
);

sdkTest("each request has its own answer", (open) =>
  withServer({}, async (url) => {
    const connection = open(url, { options: { detect: { minDistance: 5 } } });
    const first = await next(connection, "configured");
    assert.equal(first.detect.minDistance, 5);
    await assert.rejects(connection.add([[1, 1]]), { code: "bad_message" }); // before a frame
    assert.equal(await connection.mask(MASK), null);
    await track(connection);
    const [options, ids, share, refused, stats] = await Promise.allSettled([
      connection.configure({ flow: { maxLevel: 2 } }),
      connection.add([[1, 2], [3, 4]]),
      connection.mask(MASK),
      connection.configure({ detect: { k: 7 } }),
      connection.stats(),
    ]);
    assert.ok(options.status === "fulfilled" && ids.status === "fulfilled");
    assert.ok(share.status === "fulfilled" && stats.status === "fulfilled");
    assert.ok(refused.status === "rejected" && refused.reason.code === "bad_option");
    assert.deepEqual([options.value.flow.maxLevel, options.value.detect.minDistance], [2, 5]);
    assert.equal(ids.value.length, 2);
    assert.equal(share.value, 0.5);
    assert.equal(stats.value.frames.processed, 1);
    connection.remove([ids.value[0]]);
    const { points, lost } = await track(connection);
    assert.ok([...lost.id].includes(ids.value[0]) && [...points.id].includes(ids.value[1]));
    connection.clear();
    assert.equal((await track(connection)).points.id.length, 0);
  }));

sdkTest(
  "an error answers the request it belongs to, and no other one",
  (open) =>
    withServer({}, async (url) => {
      const connection = open(url);
      await track(connection);
      const errors: string[] = [];
      connection.on("error", ({ code, message }) => errors.push(`${code} ${message}`));
      const asked = [
        connection.stats(),
        connection.add([[1, 1]]),
        connection.add([[1000, 1]]),
        connection.add(Array(200).fill([1, 1])),
        connection.configure({ detect: { k: 0.1 } }),
        connection.add([[NaN, 1]]),
        connection.add([[2, 2]]),
      ];
      connection.remove([-1]);
      connection.remove([1.5]);
      connection.clear();
      const last = connection.stats();
      const codes = (await Promise.allSettled(asked)).map((result) =>
        result.status === "fulfilled" ? "ok" : result.reason.code
      );
      assert.deepEqual(codes, ["ok", "ok", "bad_message", "limit", "ok", "bad_message", "ok"]);
      assert.ok(await last);
      assert.equal(errors.filter((error) => / of remove/.test(error)).length, 2);
      assert.equal(errors.length, 5);
    }),
);

sdkTest(
  "a refusal goes to the message that it names, and not to the oldest",
  (open) =>
    withServer({ limits: { ...LIMITS, maxControlRate: 1 } }, async (url) => {
      const connection = open(url);
      await track(connection);
      const stats = connection.stats();
      await assert.rejects(connection.remove([1]), { code: "limit" });
      assert.equal((await stats).frames.processed, 1);
    }),
);

sdkTest("remove and clear tell when they are done", (open) =>
  withServer({}, async (url) => {
    const connection = open(url);
    await assert.rejects(connection.clear(), { code: "disconnected" });
    const { points } = await track(connection);
    await connection.remove([points.id[0]]);
    assert.equal((await connection.stats()).points.live, 1);
    await connection.clear();
    assert.equal((await connection.stats()).points.live, 0);
  }));

sdkTest("a server without features is spoken to as before", (open) =>
  withPeer((peer) => {
    const { features: _, ...old } = hello();
    peer.send(JSON.stringify(old));
    peer.on("message", (data) => {
      const { type, request } = JSON.parse(`${data}`);
      if (request !== undefined) peer.close(CloseCode.internal);
      if (type === "add") peer.send(JSON.stringify({ type: "added", ids: [7] }));
    });
  }, async (url) => {
    const connection = open(url);
    await next(connection, "hello");
    const asked = [connection.remove([1]), connection.add([[1, 1]])];
    assert.deepEqual(await Promise.all(asked), [undefined, [7]]);
  }));

sdkTest(
  "what a listener throws is its own: others hear, and no error is told as the server's",
  (open) =>
    withServer({}, async (url) => {
      const connection = open(url);
      const errors: Error[] = [], reported: unknown[] = [];
      const report = (event: ErrorEvent) => {
        event.preventDefault();
        reported.push(event.error);
      };
      const fault = new ProtocolError("bad_message", "the user's own");
      globalThis.addEventListener("error", report);
      try {
        connection.on("error", (error) => errors.push(error));
        connection.on("tracks", () => {
          throw fault;
        });
        await track(connection);
        await track(connection);
      } finally {
        globalThis.removeEventListener("error", report);
      }
      assert.deepEqual([errors, reported], [[], [fault, fault]]);
      assert.equal(connection.free, 2);
    }),
);

sdkTest(
  "a Blob is sent where it stands among the messages, other bytes without a copy",
  (open) =>
    withServer({}, async (url) => {
      const connection = open(url);
      await next(connection, "hello");
      assert.equal(connection.send(new Blob([JPEG], { type: "image/jpeg" })), 0);
      const added = connection.add([[1, 2]]); // refused before a frame
      assert.equal(connection.send(JPEG.slice().buffer), 1);
      assert.equal(connection.free, 0);
      const both = next(connection, "tracks", ({ seq }) => seq === 1);
      assert.equal((await added).length, 1);
      await both;
      assert.throws(() => connection.send("data:image/jpeg;base64,/9j/" as never), TypeError);
      const gone = Object.assign(new Blob([JPEG]), {
        arrayBuffer: () => Promise.reject(new Error("the file is gone")),
      });
      const failing = next(connection, "error");
      connection.send(gone);
      const { seq, message } = await failing;
      assert.deepEqual([seq, message], [2, "Cannot read the Blob of frame 2: the file is gone"]);
      assert.equal(connection.free, 2);
      assert.equal((await track(connection)).seq, 3);
    }),
);
