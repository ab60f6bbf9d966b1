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
  opened,
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

for (
  const [what, limit] of [
    ["fewer points", { maxPoints: 1 }],
    ["no such large messages", { maxFrameBytes: 150 }],
  ] as const
) {
  sdkTest(
    `where the next server takes ${what} they are not sent: they begin anew, and no id comes again`,
    async (open) => {
      const less = { limits: { ...LIMITS, ...limit } };
      await withServers([{}, less], async ([first, second]) => {
        const connection = open([first.url, second.url]);
        await track(connection);
        const anew = next(connection, "anew");
        await first.close();
        assert.deepEqual(await anew, { reason: "server" });
        const large = new Uint8Array(connection.hello!.limits.maxFrameBytes);
        large.set(JPEG);
        assert.throws(() => connection.send(large), { code: "rejected" }); // begins nothing
        const tracks = await track(connection);
        assert.ok(tracks.reset);
        assert.equal(ids(tracks)[0], 3);
      });
    },
  );
}

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

/** What a peer is asked, as text; frames are left out. */
function asked(data: unknown): { type: string; [field: string]: unknown } {
  return JSON.parse(String(data));
}

sdkTest("points that are added while the next server waits are there too", async (open) => {
  await withPeer((peer, count) => {
    peer.send(JSON.stringify({ ...hello(), features: ["request", "resume", "going"] }));
    peer.on("message", (data, isBinary) => {
      if (isBinary) return peer.send(tracksOf(0));
      const { type, request, points } = asked(data);
      // the answer is the last thing that the old stream owes, and it is moved on at once
      if (type === "add") {
        peer.send(JSON.stringify({ type: "going", seconds: 9 }));
        setTimeout(() => peer.send(JSON.stringify({ type: "added", ids: [7], request })), 300);
      }
      if (type === "resume") {
        assert.deepEqual([count, (points as { id: number[] }).id], [2, [7]]);
        peer.send(JSON.stringify({ type: "resumed", live: 1, request }));
      }
    });
  }, async (url) => {
    const connection = open(url);
    await track(connection);
    const resumed = next(connection, "resumed");
    assert.deepEqual(await connection.add([[1, 2]]), [7]);
    await resumed;
  });
});

sdkTest("a next server that goes too before it is moved to is passed over", async (open) => {
  await withPeer((peer, count) => {
    peer.send(JSON.stringify({ ...hello(), features: ["request", "resume", "going"] }));
    const going = () => peer.send(JSON.stringify({ type: "going", seconds: 9 }));
    peer.on("message", (data, isBinary) => {
      if (isBinary && count === 1) return void peer.send(tracksOf(0));
      if (isBinary) return peer.send(tracksOf(0));
      const { type, request } = asked(data);
      if (type === "stats") {
        going(); // and answers nothing more until it is left
      } else {
        assert.notEqual(count, 2, "moved to a server that goes");
        peer.send(JSON.stringify({ type: "resumed", live: 0, request }));
      }
    });
    if (count === 2) {
      going();
      peer.on("close", () => first?.terminate());
    }
    if (count === 1) first = peer;
  }, async (url) => {
    const connection = open(url);
    await track(connection);
    const resumed = next(connection, "resumed");
    connection.stats().catch(() => {});
    await resumed;
  });
});
let first: { terminate(): void } | undefined;

sdkTest("after a server that went, the one that is tried last is that one", async (open) => {
  await withServers([{}, {}], async ([first, second]) => {
    const connection = open([first.url, second.url]);
    await track(connection);
    await second.close(); // so the handover fails, and first ends
    const reconnecting = entered(connection, "reconnecting");
    await first.close(50);
    const { error } = await reconnecting;
    assert.match(error.message, /stopping/);
    const tried = opened.length;
    await next(connection, "state", ({ name }) => name === "reconnecting");
    assert.equal(new URL(opened[tried].url).port, new URL(second.url).port);
  });
});

sdkTest("a standing frame that the next server refuses means points begin anew", async (open) => {
  const few = { limits: { ...LIMITS, maxFramePixels: 100 } };
  await withServers([{}, few], async ([first, second]) => {
    const connection = open([first.url, second.url]);
    await track(connection);
    const anew = next(connection, "anew");
    await first.close();
    assert.deepEqual(await anew, { reason: "server" });
    assert.equal(connection.free, 2);
  });
});

sdkTest(
  "frames that are sent twice count once, and the one that points stand on does not",
  async (open) => {
    await withServers([{}, {}], async ([first, second]) => {
      const connection = open([first.url, second.url]);
      const heard = listen(connection);
      for (let i = 0; i < 2; i++) await track(connection);
      const resumed = next(connection, "resumed");
      await first.close();
      await entered(connection, "reconnecting");
      await sendSoon(connection);
      await resumed;
      await track(connection);
      const { sent, answered } = connection.measured();
      assert.deepEqual([sent, answered], [heard.length, heard.length]);
    });
  },
);

sdkTest("of JSON results the stream goes on as well", async (open) => {
  await withServers([{}, {}], async ([first, second]) => {
    const connection = open([first.url, second.url], { results: "json" });
    for (let i = 0; i < 3; i++) await track(connection);
    const resumed = next(connection, "resumed");
    await first.close();
    assert.equal((await resumed).live, 2);
    const tracks = await track(connection);
    assert.deepEqual([ids(tracks), tracks.reset], [[1, 2], false]);
    assert.deepEqual([...tracks.points.age], [3, 3]);
  });
});

sdkTest("Blobs are kept in a gap as other frames are, and numbers may wrap in it", async (open) => {
  await withServers([{}, {}], async ([first, second]) => {
    const connection = open([first.url, second.url]);
    const heard = listen(connection);
    await track(connection);
    const blob = new Blob([JPEG]);
    const answered = next(connection, "tracks");
    connection.send(blob, { seq: 0xffffffff - 1 });
    await answered;
    const resumed = next(connection, "resumed");
    await first.close();
    await entered(connection, "reconnecting");
    const seqs: number[] = [];
    while (seqs.length < 3) {
      const seq = connection.send(blob);
      if (seq === null) await new Promise((later) => setTimeout(later, 5));
      else seqs.push(seq);
    }
    assert.deepEqual(seqs, [0xffffffff, 0, 1]);
    await resumed;
    while (heard.at(-1)!.seq !== 1) await next(connection, "tracks");
    assert.deepEqual(heard.slice(1).map(({ seq }) => seq), [0xffffffff - 1, ...seqs]);
    assert.deepEqual(heard.map(({ points }) => points.age[0]), [0, 1, 2, 3, 4]);
  });
});

sdkTest("a stream that ends again and again while it is resumed goes on at last", async (open) => {
  let ends = 0;
  await withPeer((peer) => {
    peer.send(JSON.stringify({ ...hello(), features: ["request", "resume"] }));
    let frames = 0;
    peer.on("message", (data, isBinary) => {
      if (isBinary) {
        // the second one is cut while points stand, the third while it catches up
        if (ends === 1 || ends === 2 && ++frames === 2) {
          ends++;
          return peer.terminate();
        }
        const seq = new DataView((data as Uint8Array).buffer, (data as Uint8Array).byteOffset)
          .getUint32(4, true);
        return peer.send(tracksOf(seq));
      }
      const { type, request } = asked(data);
      if (type !== "resume") return;
      if (ends === 0) {
        ends++;
        return peer.terminate();
      }
      peer.send(JSON.stringify({ type: "resumed", live: 0, request }));
    });
    if (cut) return;
    cut = () => peer.terminate();
  }, async (url) => {
    cut = undefined;
    const connection = open(url);
    connection.on("anew", ({ reason }) => assert.fail(`it began anew: ${reason}`));
    const heard = listen(connection);
    await track(connection);
    const resumed = next(connection, "resumed");
    const reconnecting = entered(connection, "reconnecting");
    cut!();
    await reconnecting;
    const kept = [await sendSoon(connection), await sendSoon(connection)];
    await resumed;
    while (heard.at(-1)!.seq !== kept[1]) await next(connection, "tracks"); // it may come after it
    assert.equal(ends, 3);
    assert.deepEqual(heard.map(({ seq }) => seq), [0, ...kept]);
  });
});
let cut: (() => void) | undefined;

sdkTest("closed during a handover it leaves nothing open", async (open) => {
  await withServers([{}, {}], async ([first, second]) => {
    const connection = open([first.url, second.url]);
    await track(connection);
    connection.send(JPEG);
    const gone = first.close(3600_000);
    await new Promise<void>((opened) => {
      const look = setInterval(() => {
        if (connection.state.name !== "open" || !connection.hello) return;
        clearInterval(look);
        opened();
      }, 1);
    });
    connection.close();
    await gone; // the first one is left by all, or it would serve on for an hour
  });
});

sdkTest(
  "a sole server that goes is asked again with growing pauses, and found when it is back",
  async (open) => {
    const first = await moving();
    const port = Number(new URL(first.url).port), asked: number[] = [];
    const pauseMs = (attempt: number) => {
      asked.push(attempt);
      return 10;
    };
    const connection = open(first.url, { pauseMs });
    await track(connection);
    const reconnecting = entered(connection, "reconnecting");
    const closed = first.close(300);
    await track(connection); // it serves meanwhile
    await reconnecting;
    assert.deepEqual(asked.slice(0, 3), [1, 2, 3]);
    const resumed = next(connection, "resumed");
    connection.on("anew", () => assert.fail("it began anew"));
    await closed;
    const second = await moving({ port });
    try {
      assert.equal((await resumed).live, 2);
    } finally {
      connection.close();
      await second.close();
    }
  },
);

sdkTest("a stream keeps its name and its epoch at the next servers", async (open) => {
  await withServers([{}, {}, {}], async (servers) => {
    const connection = open(servers.map(({ url }) => url), { stream: "cam-1" });
    const { stream, epoch } = await next(connection, "hello");
    assert.equal(stream, "cam-1");
    await track(connection);
    for (const server of servers.slice(0, 2)) {
      const resumed = next(connection, "resumed");
      await server.close();
      await resumed;
      assert.equal(connection.hello!.stream, "cam-1");
      assert.ok(connection.hello!.epoch! > epoch!, "the next server's own is a later one");
    }
    assert.ok(opened.every(({ url }) => new URL(url).search === "?stream=cam-1"));
    assert.deepEqual(saidOf("resume").map(({ epoch }) => epoch), [epoch, epoch]);
  });
});

sdkTest("a stream whose ids begin anew has the next server's epoch", async (open) => {
  const server = await moving();
  const connection = open(server.url, { stream: "cam", resume: false });
  const { epoch } = await next(connection, "hello");
  await track(connection);
  await server.close();
  const port = Number(new URL(server.url).port);
  const again = await moving({ port });
  try {
    const later = await next(connection, "hello");
    assert.ok(later.epoch! > epoch!);
    assert.deepEqual(saidOf("resume"), []);
  } finally {
    connection.close();
    await again.close();
  }
});

sdkTest("a name that is taken is said, and tried for again", async (open) => {
  await withServers([{}], async ([{ url }]) => {
    const first = open(url, { stream: "cam" });
    await entered(first, "open");
    const second = open(url, { stream: "cam" });
    const { error } = await entered(second, "reconnecting");
    assert.equal(error.code, "busy");
    assert.match(error.message, /holds the stream's name/);
    first.close();
    await entered(second, "open");
    assert.throws(() => open(url, { stream: "a b" }), {
      name: "TypeError",
      message: /^Cannot name a stream "a b": allowed are letters/,
    });
  });
});

/** The messages of this type that the SDK sent. */
function saidOf(type: string): Record<string, unknown>[] {
  return opened.flatMap(({ sent }) => sent)
    .flatMap((message) => typeof message === "string" ? [JSON.parse(message)] : [])
    .filter((message) => message.type === type);
}
