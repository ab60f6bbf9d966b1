import assert from "node:assert/strict";
import type { Connection } from "../../client/sdk/connection/connection.ts";
import type { Resumed } from "../../client/sdk/connection/resuming.ts";
import type { Tracks } from "../../protocol/mod.ts";
import type { RunningServer, ServeOptions } from "../../server/http/server.ts";
import { freePort } from "../lib/free_port.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";
import { type Script, ScriptedEngine } from "../lib/scripted.ts";
import {
  entered,
  hello,
  LIMITS,
  MASK,
  next,
  sdkTest,
  startServer,
  track,
  tracksOf,
  withPeer,
} from "../lib/sdk.ts";

/** Each frame moves every point by one pixel; the first one has two corners. */
const MOVES: Script[] = [
  { corners: [[10, 10], [30, 40]] },
  ...Array.from({ length: 200 }, (): Script => ({ move: (x, y) => [x + 0.25, y] })),
];

function moving(change: Partial<ServeOptions> = {}): Promise<RunningServer> {
  return startServer({ engine: new ScriptedEngine(() => [...MOVES]), ...change });
}

/** Runs `use` with servers that are closed after it. */
async function withServers(
  changes: Partial<ServeOptions>[],
  use: (servers: RunningServer[]) => Promise<void>,
): Promise<void> {
  const servers = await Promise.all(changes.map(moving));
  try {
    await use(servers);
  } finally {
    await Promise.all(servers.map((server) => server.close()));
  }
}

/** Sends a frame as soon as one is taken, whether there is a server or not. */
async function sendSoon(connection: Connection): Promise<number> {
  for (;;) {
    const seq = connection.send(JPEG);
    if (seq !== null) return seq;
    await new Promise((later) => setTimeout(later, 5));
  }
}

function ids({ points }: Tracks): number[] {
  return [...points.id];
}

/** The tracks that are heard, in order. */
function listen(connection: Connection): Tracks[] {
  const heard: Tracks[] = [];
  connection.on("tracks", (tracks) => heard.push(tracks));
  return heard;
}

sdkTest(
  "where a server dies, points live on at the next address, and no frame is lost",
  async (open) => {
    await withServers([{}, {}], async ([first, second]) => {
      const connection = open([first.url, second.url], {
        options: { detect: { enabled: true, refill: 0 } },
      });
      const heard = listen(connection);
      for (let i = 0; i < 3; i++) await track(connection);
      const resumed = next(connection, "resumed");
      await first.close();
      await entered(connection, "reconnecting");
      const kept = [await sendSoon(connection), await sendSoon(connection)];
      const { live, replayed, gapMs }: Resumed = await resumed;
      assert.equal(live, 2);
      assert.ok(replayed >= 1 && gapMs > 0);
      const seq = await sendSoon(connection);
      const last = await next(connection, "tracks", (tracks) => tracks.seq === seq);
      assert.deepEqual(ids(last), [1, 2]);
      assert.ok(heard.every(({ reset }, i) => reset === (i === 0)));
      assert.deepEqual(heard.map(({ seq }) => seq), [0, 1, 2, ...kept, last.seq]);
      const steps = heard.length - 1;
      assert.deepEqual([...last.points.xy], [10 + steps / 4, 10, 30 + steps / 4, 40]);
      assert.deepEqual([...last.points.age], [steps, steps]);
    });
  },
);

sdkTest("a server that goes is left once the next is there, and nothing is lost", async (open) => {
  await withServers([{}, {}], async ([first, second]) => {
    const connection = open([first.url, second.url]);
    const heard = listen(connection), states: string[] = [];
    connection.on("state", ({ name }) => states.push(name));
    for (let i = 0; i < 3; i++) await track(connection);
    connection.send(JPEG);
    const resumed = next(connection, "resumed");
    const gone = first.close(3600_000);
    assert.deepEqual((await resumed).live, 2);
    await gone;
    const last = await track(connection);
    assert.deepEqual(ids(last), [1, 2]);
    assert.ok(heard.every(({ reset }, i) => reset === (i === 0)));
    assert.deepEqual(heard.map(({ seq }) => seq), heard.map((_, i) => i));
    assert.ok(!states.includes("reconnecting"), `${states}`);
  });
});

sdkTest(
  "points that were added live on, and those that were removed do not come again",
  async (open) => {
    await withServers([{}, {}], async ([first, second]) => {
      const connection = open([first.url, second.url]);
      await track(connection);
      assert.deepEqual(await connection.add([[50.25, 60]]), [3]);
      await connection.remove([1]);
      const resumed = next(connection, "resumed");
      await first.close();
      await resumed;
      const tracks = await track(connection);
      assert.deepEqual(ids(tracks), [2, 3]);
      assert.deepEqual([...tracks.points.xy], [30.25, 40, 50.5, 60]);
      assert.deepEqual(await connection.add([[5, 5]]), [4]);
    });
  },
);

sdkTest(
  "regions are in force before points are resumed; those outside of them end",
  async (open) => {
    await withServers([{}, {}], async ([first, second]) => {
      const connection = open([first.url, second.url]);
      await track(connection);
      await connection.add([[70, 20]]);
      const resumed = next(connection, "resumed");
      await first.close();
      await entered(connection, "reconnecting");
      connection.mask(MASK);
      await resumed;
      const tracks = await track(connection);
      assert.deepEqual(ids(tracks), [1, 2]);
      assert.deepEqual([...tracks.lost.id], [3]);
    });
  },
);

sdkTest(
  "where the next server takes fewer points, they begin anew, and no id comes again",
  async (open) => {
    const few = { limits: { ...LIMITS, maxPoints: 1 } };
    await withServers([{}, few], async ([first, second]) => {
      const connection = open([first.url, second.url]);
      await track(connection);
      const anew = next(connection, "anew");
      await first.close();
      assert.deepEqual(await anew, { reason: "server" });
      const tracks = await track(connection);
      assert.ok(tracks.reset);
      assert.deepEqual(ids(tracks), [3]);
    });
  },
);

sdkTest("with resume off every stream begins anew", async (open) => {
  await withServers([{}, {}], async ([first, second]) => {
    const connection = open([first.url, second.url], { resume: false });
    await track(connection);
    connection.on("resumed", () => assert.fail("it was resumed"));
    const reconnecting = entered(connection, "reconnecting");
    await first.close();
    await reconnecting;
    assert.equal(connection.free, 0);
    const tracks = await track(connection);
    assert.ok(tracks.reset);
    assert.deepEqual(ids(tracks), [1, 2]);
  });
});

sdkTest("a server without the feature begins anew, and it is said", async (open) => {
  await withPeer((peer, count) => {
    peer.send(JSON.stringify(hello()));
    let frames = 0;
    peer.on("message", (_, isBinary) => {
      assert.ok(isBinary, "a server without the feature was asked to resume");
      peer.send(tracksOf(frames++ + (count - 1)));
      if (count === 1) peer.terminate();
    });
  }, async (url) => {
    const connection = open(url);
    const anew = next(connection, "anew");
    await track(connection);
    assert.deepEqual(await anew, { reason: "server" });
    await track(connection);
  });
});

sdkTest("of several addresses the one that failed last is tried last", async (open) => {
  await withServers([{}, {}], async ([first, second]) => {
    const gone = `http://127.0.0.1:${freePort()}`;
    const connection = open([gone, first.url, second.url]);
    await track(connection);
    const resumed = next(connection, "resumed");
    await first.close();
    await resumed;
    const { open: count } = (await (await fetch(`${second.url}/v1/info`)).json()).sessions;
    assert.equal(count, 1);
  });
});
