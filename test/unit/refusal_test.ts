import assert from "node:assert/strict";
import { explainRefusal } from "../../client/sdk/connection/refusal.ts";

const INFO = { sessions: { open: 0, max: 9 }, token: "none" };

/** What is said of a refusal where only these addresses answer. */
async function explained(
  streamUrl: string,
  answers: Record<string, unknown>,
  place?: { origin?: string; protocol?: string },
  hasToken = false,
) {
  const native = globalThis.fetch;
  globalThis.fetch = (url) =>
    `${url}` in answers
      ? Promise.resolve(Response.json(answers[`${url}`]))
      : Promise.reject(new TypeError("nobody is there"));
  try {
    const { error, isFinal } = await explainRefusal(
      streamUrl,
      hasToken,
      new AbortController(),
      place,
    );
    return { code: error.code, message: error.message, isFinal };
  } finally {
    globalThis.fetch = native;
  }
}

Deno.test("refusal: http for https and the reverse are named, once and for all", async () => {
  assert.deepEqual(
    await explained("ws://robot:8000/v1/stream", { "https://robot:8000/v1/info": INFO }),
    {
      code: "unreachable",
      message: "Cannot reach the server at robot:8000 by http: it speaks https; " +
        "connect to https://robot:8000",
      isFinal: "yes",
    },
  );
  assert.deepEqual(
    await explained("wss://robot/v1/stream", { "http://robot/v1/info": INFO }),
    {
      code: "unreachable",
      message: "Cannot reach the server at robot by https: it speaks http; " +
        "connect to http://robot",
      isFinal: "yes",
    },
  );
});

Deno.test("refusal: a page that came by https is told that it may not use http", async () => {
  const place = { origin: "https://page.example", protocol: "https:" };
  const { message, isFinal } = await explained("ws://robot:8000/v1/stream", {}, place);
  assert.match(
    message,
    /^Cannot reach the server at robot:8000 by http: a page that came by https/,
  );
  assert.match(message, /connect to https:\/\/robot:8000, for which/);
  assert.equal(isFinal, "yes");
  for (const host of ["localhost:8000", "127.0.0.1:8000", "[::1]:8000"]) {
    const { message, isFinal } = await explained(`ws://${host}/v1/stream`, {}, place);
    assert.deepEqual([message, isFinal], [`Cannot reach the server at ${host}`, "no"]);
  }
});

Deno.test("refusal: nobody there, or another server, is not there yet", async () => {
  const nobody = await explained("ws://robot:8000/v1/stream", {});
  assert.deepEqual(nobody, {
    code: "unreachable",
    message: "Cannot reach the server at robot:8000",
    isFinal: "no",
  });
  const other = await explained("ws://robot:8000/v1/stream", {
    "http://robot:8000/v1/info": { hello: "world" },
    "https://robot:8000/v1/info": "hello",
  });
  assert.deepEqual(other, nobody);
});

Deno.test("refusal: an origin that is not let in is named with the flag that would", async () => {
  const url = "ws://robot:8000/v1/stream", answers = { "http://robot:8000/v1/info": INFO };
  for (
    const origin of ["null", "capacitor://localhost", "chrome-extension://abc", "https://a.example"]
  ) {
    assert.deepEqual(await explained(url, answers, { origin }), {
      code: "forbidden",
      message: `Cannot connect from ${origin}: the server must be started with ` +
        `--allow-origin ${origin}`,
      isFinal: "probably",
    });
  }
  const withToken = { "http://robot:8000/v1/info": { ...INFO, token: "required" } };
  const { message } = await explained(url, withToken, { origin: "null" }, true);
  assert.match(message, /--allow-origin null; if it is, the token is another one$/);
  const own = await explained(url, answers, { origin: "http://robot:8000" });
  assert.equal(own.code, "unreachable");
});
