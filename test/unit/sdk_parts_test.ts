import assert from "node:assert/strict";
import { infoAddress, streamAddress } from "../../client/sdk/connection/address.ts";
import { ended, isFinal } from "../../client/sdk/connection/ending.ts";
import { LkstreamError } from "../../client/sdk/connection/errors.ts";
import { Flight } from "../../client/sdk/connection/flight.ts";
import { Latest, Rate } from "../../client/sdk/meter.ts";
import { growingPauseMs } from "../../client/sdk/connection/pause.ts";
import { Requests } from "../../client/sdk/connection/requests.ts";
import { SentFrames } from "../../client/sdk/capture/sent_frames.ts";
import { CloseCode, defaultOptions } from "../../protocol/mod.ts";
import { emptyTracks } from "../lib/empty_tracks.ts";

Deno.test("sdk: a server's address in any form is that of its stream", () => {
  for (
    const [from, to] of [
      ["http://localhost:8000", "ws://localhost:8000/v1/stream"],
      ["https://robots.example/", "wss://robots.example/v1/stream"],
      ["ws://localhost:8000/v1/stream", "ws://localhost:8000/v1/stream"],
      ["wss://robots.example/cameras/7#top", "wss://robots.example/cameras/7"],
    ]
  ) {
    assert.equal(streamAddress(from, "bin").url, to);
    assert.equal(streamAddress(new URL(from), "bin").url, to);
  }
  for (const wrong of ["localhost:8000", "ftp://h", "h", ""]) {
    assert.throws(() => streamAddress(wrong, "bin"), {
      name: "TypeError",
      message: new RegExp(`^Cannot connect to ${wrong}: .*as http://localhost:8000$`),
    });
  }
  assert.equal(infoAddress("ws://h:1/v1/stream?token=t").href, "http://h:1/v1/info");
  assert.equal(infoAddress("wss://h/x").href, "https://h/v1/info");
});

Deno.test("sdk: a token travels as a subprotocol, in the address only where it cannot", () => {
  assert.deepEqual(streamAddress("http://h", "bin").protocols, ["lkstream.v1.bin"]);
  assert.deepEqual(streamAddress("http://h", "json", "s3cret-._~!"), {
    url: "ws://h/v1/stream",
    protocols: ["lkstream.v1.json", "bearer.s3cret-._~!"],
  });
  assert.deepEqual(streamAddress("http://h", "bin", "a b/=&"), {
    url: "ws://h/v1/stream?token=a+b%2F%3D%26",
    protocols: ["lkstream.v1.bin"],
  });
});

Deno.test("sdk: pauses double from 0.5 s to 10 s, less up to a quarter", () => {
  const longest = [1, 2, 3, 4, 5, 6, 7, 50].map((attempt) => growingPauseMs(attempt, () => 0));
  assert.deepEqual(longest, [500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
  const shortest = [1, 2, 50].map((attempt) => growingPauseMs(attempt, () => 1));
  assert.deepEqual(shortest, [375, 750, 7500]);
});

Deno.test("sdk: what the same client would only meet again is final", () => {
  for (const code of [CloseCode.notAFrame, CloseCode.tooManyErrors, CloseCode.messageTooLarge]) {
    assert.ok(isFinal(code));
    assert.equal(ended(code, "why").code, "rejected");
    assert.match(ended(code, "why").message, new RegExp(`${code}: why`));
  }
  for (const code of [CloseCode.done, CloseCode.serverStopping, CloseCode.internal, 1006]) {
    assert.ok(!isFinal(code));
    assert.equal(ended(code, "").code, "disconnected");
  }
  assert.ok(!isFinal(CloseCode.overloaded));
  assert.equal(ended(CloseCode.overloaded, "").code, "busy");
});

Deno.test("sdk: an answer, tracks or error, also settles the frames before it", () => {
  const flight = new Flight();
  for (const seq of [1, 2, 3, 4, 5]) flight.sent(seq, 0, 100);
  flight.answered(emptyTracks(2, { dropped: 1 }), 10, 64);
  assert.equal(flight.unanswered, 3);
  flight.failed(4);
  assert.equal(flight.unanswered, 1);
  // Of an earlier stream:
  assert.equal(flight.answered(emptyTracks(9), 10, 64), undefined);
  flight.failed(9);
  assert.equal(flight.unanswered, 1);
  flight.clear();
  assert.equal(flight.unanswered, 0);
  const { sent, answered, dropped, failed } = flight.measured(10);
  assert.deepEqual({ sent, answered, dropped, failed }, {
    sent: 5,
    answered: 2,
    dropped: 1,
    failed: 2,
  });
});

Deno.test("sdk: rates and round trip are those of the frames", () => {
  const flight = new Flight();
  assert.equal(flight.measured(0).roundTrip, null);
  for (let seq = 0; seq < 61; seq++) {
    flight.sent(seq, seq * 50, 1000);
    flight.answered(emptyTracks(seq), seq * 50 + 30 + seq % 2, 64);
  }
  const { sentPerSecond, answeredPerSecond, roundTrip, ...bytes } = flight.measured(3031);
  assert.ok(Math.abs(sentPerSecond - 20) < 1, `${sentPerSecond} a second`);
  assert.ok(Math.abs(answeredPerSecond - 20) < 1, `${answeredPerSecond} a second`);
  assert.deepEqual(roundTrip, { p50: 30, p95: 31 });
  assert.equal(bytes.bytesSentPerSecond, 1000 * sentPerSecond);
  assert.equal(bytes.bytesReceivedPerSecond, 64 * answeredPerSecond);
});

Deno.test("sdk: a frame's stages make its round trip, the ways are told apart by bytes", () => {
  const flight = new Flight();
  const timing = { queue: 1, decode: 2, track: 3, detect: 4, server: 12 };
  const answer = (seq: number, ms: number) => {
    flight.sent(seq, 0, 3000, { capture: 5, encode: 6 });
    return flight.answered(emptyTracks(seq, { timing }), ms, 1000)!;
  };
  assert.deepEqual(answer(1, 32), {
    seq: 1,
    capture: 5,
    encode: 6,
    roundTrip: 32,
    network: 20,
    uplink: 10,
    queue: 1,
    decode: 2,
    track: 3,
    detect: 4,
    other: 2,
    downlink: 10,
  });
  // Eight milliseconds above the least, of which three quarters of the bytes went up.
  const { network, uplink, downlink } = answer(2, 40);
  assert.deepEqual([network, uplink, downlink], [28, 16, 12]);
  // A server's clock may run a little faster than ours.
  assert.equal(answer(3, 11.9).network, 0);
  flight.sent(4, 0, 3000);
  const { capture, encode } = flight.answered(emptyTracks(4), 1, 64)!;
  assert.deepEqual([capture, encode], [null, null]);
});

Deno.test("sdk: a rate is over the last two seconds, and 0 once nothing comes", () => {
  const rate = new Rate();
  assert.equal(rate.perSecond(0), 0);
  for (let i = 0; i <= 10; i++) rate.mark(i * 100);
  assert.equal(rate.perSecond(1000), 10);
  assert.equal(rate.perSecond(2000), 5);
  assert.equal(rate.perSecond(3500), 0);
});

Deno.test("sdk: percentiles are over the latest values only", () => {
  const latest = new Latest(100);
  assert.equal(latest.spread(), null);
  latest.add(7);
  assert.deepEqual(latest.spread(), { p50: 7, p95: 7 });
  for (let i = 100; i >= 1; i--) latest.add(i);
  assert.deepEqual(latest.spread(), { p50: 50, p95: 95 });
});

Deno.test("sdk: kept pictures are closed, each once, but for the ones taken", () => {
  const closed: number[] = [];
  const picture = (seq: number) => ({ close: () => closed.push(seq) }) as unknown as ImageBitmap;
  const sent = new SentFrames();
  for (const seq of [0, 1, 2]) sent.put(seq, picture(seq));
  assert.equal(sent.take(7), null);
  assert.ok(sent.take(1));
  assert.deepEqual(closed, [0]); // its result never comes: that of a later frame did
  assert.equal(sent.take(1), null);
  for (const seq of [3, 4, 5]) sent.put(seq, picture(seq));
  assert.deepEqual(closed, [0, 2]);
  sent[Symbol.dispose]();
  assert.deepEqual(closed, [0, 2, 3, 4, 5]);
});

Deno.test("sdk: replayed requests do not pile up over sessions that come to nothing", async () => {
  const requests = new Requests();
  const gone = new LkstreamError("disconnected", "gone");
  const configured = requests.wait({ type: "configure", detect: { maxCorners: 9 } });
  const masked = requests.wait({ type: "mask", polygons: [[[0, 0], [9, 0], [9, 9]]] });
  assert.deepEqual(requests.begin().map(({ type }) => type), ["configure", "mask"]);
  requests.interrupt(gone); // unanswered, they wait for the next session
  assert.deepEqual(requests.begin().map(({ type }) => type), ["configure", "mask"]);
  requests.answer("configure", defaultOptions());
  requests.answer("mask", 0.5);
  await configured;
  assert.equal(await masked, 0.5);
  for (let session = 0; session < 5; session++) {
    requests.interrupt(gone);
    assert.deepEqual(requests.begin().map(({ type }) => type), ["configure", "mask"]);
  }
  requests.answer("configure", defaultOptions());
  requests.answer("mask", 0.5);
  void requests.wait({ type: "mask", polygons: [] });
  requests.answer("mask", 1);
  requests.interrupt(gone);
  assert.deepEqual(requests.begin(), [
    { type: "configure", detect: { maxCorners: 9 }, flow: {}, filter: {} },
  ]);
});

Deno.test("sdk: a refused request is not asked again, one about frames not in the next session", async () => {
  const requests = new Requests();
  const bad = requests.wait({ type: "configure", detect: { k: 9 } });
  const added = requests.wait({ type: "add", points: [[1, 1]] });
  requests.fail(new LkstreamError("bad_option", "k"));
  await assert.rejects(bad, { code: "bad_option" });
  requests.interrupt(new LkstreamError("disconnected", "gone"));
  await assert.rejects(added, { code: "disconnected" });
  assert.deepEqual(requests.begin(), []);
});
