/** Viewers by Foxglove's protocol: its own client, at our server. */
import assert from "node:assert/strict";
import foxglove from "@foxglove/ws-protocol";
import type { Channel, MessageData } from "@foxglove/ws-protocol";
import { WebSocket } from "ws";
import type { FoxgloveConfig } from "../../server/sinks/foxglove.ts";
import { Sinks } from "../../server/sinks/sinks.ts";
import { readConfig } from "../../server/config.ts";
import { selfSigned } from "../../server/http/tls.ts";
import { Client, Refused } from "../lib/client.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";
import { decodeBy } from "../lib/protobuf.ts";
import type { Script } from "../lib/scripted.ts";
import { LIMITS, withServer } from "../lib/serving.ts";

const SCRIPT: Script[] = [{ corners: [[10, 10], [30, 40]] }];

interface Given {
  /** Of the server that tracks, and of the viewers' port. */
  url: string;
  viewers: string;
  sinks: Sinks;
}

async function showing(
  change: Partial<FoxgloveConfig>,
  use: (given: Given) => Promise<void>,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const access = { host: "127.0.0.1", token: null, allowOrigins: [], ...change };
  const config = { sink: "foxglove" as const, port: 0, limits: LIMITS, ...access };
  const sinks = await Sinks.open([config], (_event, fields) => resolve(`${fields!.url}`));
  try {
    const viewers = await promise;
    const run = (url: string) => use({ url, viewers, sinks });
    await withServer({ feeds: sinks.connect(), token: change.token ?? null }, run, SCRIPT);
  } finally {
    await sinks.close();
  }
}

/** Foxglove's own client, and what it heard. */
class Viewer {
  readonly channels = new Map<string, Channel>();
  readonly messages: { topic: string; data: Uint8Array<ArrayBuffer>; timestamp: bigint }[] = [];
  readonly client: InstanceType<typeof foxglove.FoxgloveClient>;
  readonly closed: Promise<number>;
  #came = () => {};
  readonly #topics = new Map<number, string>();

  private constructor(readonly socket: WebSocket) {
    this.client = new foxglove.FoxgloveClient({ ws: socket as never });
    this.closed = new Promise((closed) => socket.on("close", closed));
    this.client.on("advertise", (channels: Channel[]) => {
      for (const channel of channels) this.channels.set(channel.topic, channel);
      this.#came();
    });
    this.client.on("unadvertise", (ids: number[]) => {
      for (const [topic, { id }] of this.channels) {
        if (ids.includes(id)) this.channels.delete(topic);
      }
      this.#came();
    });
    this.client.on("message", ({ subscriptionId, data, timestamp }: MessageData) => {
      const { buffer, byteOffset, byteLength } = data;
      const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
      this.messages.push({ topic: this.#topics.get(subscriptionId)!, data: bytes, timestamp });
      this.#came();
    });
  }

  /** @throws {Refused} where it is not let in */
  static open(url: string, headers: Record<string, string> = {}, ca?: string): Promise<Viewer> {
    const socket = new WebSocket(url, ["foxglove.websocket.v1"], { headers, ca });
    const viewer = new Viewer(socket);
    return new Promise((opened, failed) => {
      socket.once("open", () => opened(viewer));
      socket.once("unexpected-response", (_request, response) => {
        response.resume();
        failed(new Refused(response.statusCode!, response.headers, ""));
      });
      viewer.client.on("error", failed);
    });
  }

  async until<T>(found: () => T | undefined | false): Promise<T> {
    for (;;) {
      const value = found();
      if (value) return value;
      await new Promise<void>((come) => this.#came = come);
    }
  }

  async subscribe(topic: string): Promise<void> {
    const channel = await this.until(() => this.channels.get(topic));
    this.#topics.set(this.client.subscribe(channel.id), topic);
  }

  async close(): Promise<void> {
    this.client.close();
    await this.closed;
  }
}

/** Sends frames until the viewer has a message: what it wants is known a little later. */
async function seen(client: Client, viewer: Viewer, topic: string) {
  const found = () => viewer.messages.find((message) => message.topic === topic);
  while (!found()) {
    client.send(JPEG);
    await client.nextOf("tracks");
  }
  return found()!;
}

/** An open stream that viewers were told of. */
async function tracking(url: string, name: string, query = ""): Promise<Client> {
  const client = await Client.connect(url, { query: `?stream=${name}${query}` });
  client.send(JPEG);
  await client.nextOf("tracks");
  return client;
}

Deno.test("foxglove: a viewer sees frames, points, ids and tracks of the stream that it chooses", () =>
  showing({}, async ({ url, viewers }) => {
    const [left, right] = [await tracking(url, "left"), await tracking(url, "right")];
    const viewer = await Viewer.open(viewers);
    await viewer.until(() => viewer.channels.size === 8);
    assert.deepEqual(
      [...viewer.channels.keys()].filter((topic) => topic.startsWith("/left/")),
      ["/left/image", "/left/points", "/left/ids", "/left/tracks"],
    );
    const schemaOf = (topic: string) => Uint8Array.fromBase64(viewer.channels.get(topic)!.schema);
    for (const topic of viewer.channels.keys()) {
      if (topic.startsWith("/left/")) await viewer.subscribe(topic);
    }
    const before = Date.now();
    const image = await seen(left, viewer, "/left/image");
    const frame = decodeBy(schemaOf("/left/image"), "foxglove.CompressedImage", image.data);
    assert.deepEqual(new Uint8Array(frame.data), JPEG);
    assert.equal(frame.frame_id, "left");
    assert.ok(Math.abs(Number(image.timestamp / 1_000_000n) - before) < 60_000);
    const points = await seen(left, viewer, "/left/points");
    const { points: [annotation] } = decodeBy(
      schemaOf("/left/points"),
      "foxglove.ImageAnnotations",
      points.data,
    );
    assert.deepEqual(annotation.points, [{ x: 10.5, y: 10.5 }, { x: 30.5, y: 40.5 }]);
    const ids = await seen(left, viewer, "/left/ids");
    const { texts } = decodeBy(schemaOf("/left/ids"), "foxglove.ImageAnnotations", ids.data);
    assert.deepEqual(texts.map(({ text }: { text: string }) => text), ["1", "2"]);
    const tracks = await seen(left, viewer, "/left/tracks");
    assert.deepEqual(JSON.parse(new TextDecoder().decode(tracks.data)).points.id, [1, 2]);
    right.send(JPEG);
    await right.nextOf("tracks");
    assert.ok(viewer.messages.every(({ topic }) => topic.startsWith("/left/")));
    await left.close();
    await viewer.until(() => viewer.channels.size === 4);
    await right.close();
    await viewer.until(() => viewer.channels.size === 0);
    await viewer.close();
  }));

Deno.test("foxglove: a stream that begins later, or again, is there too", () =>
  showing({}, async ({ url, viewers }) => {
    const viewer = await Viewer.open(viewers);
    const client = await tracking(url, "cam");
    await viewer.subscribe("/cam/tracks");
    await seen(client, viewer, "/cam/tracks");
    const channel = viewer.channels.get("/cam/tracks")!;
    viewer.client.unsubscribe(0);
    await client.close();
    await viewer.until(() => viewer.channels.size === 0);
    const again = await tracking(url, "cam");
    await viewer.until(() => viewer.channels.size === 4);
    assert.notEqual(viewer.channels.get("/cam/tracks")!.id, channel.id);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    assert.match(metrics, /lkstream_sink_connected\{sink="foxglove"\} 1/);
    await again.close();
    await viewer.close();
  }));

Deno.test("foxglove: viewers need what clients need: token, origin, and see what their token is for", () => {
  const streamTokens = [{ token: "left", streams: ["left"] }];
  return showing(
    { token: "any", streamTokens, allowOrigins: ["https://app.example"] },
    async (given) => {
      const { url, viewers, sinks } = given;
      const clients = [
        await tracking(url, "left", "&token=any"),
        await tracking(url, "right", "&token=any"),
      ];
      const refusedWith = (status: number) => (error: Refused) => error.status === status;
      await assert.rejects(Viewer.open(viewers), refusedWith(401));
      await assert.rejects(Viewer.open(`${viewers}?token=wrong`), refusedWith(401));
      const evil = { Origin: "https://evil.example" };
      await assert.rejects(Viewer.open(`${viewers}?token=any`, evil), refusedWith(403));
      const all = await Viewer.open(`${viewers}?token=any`, { Origin: "https://app.example" });
      await all.until(() => all.channels.size === 8);
      const some = await Viewer.open(viewers, { Authorization: "Bearer left" });
      await some.until(() => some.channels.size >= 4);
      assert.ok([...some.channels.keys()].every((topic) => topic.startsWith("/left/")));
      sinks.renew({ token: "new", streamTokens: [] });
      const renewed = async (): Promise<Viewer> => {
        try {
          return await Viewer.open(`${viewers}?token=new`);
        } catch {
          return renewed(); // the worker is told by and by
        }
      };
      const late = await renewed();
      await assert.rejects(Viewer.open(`${viewers}?token=any`), refusedWith(401));
      for (const viewer of [all, some, late]) await viewer.close();
      for (const client of clients) await client.close();
    },
  );
});

Deno.test("foxglove: viewers read, and nothing else; what they may not ends their connection alone", () =>
  showing({}, async ({ url, viewers }) => {
    const client = await tracking(url, "cam");
    const wrongs = [
      "{",
      "null",
      '"x"',
      '{"op":"advertise","channels":[]}',
      '{"op":"x"}',
      new Uint8Array(9),
    ];
    for (const wrong of wrongs) {
      const viewer = await Viewer.open(viewers);
      viewer.socket.send(wrong);
      assert.equal(await viewer.closed, 1008, `${wrong}`);
    }
    const viewer = await Viewer.open(viewers);
    for (const id of [-1, 1.5, 2 ** 32, "1", null, {}]) {
      const subscriptions = [{ id, channelId: 1 }, null];
      viewer.socket.send(JSON.stringify({ op: "subscribe", subscriptions }));
    }
    viewer.socket.send(JSON.stringify({ op: "subscribe", subscriptions: 7 }));
    viewer.socket.send(
      JSON.stringify({ op: "subscribe", subscriptions: [{ id: 1, channelId: 99 }] }),
    );
    await viewer.subscribe("/cam/points");
    await seen(client, viewer, "/cam/points");
    await viewer.close();
    await client.close();
  }));

Deno.test("foxglove: over TLS too, with the server's certificate", async () => {
  const tls = await selfSigned(["localhost", "127.0.0.1"]);
  await showing({ tls }, async ({ url, viewers }) => {
    assert.match(viewers, /^wss:/);
    const client = await tracking(url, "cam");
    const viewer = await Viewer.open(viewers, {}, tls.cert);
    await viewer.subscribe("/cam/image");
    await seen(client, viewer, "/cam/image");
    await viewer.close();
    await client.close();
  });
});

Deno.test("foxglove: its port is read, and told where it is taken", async () => {
  const read = (...args: string[]) => readConfig(args, () => undefined)!.sinks;
  assert.deepEqual(read(), []);
  assert.deepEqual(read("--foxglove", "8765"), [{ sink: "foxglove", port: 8765 }]);
  assert.throws(
    () => read("--foxglove", "x"),
    /Cannot set --foxglove .*: allowed are whole numbers/,
  );
  await showing({}, async ({ viewers }) => {
    const port = Number(new URL(viewers).port);
    await assert.rejects(showing({ port }, () => Promise.resolve()), /Cannot listen on/);
  });
});
