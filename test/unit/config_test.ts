import assert from "node:assert/strict";
import { checkVariables, ConfigError, filesOf, helpText, readConfig } from "../../server/config.ts";
import { DEFAULT_LIMITS, type ServerLimits } from "../../server/limits.ts";

function read(args: string[], env: Record<string, string> = {}) {
  return readConfig(args, (name) => env[name]);
}

Deno.test("config: defaults", () => {
  assert.deepEqual(read([]), {
    host: "127.0.0.1",
    port: 8000,
    tls: "off",
    engine: "auto",
    library: null,
    deadlineMs: 10_000,
    threads: 1,
    token: null,
    streamTokens: [],
    sinks: [],
    allowOrigins: [],
    trustProxy: false,
    drainMs: 10_000,
    agentPort: null,
    limits: DEFAULT_LIMITS,
    log: "text",
  });
});

Deno.test("config: beyond this machine it listens only with a token, or when opened to all", () => {
  for (const host of ["0.0.0.0", "::", "192.168.1.7", "camera.example.org", "127.0.0.1.evil.org"]) {
    assert.throws(() => read(["--host", host]), /Cannot listen on .* --token-file.* --open/);
    assert.equal(read(["--host", host, "--token", "t"])!.host, host);
    assert.equal(read(["--host", host, "--open"])!.token, null);
  }
  assert.equal(read(["--host", "::"], { LKSTREAM_OPEN: "true" })!.host, "::");
  for (const host of ["127.0.0.1", "127.8.0.1", "::1", "localhost"]) {
    assert.equal(read(["--host", host])!.host, host);
  }
});

Deno.test("config: the token is the first line of its file; a file that cannot be read fails", () => {
  const args = ["--token-file", "token.txt"];
  assert.equal(readConfig(args, () => undefined, () => "s3cret\nrest\n")!.token, "s3cret");
  assert.throws(() => readConfig(args, () => undefined, () => "\n"), /--token-file .*"…"/);
  assert.throws(
    () => read(["--token-file", "no such file"]),
    /no such file.*files that can be read \(No such file/,
  );
});

Deno.test("config: every limit is a flag with a range", () => {
  const names: [string, number, (limits: ServerLimits) => number | null][] = [
    ["max-frame-bytes", 2048, (limits) => limits.maxFrameBytes],
    ["max-frame-pixels", 400, (limits) => limits.maxFramePixels],
    ["max-points", 7, (limits) => limits.maxPoints],
    ["max-sessions", 7, (limits) => limits.maxSessions],
    ["max-sessions-per-address", 7, (limits) => limits.maxSessionsPerAddress],
    ["max-connections", 7, (limits) => limits.maxConnections],
    ["max-frame-rate", 7, (limits) => limits.maxFrameRate],
    ["max-control-rate", 7, (limits) => limits.maxControlRate],
    ["max-mask-polygons", 7, (limits) => limits.maxMaskPolygons],
    ["max-mask-corners", 7, (limits) => limits.maxMaskCorners],
    ["max-header-bytes", 2048, (limits) => limits.maxHeaderBytes],
    ["handshake-timeout", 7, (limits) => limits.handshakeMs / 1000],
    ["message-timeout", 7, (limits) => limits.messageMs / 1000],
    ["idle-timeout", 7, (limits) => limits.idleMs / 1000],
  ];
  for (const [name, value, of] of names) {
    assert.equal(of(read([`--${name}`, `${value}`])!.limits), value, name);
    assert.throws(() => read([`--${name}`, "0"]), new RegExp(`--${name} .*"0": allowed are`));
  }
});

Deno.test("config: frames may have as many pixels as the native library takes", async () => {
  const header = new URL("../../native/include/lkstream.h", import.meta.url);
  const most = Number(/LK_MAX_PIXELS = (\d+)/.exec(await Deno.readTextFile(header))![1]);
  assert.equal(read(["--max-frame-pixels", `${most}`])!.limits.maxFramePixels, most);
  assert.throws(() => read(["--max-frame-pixels", `${most + 1}`]), new RegExp(`256 to ${most}`));
});

Deno.test("config: HTTPS by a certificate made at the start, or by one of your own", () => {
  assert.equal(read(["--tls", "self-signed"])!.tls, "self-signed");
  assert.deepEqual(read(["--cert", "a", "--key", "b"])!.tls, { cert: "a", key: "b" });
  assert.throws(() => read(["--cert", "a"]), /--key.*go together/);
  assert.throws(() => read(["--tls", "always"]), /self-signed and off/);
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
  const flags = ["--allow-origin", "https://c.org", "--allow-origin", "https://*.d.org/"];
  assert.deepEqual(read(flags, env)!.allowOrigins, ["https://c.org", "https://*.d.org"]);
});

Deno.test("config: origins of files, apps and extensions are taken as browsers write them", () => {
  const origins = [
    "null",
    "file://",
    "capacitor://localhost",
    "tauri://localhost",
    "chrome-extension://abcdefghijklmnop",
    "moz-extension://0f3c-1",
    "http://localhost:8100",
  ];
  assert.deepEqual(
    read(origins.flatMap((origin) => ["--allow-origin", origin]))!.allowOrigins,
    origins,
  );
  for (const wrong of ["none", "localhost", "app://a/b", "app://*", "app:a", "*"]) {
    assert.throws(() => read(["--allow-origin", wrong]), /null and origins such as/);
  }
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
      [["--allow-origin", "https://*"], /https:/],
      [["--allow-origin", "https://a.*.org"], /https:/],
      [["--max-sessions", "0"], /1 to/],
      [["--log", "xml"], /text, json/],
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

Deno.test("config: a variable that is no flag is refused, with the nearest right name", () => {
  checkVariables(["PATH", "LKSTREAM_TOKEN", "LKSTREAM_LIBRARY", "LKSTREAM_MAX_SESSIONS"]);
  for (
    const [name, nearest] of [
      ["LKSTREAM_TOKENS", "LKSTREAM_TOKEN"],
      ["LKSTREAM_HOTS", "LKSTREAM_HOST"],
      ["LKSTREAM_MAXSESSIONS", "LKSTREAM_MAX_SESSIONS"],
      ["LKSTREAM_ALLOW_ORIGINS", "LKSTREAM_ALLOW_ORIGIN"],
      ["LKSTREAM_", "LKSTREAM_TLS"],
    ]
  ) {
    assert.throws(() => checkVariables(["LKSTREAM_PORT", name]), {
      name: "ConfigError",
      message: new RegExp(`variable ${name}: allowed are ${nearest},`),
    });
  }
});

Deno.test("config: the files that are to be read are those that flags and variables name", () => {
  const env = (name: string) => name === "LKSTREAM_TOKEN_FILE" ? "/run/token" : undefined;
  const args = ["--publish-ca", "c.pem", "--cert", "/a.pem", "--key", "b.pem", "--port", "1"];
  assert.deepEqual(filesOf(args, env), ["/a.pem", "b.pem", "/run/token", "c.pem"]);
  assert.throws(() => filesOf(["--key", "a,b.pem"], env), /"a,b.pem": allowed are paths without/);
});

Deno.test("config: help names every flag", () => {
  assert.equal(read(["--help"]), null);
  for (const flag of ["host", "port", "engine", "token", "allow-origin", "max-sessions"]) {
    assert.match(helpText(), new RegExp(`--${flag} `));
  }
});

Deno.test("config: tokens may be bound to names of streams, in a file", () => {
  const files: Record<string, string> = {
    good: "# token names\n\nleft cam-1 cam-2\n  right\tcam_3\n",
    bare: "left\n",
    name: "left cam.1\n",
    token: "le,ft cam-1\n",
  };
  const tokens = (file: string, ...args: string[]) =>
    readConfig(["--stream-tokens", file, ...args], () => undefined, (path) => {
      if (path in files) return files[path];
      throw new Error("No such file");
    })!.streamTokens;
  assert.deepEqual(tokens("good", "--token", "any"), [
    { token: "left", streams: ["cam-1", "cam-2"] },
    { token: "right", streams: ["cam_3"] },
  ]);
  assert.throws(
    () => tokens("good"),
    /Cannot set --stream-tokens .*: allowed are files for a server/,
  );
  assert.throws(() => tokens("bare", "--token", "any"), /allowed are lines of a token and one or/);
  assert.throws(() => tokens("name", "--token", "any"), /Cannot name a stream "cam\.1"/);
  assert.throws(() => tokens("token", "--token", "any"), /allowed are lines of a token and one or/);
  assert.throws(() => tokens("none", "--token", "any"), /allowed are files that can be read/);
});

Deno.test("config: what is no flag is named, with the nearest one, in sentences of our own", () => {
  for (
    const [args, message] of [
      [
        ["--prot", "8000"],
        "Cannot take --prot: allowed are --port, which is the nearest, and the other flags",
      ],
      [["--port"], "Cannot take --port without its value: allowed is --port N"],
      [["--open=no"], 'Cannot set --open to "no": it takes no value'],
      [["frames/"], 'Cannot take "frames/": allowed are flags'],
      [["-v"], /^Cannot take -v: allowed are --/],
    ] as const
  ) {
    assert.throws(() => readConfig([...args], () => undefined), { name: "ConfigError", message });
  }
  assert.equal(readConfig(["--version"], () => undefined), null);
});
