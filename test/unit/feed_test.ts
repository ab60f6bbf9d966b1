import assert from "node:assert/strict";
import { decodeTracks, defaultOptions } from "../../protocol/mod.ts";
import { Metrics } from "../../server/metrics.ts";
import { type About, Feed, type FromSink, type News, Want } from "../../server/sinks/feed.ts";
import { Intake, MAX_UNSETTLED_BYTES } from "../../server/sinks/intake.ts";
import type { Delivery, Sink } from "../../server/sinks/sink.ts";
import { emptyTracks } from "../lib/empty_tracks.ts";

const JPEG = Uint8Array.of(1, 2, 3);

function about(stream: string, change: Partial<About> = {}): About {
  return {
    stream,
    session: `session of ${stream}`,
    epoch: 1,
    server: "lkstream/test",
    engine: { name: "wasm", device: "script", reason: "a test" },
    options: defaultOptions(),
    width: 100,
    height: 80,
    ...change,
  };
}

interface Counted {
  value: number;
  labels: Record<string, string>;
}

/** A feed, and the other end of its channel, which takes what it is told to. */
function withFeed(
  use: (given: {
    feed: Feed;
    tell(message: FromSink): Promise<void>;
    taken(): Promise<News[]>;
    counted(name: string): Promise<Record<string, number>>;
  }) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const { port1, port2 } = new MessageChannel();
    const metrics = new Metrics();
    metrics[Symbol.dispose]();
    const feed = new Feed({ sink: "test", port: port1 }, metrics);
    const inbox: News[][] = [];
    let arrived = () => {};
    port2.onmessage = ({ data }) => {
      inbox.push(data);
      arrived();
    };
    await use({
      feed,
      async tell(message) {
        const heard = new Promise((heard) =>
          port1.addEventListener("message", heard, { once: true })
        );
        port2.postMessage(message);
        await heard;
      },
      async taken() {
        while (inbox.length === 0) await new Promise<void>((done) => arrived = done);
        return inbox.shift()!;
      },
      async counted(name) {
        const found = (await metrics.values()).find((one) => one.name === name)!;
        const { values } = found as unknown as { values: Counted[] };
        return Object.fromEntries(values.map(({ labels, value }) => [labels.reason ?? "", value]));
      },
    });
    feed[Symbol.dispose]();
    feed[Symbol.dispose]();
    port2.close();
  };
}

const seqs = (news: News[]) => news.map(({ tracks }) => tracks && decodeTracks(tracks).seq);

Deno.test(
  "feed: while the sink has no room it keeps the newest of each stream, and counts the others",
  withFeed(async ({ feed, tell, taken, counted }) => {
    await tell({ type: "wanted", named: [], others: Want.tracks });
    const [a, b] = [feed.open(), feed.open()];
    a.about(about("a"));
    assert.deepEqual((await taken()).map(({ about }) => about!.stream), ["a"]);
    b.about(about("b"));
    for (let seq = 0; seq < 5; seq++) a.tracks(emptyTracks(seq), JPEG);
    b.tracks(emptyTracks(7), JPEG);
    a.about(about("a", { epoch: 2 }));
    await tell({ type: "room" });
    const news = await taken();
    assert.deepEqual(seqs(news), [7, 4]);
    assert.deepEqual(news.map(({ about }) => about!.epoch), [1, 2]);
    assert.deepEqual(await counted("lkstream_sink_dropped_total"), { newer: 4, lost: 0 });
    await tell({ type: "counted", delivered: 1, lost: 2 });
    assert.deepEqual(await counted("lkstream_sink_dropped_total"), { newer: 4, lost: 2 });
    assert.deepEqual(await counted("lkstream_sink_delivered_total"), { "": 1 });
  }),
);

Deno.test(
  "feed: nothing is copied that nobody wants, and frames only for who wants them",
  withFeed(async ({ feed, tell, taken }) => {
    const streams = ["a", "b", "c"].map((name) => {
      const stream = feed.open();
      stream.about(about(name));
      return stream;
    });
    await taken();
    await tell({ type: "room" });
    await taken();
    await tell({ type: "wanted", named: [["b", Want.frames]], others: Want.nothing });
    for (const stream of streams) stream.tracks(emptyTracks(1), JPEG);
    await tell({ type: "room" });
    const [b] = await taken();
    assert.deepEqual([b.key, b.jpeg], [1, JPEG]);
    await tell({ type: "wanted", named: [["b", Want.nothing]], others: Want.tracks });
    for (const stream of streams) stream.tracks(emptyTracks(2), JPEG);
    await tell({ type: "room" });
    const rest = await taken();
    assert.deepEqual(rest.map(({ key, jpeg }) => [key, jpeg]), [[0, undefined], [2, undefined]]);
  }),
);

Deno.test(
  "feed: streams that came and went while the sink took nothing leave nothing behind",
  withFeed(async ({ feed, tell, taken }) => {
    await tell({ type: "wanted", named: [], others: Want.tracks });
    const first = feed.open();
    first.about(about("first"));
    await taken();
    for (let i = 0; i < 1000; i++) {
      const stream = feed.open();
      stream.about(about(`s${i}`));
      stream.tracks(emptyTracks(i), JPEG);
      stream.close();
      stream.tracks(emptyTracks(i), JPEG);
    }
    first.close();
    first.close();
    await tell({ type: "room" });
    assert.deepEqual(await taken(), [{ key: 0, isOver: true }]);
  }),
);

/** A sink whose deliveries settle when they are told to. */
class ScriptedSink implements Sink {
  readonly calls: string[] = [];
  readonly waiting: { deliveries: readonly Delivery[]; settle(count: number): void }[] = [];

  about({ stream }: About): void {
    this.calls.push(`about ${stream}`);
  }

  over({ stream }: About): void {
    this.calls.push(`over ${stream}`);
  }

  deliver(deliveries: readonly Delivery[]): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.waiting.push({ deliveries, settle: resolve });
    return promise;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** What an intake tells, one message after the other. */
class Told {
  readonly #messages: FromSink[] = [];
  #came = () => {};

  readonly tell = (message: FromSink): void => {
    this.#messages.push(message);
    this.#came();
  };

  get count(): number {
    return this.#messages.length;
  }

  async next(): Promise<FromSink> {
    while (this.#messages.length === 0) await new Promise<void>((come) => this.#came = come);
    return this.#messages.shift()!;
  }
}

function unexpected(error: unknown): never {
  throw error;
}

Deno.test("intake: takes no more than it can settle, and goes on when it has", async () => {
  const sink = new ScriptedSink();
  const told = new Told();
  const intake = new Intake(sink, told.tell, unexpected);
  const tracks = () => new Uint8Array(MAX_UNSETTLED_BYTES / 2);
  const room = { type: "room" },
    counted = (delivered: number) => ({
      type: "counted",
      delivered,
      lost: 1 - delivered,
    });
  intake.take([{ key: 0, about: about("a"), tracks: tracks(), time: 1 }]);
  assert.deepEqual(await told.next(), room);
  intake.take([{ key: 0, tracks: tracks(), time: 2 }]);
  assert.deepEqual(await told.next(), room);
  intake.take([{ key: 0, tracks: tracks(), time: 3 }]);
  const later = new Told();
  new Intake(new ScriptedSink(), later.tell, unexpected).take([{ key: 0, about: about("b") }]);
  await later.next(); // the pause of the first is over too
  assert.equal(told.count, 0, "there is no room");
  sink.waiting[0].settle(1);
  assert.deepEqual(await told.next(), counted(1));
  assert.deepEqual(await told.next(), room, "now, and not before");
  sink.waiting[1].settle(0);
  assert.deepEqual(await told.next(), counted(0));
  intake.take([{ key: 0, tracks: tracks() }, { key: 0, tracks: tracks() }]);
  sink.waiting[2].settle(1);
  assert.deepEqual(await told.next(), counted(1));
  assert.deepEqual(await told.next(), room, "once its pause is over");
  assert.equal(told.count, 0);
});

Deno.test("intake: a delivery carries what was known of its stream when it was made", async () => {
  const sink = new ScriptedSink();
  const told = new Told();
  const intake = new Intake(sink, told.tell, unexpected);
  const tracks = new Uint8Array(4);
  intake.take([{ key: 0, about: about("a"), tracks }, { key: 1, about: about("b") }]);
  await told.next();
  intake.take([{ key: 0, about: about("a", { epoch: 9 }), tracks, isOver: true }]);
  await told.next();
  const epochs = sink.waiting.map(({ deliveries }) => deliveries.map(({ about }) => about.epoch));
  assert.deepEqual(epochs, [[1], [9]]);
  assert.deepEqual(sink.calls, ["about a", "about b", "about a", "over a"]);
});

Deno.test("intake: what a sink that fails was given is lost, and the sink is given the next", async () => {
  const failures: ((sink: ScriptedSink) => void)[] = [
    (sink) => sink.deliver = () => Promise.reject(new Error("rejected")),
    (sink) =>
      sink.deliver = () => {
        throw new Error("thrown");
      },
  ];
  for (const fail of failures) {
    const sink = new ScriptedSink();
    const told = new Told();
    const errors: unknown[] = [];
    const intake = new Intake(sink, told.tell, (error) => errors.push(error));
    const tracks = () => new Uint8Array(MAX_UNSETTLED_BYTES);
    fail(sink);
    for (let i = 0; i < 3; i++) { // none of them would leave room for the next
      intake.take([{ key: 0, about: about("a"), tracks: tracks() }, { key: 0, tracks: tracks() }]);
      assert.deepEqual(await told.next(), { type: "counted", delivered: 0, lost: 2 });
      assert.deepEqual(await told.next(), { type: "room" });
    }
    assert.equal(errors.length, 1, "said once");
  }
});

Deno.test("intake: a sink that fails to hear of a stream still gets its tracks", async () => {
  const sink = new ScriptedSink();
  const told = new Told();
  const errors: string[] = [];
  const intake = new Intake(sink, told.tell, (error) => errors.push(`${error}`));
  sink.about = sink.over = ({ stream }) => {
    throw new Error(stream);
  };
  const tracks = new Uint8Array(4);
  intake.take([{ key: 0, about: about("a"), tracks, isOver: true }, { key: 1, about: about("b") }]);
  assert.deepEqual(await told.next(), { type: "room" });
  assert.equal(sink.waiting[0].deliveries.length, 1);
  assert.deepEqual(errors, ["Error: a"]);
});
