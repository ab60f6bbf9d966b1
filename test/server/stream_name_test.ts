import assert from "node:assert/strict";
import { Client, refused } from "../lib/client.ts";
import { inTime } from "../lib/in_time.ts";
import { start } from "../lib/running.ts";
import { withServer } from "../lib/serving.ts";

/** The server asks nobody by itself. */
const HOUR_MS = 3_600_000;

const named = (url: string, name: string, query = "") =>
  Client.connect(url, { query: `?stream=${name}${query}` });

/** Tries until it is let in. */
async function nextNamed(url: string, name: string): Promise<Client> {
  for (;;) {
    try {
      return await named(url, name);
    } catch (error) {
      assert.match(`${error}`, /stream_in_use/);
      await new Promise((pause) => setTimeout(pause, 20));
    }
  }
}

Deno.test("stream name: hello repeats it, with an epoch that grows from session to session", () =>
  withServer({}, async (url) => {
    const hellos = [];
    for (let i = 0; i < 2; i++) {
      const client = await nextNamed(url, "cam-1_A");
      hellos.push((await client.nextOf("hello"))!);
      await client.close();
    }
    assert.deepEqual(hellos.map(({ stream }) => stream), ["cam-1_A", "cam-1_A"]);
    assert.ok(hellos[0].epoch! < hellos[1].epoch!, `${hellos.map(({ epoch }) => epoch)}`);
    assert.ok(hellos[0].features?.includes("stream"));
    const nameless = await Client.connect(url);
    const { stream, epoch } = (await nameless.nextOf("hello"))!;
    assert.deepEqual([stream, epoch], [undefined, undefined]);
    await nameless.close();
  }));

Deno.test("stream name: one that another session holds is refused with 409, and is free after it", () =>
  withServer({}, async (url) => {
    const info = async () => (await (await fetch(`${url}/v1/info?stream=cam`)).json()).stream;
    assert.equal(await info(), "free");
    const holder = await named(url, "cam");
    assert.equal(await info(), "taken");
    const { status, headers, body } = await refused(named(url, "cam"));
    assert.deepEqual([status, headers["retry-after"]], [409, "1"]);
    assert.match(body, /"stream_in_use","message":"Cannot open the stream cam: another session/);
    await (await named(url, "cam2")).close();
    await holder.close();
    await (await nextNamed(url, "cam")).close();
    assert.equal((await (await fetch(`${url}/v1/info`)).json()).stream, undefined);
  }));

Deno.test("stream name: what may be no name is refused, and leaves no session counted", () =>
  withServer({}, async (url) => {
    for (const name of ["", "a.b", "a%20b", "caf%C3%A9", "x".repeat(65), "*", "a%0Ab"]) {
      const { status, body } = await refused(named(url, name));
      assert.equal(status, 400, name);
      assert.match(body, /bad_stream.*allowed are letters, digits, - and _, at most 64/);
    }
    await (await named(url, "x".repeat(64))).close();
    const holder = await named(url, "cam");
    for (let i = 0; i < 20; i++) await refused(named(url, "cam"));
    assert.equal((await (await fetch(`${url}/v1/info`)).json()).sessions.open, 1);
    await holder.close();
  }));

Deno.test("stream name: whoever answers no more loses it to who asks for it", () =>
  withServer({ pingMs: HOUR_MS, hurry: 20 }, async (url) => {
    const fromDead = async (name: string) => {
      const dead = await Client.connect(url, { query: `?stream=${name}`, autoPong: false });
      const next = await inTime(nextNamed(url, name));
      assert.equal((await dead.closed).code, 1006);
      return next;
    };
    const next = await fromDead("cam");
    await assert.rejects(named(url, "cam"), /stream_in_use/);
    await (await fromDead("cam-2")).close(); // so long later, who answers still has it
    await assert.rejects(named(url, "cam"), /stream_in_use/);
    assert.ok(next.isOpen);
    await next.close();
  }));

Deno.test("stream name: a token that is bound to names opens those", () => {
  const streamTokens = [
    { token: "left", streams: ["cam-1", "cam-2"] },
    { token: "right", streams: ["cam-3"] },
  ];
  return withServer({ token: "any", streamTokens }, async (url) => {
    for (const [name, token] of [["cam-1", "left"], ["cam-2", "left"], ["cam-3", "right"]]) {
      const client = await named(url, name, `&token=${token}`);
      assert.equal((await client.nextOf("hello"))!.stream, name);
      await client.close();
    }
  });
});

Deno.test("stream name: a bound token is refused any other stream", () =>
  withServer(
    { token: "any", streamTokens: [{ token: "left", streams: ["cam-1"] }] },
    async (url) => {
      await (await named(url, "cam-9", "&token=any")).close();
      await (await Client.connect(url, { query: "?token=any" })).close();
      const other = await refused(named(url, "cam-9", "&token=left"));
      assert.equal(other.status, 403);
      assert.match(other.body, /stream_not_allowed.*Cannot open the stream cam-9: .* cam-1/);
      const nameless = await refused(Client.connect(url, { query: "?token=left" }));
      assert.equal(nameless.status, 403);
      assert.equal((await refused(named(url, "cam-1", "&token=wrong"))).status, 401);
      const metrics = await fetch(`${url}/metrics`, { headers: { Authorization: "Bearer left" } });
      assert.equal(metrics.status, 401);
      await metrics.body?.cancel();
    },
  ));

Deno.test("stream name: it is unique among all event loops of a server", async () => {
  const server = await start({ args: ["--threads", "3"] });
  try {
    const holder = await named(server.url, "cam");
    // connections are spread: each loop is asked
    for (let i = 0; i < 12; i++) {
      assert.equal((await refused(named(server.url, "cam"))).status, 409);
    }
    await holder.close();
    await (await nextNamed(server.url, "cam")).close();
  } finally {
    assert.equal(await server.stop(), 0);
  }
});
