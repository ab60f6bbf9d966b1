/** Publishing to NATS, at a peer that speaks its protocol; test/broker/ has a real one. */
import assert from "node:assert/strict";
import { nkeys } from "@nats-io/transport-node";
import { decodeTracks, defaultOptions } from "../../protocol/mod.ts";
import { readConfig } from "../../server/config.ts";
import type { About } from "../../server/sinks/feed.ts";
import { type NatsConfig, NatsSink } from "../../server/sinks/nats.ts";
import { Client } from "../lib/client.ts";
import { freePort } from "../lib/free_port.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";
import { inTime } from "../lib/in_time.ts";
import { readInput } from "../lib/inputs.ts";
import { NatsPeer, type Published } from "../lib/nats_peer.ts";
import { start } from "../lib/running.ts";
import { type Publishing, publishing as publishTo, track } from "../lib/publishing.ts";
import type { Script } from "../lib/scripted.ts";

const MOVE: Script = { move: (x, y) => [x + 1.5, y] };
const SCRIPT: Script[] = [{ corners: [[10, 10], [30, 40]] }, ...Array(200).fill(MOVE)];

const ABOUT: About = {
  stream: "cam",
  session: "1",
  epoch: 1,
  server: "lkstream/0",
  engine: { name: "wasm", device: "none", reason: "a test" },
  options: defaultOptions(),
  width: 100,
  height: 80,
};

const publishing = (
  servers: string[],
  use: (given: Publishing) => Promise<void>,
  change?: Partial<NatsConfig>,
) => publishTo(servers, SCRIPT, use, change);

/** The sum of all series whose names begin so. */
async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.startsWith(name));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

/** Asks for metrics until they are so: the worker tells them by and by. */
async function untilMetric(url: string, name: string, is: (n: number) => boolean): Promise<void> {
  while (!is(await metric(url, name)));
}

const of = (peer: NatsPeer, subject: string) =>
  peer.published.filter((one) => one.subject === subject);
const json = ({ data }: Published) => JSON.parse(new TextDecoder().decode(data));

Deno.test("publish: tracks come as the client gets them, under the stream's name, with session and epoch", async () => {
  const peer = await NatsPeer.start();
  await publishing([peer.url], async ({ url, logged }) => {
    await logged("sink_connected");
    const nameless = await Client.connect(url);
    await track(nameless);
    const client = await Client.connect(url, { query: "?stream=cam-1" });
    const { session, epoch } = (await client.nextOf("hello"))!;
    for (let i = 0; i < 3; i++) {
      client.send(JPEG);
      const { tracks } = (await client.nextOf("tracks"))!;
      const found = () => of(peer, "lk.v1.cam-1.tracks")[i];
      const { data, headers } = await peer.until(found);
      assert.deepEqual(decodeTracks(data), tracks);
      assert.deepEqual(headers, {
        "lk-form": "lkstream.v1.bin",
        "lk-session": session,
        "lk-epoch": `${epoch}`,
      });
    }
    assert.ok(peer.published.every(({ subject }) => subject.startsWith("lk.v1.cam-1.")));
    await untilMetric(url, 'lkstream_sink_delivered_total{sink="nats"}', (n) => n === 3);
    assert.equal(await metric(url, 'lkstream_sink_connected{sink="nats"}'), 1);
    await client.close();
    await nameless.close();
  });
  assert.equal(peer.connects.length, 1);
  await peer.close();
});

Deno.test("publish: info comes before the first tracks, and when size, engine or options change", async () => {
  const peer = await NatsPeer.start();
  await publishing([peer.url], async ({ url, logged }) => {
    await logged("sink_connected");
    const client = await Client.connect(url, { query: "?stream=cam" });
    const infos = () => of(peer, "lk.v1.cam.info").map(json);
    client.say({ type: "configure", detect: { maxCorners: 7 } });
    await track(client);
    await peer.until(() => of(peer, "lk.v1.cam.tracks")[0]);
    assert.equal(peer.published[0].subject, "lk.v1.cam.info");
    const [{ type, stream, width, height, options, engine, server }] = infos();
    assert.deepEqual([type, stream, width, height], ["info", "cam", 100, 80]);
    assert.deepEqual([options.detect.maxCorners, engine.name], [7, "wasm"]);
    assert.match(server, /^lkstream\//);
    client.say({ type: "configure", detect: { maxCorners: 9 } });
    await peer.until(() => infos()[1]);
    assert.equal(infos()[1].options.detect.maxCorners, 9);
    await track(client);
    await peer.until(() => of(peer, "lk.v1.cam.tracks")[1]);
    assert.equal(infos().length, 2);
    await client.close();
  });
  await peer.close();
});

Deno.test("publish: a stream that goes on keeps its epoch, one that begins anew has a later one", async () => {
  const peer = await NatsPeer.start();
  await publishing([peer.url], async ({ url, logged }) => {
    await logged("sink_connected");
    const epochs: number[] = [];
    const resume = { type: "resume", nextId: 9, points: { id: [4], x: [5], y: [6], age: [7] } };
    for (const message of [null, resume, { ...resume, epoch: 12345 }]) {
      const client = await Client.connect(url, { query: `?stream=s${epochs.length}` });
      if (message) client.say(message);
      if (message) await client.nextOf("resumed");
      await track(client);
      const subject = `lk.v1.s${epochs.length}.tracks`;
      const { headers } = await peer.until(() => of(peer, subject)[0]);
      epochs.push(Number(headers["lk-epoch"]));
      await client.close();
    }
    assert.ok(epochs[0] < epochs[1], "a client that does not say the epoch gets a new one");
    assert.equal(epochs[2], 12345);
    const client = await Client.connect(url);
    client.say({ ...resume, epoch: -1 });
    assert.match((await client.nextOf("error"))!.message, /Cannot take -1 as epoch of resume/);
    await client.close();
  });
  await peer.close();
});

Deno.test("publish: a broker that refuses and resets is tried again, and gets tracks once it takes them", async () => {
  const peer = await NatsPeer.start();
  peer.refuseNext(3);
  await publishing([peer.url], async ({ url, logged }) => {
    await inTime(logged("sink_connected"));
    const client = await Client.connect(url, { query: "?stream=cam" });
    await track(client);
    await inTime(peer.until(() => of(peer, "lk.v1.cam.tracks")[0]));
    await client.close();
  });
  assert.equal(peer.connects.length, 4);
  await peer.close();
});

Deno.test("publish: a broker that takes no message as large as info gets tracks over one connection", async () => {
  const port = freePort();
  await publishing([`nats://127.0.0.1:${port}`], async ({ url, log, logged }) => {
    await logged("sink_unreachable");
    const client = await Client.connect(url, { query: "?stream=cam" });
    await track(client); // so info is to be said as soon as the broker is there
    const peer = await NatsPeer.start({ max_payload: 300 }, port);
    await inTime(logged("sink_connected"));
    for (let i = 0; i < 3; i++) {
      await track(client);
      await inTime(peer.until(() => of(peer, "lk.v1.cam.tracks")[i]));
    }
    assert.deepEqual(of(peer, "lk.v1.cam.info"), []);
    const events = log.map((line) => line.split(" ")[0]);
    assert.deepEqual(events.slice(events.indexOf("sink_connected")), ["sink_connected"]);
    assert.equal(peer.connects.length, 1);
    await client.close();
    await peer.close();
  });
});

Deno.test("publish: info and tracks that come as the connection ends are lost, and do no harm", async () => {
  const peer = await NatsPeer.start();
  const connected = Promise.withResolvers<void>();
  const sink = new NatsSink({ servers: [peer.url], credentials: null, ca: null }, {
    log() {},
    connected: (count) => count === 1 && connected.resolve(),
    wanted() {},
  });
  await inTime(connected.promise);
  const closed = sink.close();
  sink.about(ABOUT);
  assert.equal(await sink.deliver([{ about: ABOUT, tracks: new Uint8Array(1), time: 0 }]), 0);
  await closed;
  assert.deepEqual(peer.published, []);
  await peer.close();
});

Deno.test("publish: a broker that takes nothing holds no session up, and gets the newest once it takes again", async () => {
  const peer = await NatsPeer.start();
  await publishing([peer.url], async ({ url, logged }) => {
    await logged("sink_connected");
    const client = await Client.connect(url, { query: "?stream=cam" });
    await track(client);
    await peer.until(() => of(peer, "lk.v1.cam.tracks")[0]);
    peer.stop();
    for (let i = 0; i < 50; i++) await track(client); // each is answered
    peer.resume();
    const last = 50;
    await peer.until(() =>
      of(peer, "lk.v1.cam.tracks").some(({ data }) => decodeTracks(data).seq === last)
    );
    await client.close();
  });
  await peer.close();
});

Deno.test("publish: a broker that dies and comes back gets what is new then; what it missed is counted", async () => {
  const first = await NatsPeer.start();
  const { port } = first;
  await publishing([first.url], async ({ url, log, logged }) => {
    await logged("sink_connected");
    const client = await Client.connect(url, { query: "?stream=cam" });
    await track(client);
    await first.until(() => of(first, "lk.v1.cam.tracks")[0]);
    await first.close();
    await logged("sink_unreachable");
    for (let i = 0; i < 5; i++) await track(client);
    // a newer one may come before the sink has said that it lost the one before
    await untilMetric(url, "lkstream_sink_dropped_total{", (n) => n >= 5);
    assert.equal(await metric(url, 'lkstream_sink_connected{sink="nats"}'), 0);
    const second = await NatsPeer.start({}, port);
    await second.until(() => of(second, "lk.v1.cam.info")[0]); // readers are new too
    await untilMetric(url, 'lkstream_sink_connected{sink="nats"}', (n) => n === 1);
    const seq = await track(client);
    const { data } = await second.until(() => of(second, "lk.v1.cam.tracks")[0]);
    assert.equal(decodeTracks(data).seq, seq);
    assert.equal(log.filter((line) => line.startsWith("sink_connected")).length, 2);
    await client.close();
    await second.close();
  });
});

Deno.test("publish: the next server of the list is taken where the first is not there", async () => {
  const peer = await NatsPeer.start();
  await publishing(["nats://127.0.0.1:9", peer.url], async ({ url, logged }) => {
    await logged("sink_connected");
    const client = await Client.connect(url, { query: "?stream=cam" });
    await track(client);
    await peer.until(() => of(peer, "lk.v1.cam.tracks")[0]);
    await client.close();
  });
  await peer.close();
});

Deno.test("publish: an nkey signs the server's nonce, read from its file at each connection", async () => {
  const peer = await NatsPeer.start({ auth_required: true, nonce: "a nonce" });
  const file = await Deno.makeTempFile();
  try {
    const user = nkeys.createUser();
    await Deno.writeTextFile(file, `${new TextDecoder().decode(user.getSeed())}\n`);
    await publishing([peer.url], async ({ logged }) => {
      await logged("sink_connected");
      const [{ nkey, sig }] = peer.connects as { nkey: string; sig: string }[];
      assert.equal(nkey, user.getPublicKey());
      const signature = Uint8Array.from(
        atob(sig.replaceAll("-", "+").replaceAll("_", "/")),
        (c) => c.charCodeAt(0),
      );
      assert.ok(user.verify(new TextEncoder().encode("a nonce"), signature));
    }, { credentials: file });
  } finally {
    await peer.close();
    await Deno.remove(file);
  }
});

Deno.test("publish: a server started by its flags publishes from all of its event loops", async () => {
  const peer = await NatsPeer.start();
  const server = await start({ args: ["--publish", peer.url, "--threads", "2"] });
  try {
    await peer.until(() => peer.connects[0]);
    const jpeg = await readInput("base-a.jpg");
    const clients: Client[] = [];
    for (let i = 0; i < 6; i++) {
      const client = await Client.connect(server.url, { query: `?stream=s${i}` });
      while (!of(peer, `lk.v1.s${i}.tracks`)[0]) { // the first ones come before the broker is known
        client.send(jpeg);
        await client.nextOf("tracks");
      }
      clients.push(client);
    }
    for (const client of clients) await client.close();
    assert.equal(peer.connects.length, 1, "one connection for all loops");
  } finally {
    assert.equal(await server.stop(), 0);
    await peer.close();
  }
});

Deno.test("publish: flags are read, and what cannot be is refused without its password", () => {
  const read = (...args: string[]) => readConfig(args, () => undefined)!.sinks;
  assert.deepEqual(read(), []);
  assert.deepEqual(
    read("--publish", "nats://a:4222", "--publish", "tls://b", "--publish-ca", "c"),
    [{ sink: "nats", servers: ["nats://a:4222", "tls://b"], credentials: null, ca: "c" }],
  );
  for (const wrong of ["a:4222", "http://a", "nats://", "nats://u:secret@a", "nats://a/b"]) {
    assert.throws(() => read("--publish", wrong), (error: Error) => {
      assert.match(error.message, /^Cannot set --publish .* to ".*": allowed are servers such as/);
      return !error.message.includes("secret");
    });
  }
  assert.throws(() => read("--publish-ca", "c"), /--publish \(LKSTREAM_PUBLISH\) to ""/);
});
