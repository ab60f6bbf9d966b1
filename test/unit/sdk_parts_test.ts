import assert from "node:assert/strict";
import { infoAddress, streamAddress } from "../../client/sdk/connection/address.ts";
import { ended, isFinal } from "../../client/sdk/connection/ending.ts";
import { LkstreamError, type LkstreamErrorCode } from "../../client/sdk/connection/errors.ts";
import { Emitter } from "../../client/sdk/emitter.ts";
import { Flight } from "../../client/sdk/connection/flight.ts";
import { Latest, Rate } from "../../client/sdk/meter.ts";
import { growingPauseMs } from "../../client/sdk/connection/pause.ts";
import { type RequestMessage, Requests } from "../../client/sdk/connection/requests.ts";
import { afterwards, BEGINNING, type Happening } from "../../client/sdk/connection/retry.ts";
import { SentFrames } from "../../client/sdk/capture/sent_frames.ts";
import {
  type ClientMessage,
  CloseCode,
  defaultOptions,
  ProtocolError,
  type Stats,
} from "../../protocol/mod.ts";
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

Deno.test("sdk: the first pause is 0.1 s at most, then they double from 0.5 s to 10 s, less up to a quarter", () => {
  assert.deepEqual([0, 0.5, 1].map((random) => growingPauseMs(1, () => random)), [0, 50, 100]);
  const longest = [2, 3, 4, 5, 6, 7, 8, 50].map((attempt) => growingPauseMs(attempt, () => 0));
  assert.deepEqual(longest, [500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
  const shortest = [2, 3, 50].map((attempt) => growingPauseMs(attempt, () => 1));
  assert.deepEqual(shortest, [375, 750, 7500]);
});

Deno.test("sdk: what happened decides whether to try again, and how often that was", () => {
  const refused = (code: LkstreamErrorCode, isFinal: "yes" | "probably" | "no"): Happening => ({
    what: "refused",
    error: new LkstreamError(code, ""),
    isFinal,
  });
  const ended = (lastedMs: number, isFinal = false): Happening => ({
    what: "ended",
    isFinal,
    lastedMs,
  });
  const after = (...happenings: Happening[]) =>
    happenings.reduce(({ past }, happening) => afterwards(past, happening), {
      past: BEGINNING,
      isOver: false,
    });
  const hello: Happening = { what: "hello" }, tracks: Happening = { what: "tracks" };
  const short = ended(100), steady = ended(6000);

  const attempts = (...happenings: Happening[]) => after(...happenings).past.attempt;
  assert.equal(attempts(refused("unreachable", "no"), refused("busy", "no")), 2);
  assert.equal(attempts(hello, short, hello, short), 2); // a hello alone is not success
  assert.equal(attempts(hello, short, hello, tracks, short), 1);
  assert.equal(attempts(hello, short, hello, steady), 1);

  assert.ok(after(refused("unauthorized", "yes")).isOver);
  assert.ok(!after(refused("forbidden", "probably")).isOver);
  assert.ok(after(refused("forbidden", "probably"), refused("forbidden", "probably")).isOver);
  const doubtful = refused("unauthorized", "probably");
  assert.ok(!after(refused("forbidden", "probably"), doubtful).isOver);
  assert.ok(!after(hello, short, doubtful, doubtful).isOver); // it was let in once
  assert.ok(!after(hello, short, refused("unauthorized", "yes")).isOver);
  assert.ok(after(hello, ended(1, true)).isOver);
  assert.ok(!after(refused("unreachable", "no"), refused("unreachable", "no")).isOver);
});

Deno.test("sdk: what the same client would only meet again is final", () => {
  const closed = (code: number) => ({ how: "closed", code, reason: "why" }) as const;
  for (const code of [CloseCode.notAFrame, CloseCode.tooManyErrors, CloseCode.messageTooLarge]) {
    assert.ok(isFinal(closed(code)));
    assert.equal(ended(closed(code), "h").code, "rejected");
    assert.match(ended(closed(code), "h").message, new RegExp(`${code}: why`));
  }
  for (const code of [CloseCode.done, CloseCode.serverStopping, CloseCode.internal, 1006]) {
    assert.ok(!isFinal(closed(code)));
    assert.equal(ended(closed(code), "h").code, "disconnected");
  }
  assert.ok(!isFinal(closed(CloseCode.overloaded)));
  assert.equal(ended(closed(CloseCode.overloaded), "h").code, "busy");
  const late = ended({ how: "unanswered", ms: 5000 }, "robot:8000");
  assert.deepEqual([late.code, late.message], [
    "unreachable",
    "Nothing answered at robot:8000 within 5 s",
  ]);
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

const CONFIGURED = { type: "configured", options: defaultOptions() } as const;
const GONE = new LkstreamError("disconnected", "gone");

Deno.test("sdk: replayed requests do not pile up over sessions that come to nothing", async () => {
  const requests = new Requests();
  const configured = requests.ask({ type: "configure", detect: { maxCorners: 9 } }).answer;
  const masked = requests.ask({ type: "mask", polygons: [[[0, 0], [9, 0], [9, 9]]] }).answer;
  const begun = () => requests.begin(false).map(({ type }) => type);
  assert.deepEqual(begun(), ["configure", "mask"]);
  requests.interrupt(GONE); // unanswered, they wait for the next session
  assert.deepEqual(begun(), ["configure", "mask"]);
  requests.answered(CONFIGURED);
  requests.answered({ type: "masked", share: 0.5 });
  await configured;
  assert.equal((await masked).share, 0.5);
  for (let session = 0; session < 5; session++) {
    requests.interrupt(GONE);
    assert.deepEqual(begun(), ["configure", "mask"]);
  }
  requests.answered(CONFIGURED);
  requests.answered({ type: "masked", share: 0.5 });
  requests.ask({ type: "mask", polygons: [] });
  requests.answered({ type: "masked", share: 1 });
  requests.interrupt(GONE);
  assert.deepEqual(requests.begin(false), [
    { type: "configure", detect: { maxCorners: 9 }, flow: {}, filter: {} },
  ]);
});

Deno.test("sdk: a refused request is not asked again, one about frames not in the next session", async () => {
  const requests = new Requests();
  const bad = requests.ask({ type: "configure", detect: { k: 9 } }).answer;
  const added = requests.ask({ type: "add", points: [[1, 1]] }).answer;
  requests.failed(new LkstreamError("bad_option", "k"), undefined);
  await assert.rejects(bad, { code: "bad_option" });
  requests.interrupt(GONE);
  await assert.rejects(added, { code: "disconnected" });
  assert.deepEqual(requests.begin(false), []);
});

Deno.test("sdk: an answer and an error find the request that they name, in any order", async () => {
  const requests = new Requests();
  requests.begin(true);
  const ask = <N extends ClientMessage["type"]>(message: RequestMessage<N>) => {
    const { sent, answer } = requests.ask(message);
    return { request: sent.request, answer };
  };
  const stats = ask({ type: "stats" });
  const removed = ask({ type: "remove", ids: [1] });
  const cleared = ask({ type: "clear" });
  const configured = ask({ type: "configure", detect: { maxCorners: 9 } });
  const added = [[1, 1], [2, 2]].map(([x, y]) => ask({ type: "add", points: [[x, y]] }));
  requests.failed(new LkstreamError("bad_json", "of nobody"), undefined);
  requests.failed(new LkstreamError("limit", "too many"), removed.request);
  requests.answered({ type: "done", request: cleared.request });
  requests.answered({ ...CONFIGURED, request: configured.request });
  requests.answered({ type: "added", ids: [8], request: added[1].request });
  requests.answered({ type: "added", ids: [7], request: added[0].request });
  requests.answered({ type: "added", ids: [9], request: added[0].request }); // has its answer
  const told = { type: "stats", request: stats.request } as unknown as Stats;
  requests.answered(told);
  await assert.rejects(removed.answer, { code: "limit" });
  assert.equal((await cleared.answer).type, "done");
  assert.deepEqual((await configured.answer).options, CONFIGURED.options);
  const ids = await Promise.all(added.map(async ({ answer }) => (await answer).ids));
  assert.deepEqual(ids, [[7], [8]]);
  assert.equal(await stats.answer, told);
  requests.interrupt(GONE);
  const [{ request, ...replayed }] = requests.begin(true);
  assert.equal(typeof request, "number");
  assert.deepEqual(replayed, {
    type: "configure",
    detect: { maxCorners: 9 },
    flow: {},
    filter: {},
  });
});

Deno.test("sdk: a server that names no request is told none, and remove waits for nothing", async () => {
  const requests = new Requests();
  requests.begin(false);
  const stats = requests.ask({ type: "stats" });
  assert.deepEqual(stats.sent, { type: "stats" });
  await requests.ask({ type: "remove", ids: [1] }).answer;
  await requests.ask({ type: "clear" }).answer;
  requests.failed(new LkstreamError("limit", "too many"), undefined);
  await assert.rejects(stats.answer, { code: "limit" });
});

Deno.test("sdk: a listener that throws is reported, and the others hear", () => {
  class Bell extends Emitter<{ ring: number }> {
    ring = (n: number) => this.emit("ring", n);
  }
  const reported: unknown[] = [], heard: number[] = [];
  const native = globalThis.reportError;
  const log = console.error;
  const fault = new ProtocolError("bad_json", "the listener's own");
  const bell = new Bell();
  bell.on("ring", () => {
    throw fault;
  });
  bell.on("ring", (n) => heard.push(n));
  try {
    globalThis.reportError = (error) => reported.push(error);
    bell.ring(1);
    Reflect.deleteProperty(globalThis, "reportError"); // as in Node
    console.error = (error) => reported.push(error);
    bell.ring(2);
  } finally {
    globalThis.reportError = native;
    console.error = log;
  }
  assert.deepEqual(heard, [1, 2]);
  assert.deepEqual(reported, [fault, fault]);
});
