/** Who is let in: tokens, origins, host names. */
import assert from "node:assert/strict";
import { Client, refused } from "../lib/client.ts";
import { withServer } from "../lib/serving.ts";

Deno.test("server: with a token, only who presents it gets in, in any of three ways", () =>
  withServer({ token: "s3cret" }, async (url, _engine, log) => {
    for (
      const way of [
        { headers: { Authorization: "Bearer s3cret" } },
        { protocols: ["bearer.s3cret", "lkstream.v1.bin"] },
        { query: "?token=s3cret" },
      ]
    ) {
      const client = await Client.connect(url, way);
      assert.equal(client.socket.protocol, "lkstream.v1.bin");
      await client.close();
    }
    for (
      const way of [
        {},
        { headers: { Authorization: "Bearer wrong" } },
        { protocols: ["bearer.s3cre", "lkstream.v1.bin"] },
        { query: "?token=" },
      ]
    ) {
      const { status, body } = await refused(Client.connect(url, way));
      assert.equal(status, 401);
      assert.equal(JSON.parse(body).error.code, "unauthorized");
    }
    assert.ok(!log.join("\n").includes("s3cret"));
  }));

/** Connects as a page of each of these origins. */
async function letIn(url: string, origins: string[]): Promise<void> {
  for (const origin of origins) {
    await (await Client.connect(url, { headers: { Origin: origin } })).close();
  }
}

Deno.test("server: pages of other origins are refused unless they are named", () =>
  withServer({ allowOrigins: ["https://robots.example"] }, async (url) => {
    const { port } = new URL(url);
    await letIn(url, [url, `http://localhost:${port}`, "https://robots.example"]);
    for (
      const origin of [
        "https://evil.example",
        "null",
        "https://robots.example.evil",
        "http://localhost:1",
        "",
      ]
    ) {
      const { status, body } = await refused(Client.connect(url, { headers: { Origin: origin } }));
      assert.equal(status, 403, origin);
      assert.equal(JSON.parse(body).error.code, "origin_not_allowed");
    }
  }));

Deno.test("server: pages of files, apps and extensions are let in where they are named", async () => {
  const origins = ["null", "file://", "capacitor://localhost", "chrome-extension://abcdef"];
  await withServer({ allowOrigins: origins }, async (url) => {
    await letIn(url, origins);
    const other = { headers: { Origin: "chrome-extension://other" } };
    assert.equal((await refused(Client.connect(url, other))).status, 403);
  });
  await withServer({}, async (url) => {
    for (const origin of [...origins, "capacitor://127.0.0.1", `tauri://${new URL(url).host}`]) {
      const { status, body } = await refused(Client.connect(url, { headers: { Origin: origin } }));
      assert.equal(status, 403, origin);
      const { message } = JSON.parse(body).error;
      assert.ok(message.startsWith(`Cannot connect from ${origin}: `), message);
      assert.ok(message.endsWith(` --allow-origin ${origin}`), message);
    }
    const long = await refused(Client.connect(url, { headers: { Origin: "x".repeat(9000) } }));
    assert.ok(long.body.length < 500);
  });
});

Deno.test("server: a wildcard lets in every name below it, of its scheme, and no other", () =>
  withServer({ allowOrigins: ["https://*.robots.example"] }, async (url) => {
    await letIn(url, ["https://a.robots.example", "https://b.a.robots.example"]);
    for (
      const origin of [
        "https://robots.example",
        "http://a.robots.example",
        "https://a.robots.example:81",
        "https://evilrobots.example",
        "https://a.robots.example.evil",
      ]
    ) {
      const { status } = await refused(Client.connect(url, { headers: { Origin: origin } }));
      assert.equal(status, 403, origin);
    }
  }));

Deno.test("server: who may not come in is logged, without the token, in a few lines a second", () =>
  withServer({ token: "s3cret" }, async (url, _, log) => {
    const native = performance.now, knocked = native.call(performance);
    performance.now = () => knocked; // no time passes in which there is another line
    try {
      await refused(Client.connect(url, { headers: { Origin: "https://evil.example" } }));
      for (let i = 0; i < 20; i++) await refused(Client.connect(url, { query: "?token=wr0ng" }));
      assert.equal(log.length, 3);
      for (const ms of [350, 700]) {
        performance.now = () => knocked + ms;
        await refused(Client.connect(`${url}/v2`, { query: "?token=wr0ng" })); // is a matter of form
        await refused(Client.connect(url, { query: "?token=wr0ng" }));
      }
    } finally {
      performance.now = native;
    }

    const lines = log.map((line) => JSON.parse(line.replace("refused ", "")));
    assert.deepEqual(lines[0], {
      from: "127.0.0.1",
      code: "origin_not_allowed",
      error: "Cannot connect from https://evil.example: allowed are the server's own origin and " +
        "those of --allow-origin; to let it in, start the server with --allow-origin " +
        "https://evil.example",
      unlogged: 0,
    });
    const later = lines.slice(1).map(({ code, unlogged }) => [code, unlogged]);
    assert.deepEqual(later, [0, 0, 18, 0].map((unlogged) => ["unauthorized", unlogged]));
    assert.doesNotMatch(log.join(), /wr0ng|s3cret/);
  }));

Deno.test("server: serving this machine alone, without a token, foreign host names are refused", async () => {
  const rebound = { headers: { Host: "evil.example:80", Origin: "http://evil.example:80" } };
  await withServer({}, async (url) => {
    const { status, body } = await refused(Client.connect(url, rebound));
    assert.equal(status, 403);
    assert.equal(JSON.parse(body).error.code, "host_not_allowed");
    for (const Host of ["localhost:1234", "127.0.0.1", "[::1]:8000", "192.168.1.7:8000"]) {
      await (await Client.connect(url, { headers: { Host } })).close();
    }
  });
  const proxied = { headers: { Host: "a.example", Origin: "https://a.example" } };
  await withServer({ allowOrigins: ["https://a.example"] }, async (url) => {
    await (await Client.connect(url, proxied)).close(); // a proxy passes its name on
    assert.equal((await refused(Client.connect(url, rebound))).status, 403);
  });
  await withServer({ token: "t" }, async (url) => {
    await (await Client.connect(url, { ...rebound, query: "?token=t" })).close();
  });
});
