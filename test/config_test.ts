import assert from "node:assert/strict";
import { ConfigError, helpText, readConfig } from "../server/config.ts";

function read(args: string[], env: Record<string, string> = {}) {
  return readConfig(args, (name) => env[name]);
}

Deno.test("config: defaults", () => {
  assert.deepEqual(read([]), {
    host: "127.0.0.1",
    port: 8000,
    engine: "auto",
    library: null,
    token: null,
    allowOrigins: [],
    maxSessions: 64,
    maxFrameBytes: 8 << 20,
    maxFramePixels: 3840 * 2160,
  });
});

Deno.test("config: a flag wins over its variable, a variable over the default", () => {
  const env = {
    LKSTREAM_PORT: "1",
    LKSTREAM_TOKEN: "t",
    LKSTREAM_ALLOW_ORIGIN: "https://a.org, http://b.org:81",
  };
  const config = read(["--port", "2"], env)!;
  assert.equal(config.port, 2);
  assert.equal(config.token, "t");
  assert.deepEqual(config.allowOrigins, ["https://a.org", "http://b.org:81"]);
  const flags = ["--allow-origin", "https://c.org", "--allow-origin", "https://d.org/"];
  assert.deepEqual(read(flags, env)!.allowOrigins, ["https://c.org", "https://d.org"]);
});

Deno.test("config: what is wrong is named with its value and what is allowed", () => {
  for (
    const [args, named] of [
      [["--port", "65536"], /--port.*LKSTREAM_PORT.*65536.*0 to 65535/],
      [["--port", "8e3"], /8e3/],
      [["--port", ""], /whole numbers/],
      [["--engine", "magic"], /magic.*auto, cuda, cpu, wasm/],
      [["--allow-origin", "example.org"], /example\.org.*https:/],
      [["--allow-origin", "https://example.org/path"], /path/],
      [["--max-sessions", "0"], /1 to/],
      [["--token", ""], /--token/],
      [["--token", "a/b="], /--token/],
      [["--fast"], /--fast/],
      [["here"], /here/],
    ] as [string[], RegExp][]
  ) {
    assert.throws(
      () => read(args),
      (error) => error instanceof ConfigError && named.test(error.message),
    );
  }
});

Deno.test("config: help names every flag", () => {
  assert.equal(read(["--help"]), null);
  for (const flag of ["host", "port", "engine", "token", "allow-origin", "max-sessions"]) {
    assert.match(helpText(), new RegExp(`--${flag} `));
  }
});
