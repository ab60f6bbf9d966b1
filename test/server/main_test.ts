import assert from "node:assert/strict";
import { once } from "node:events";
import type { TLSSocket } from "node:tls";
import { WebSocket } from "ws";
import { listenError } from "../../server/http/listen_error.ts";
import { addresses, selfSigned } from "../../server/http/tls.ts";
import { Client } from "../lib/client.ts";
import { start } from "../lib/running.ts";

Deno.test("main: deno task start says where it listens, with which engine and why", async () => {
  const server = await start({ byTask: true });
  try {
    assert.match(
      server.line,
      /^lkstream listens on http:\/\/127\.0\.0\.1:\d+, engine \w+ \(.+\): .+/,
    );
    assert.equal(await fetch(`${server.url}/readyz`).then((r) => r.text()), "ready\n");
  } finally {
    assert.equal(await server.stop(), 0);
  }
});

Deno.test("main: SIGTERM ends sessions with 1001 and exits with 0", async () => {
  const server = await start();
  const client = await Client.connect(server.url);
  const code = await server.stop();
  assert.equal((await client.closed).code, 1001);
  assert.equal(code, 0);
});

const hasScript = await new Deno.Command("which", { args: ["script"], stdout: "null" }).output()
  .then(({ success }) => success, () => false);
if (!hasScript) console.log("main: a terminal is not tried, for there is no script(1)");

const START = `${Deno.execPath()} task --quiet start --port 0 --engine wasm`;

/** Has a shell run a command in a terminal, which closes when this process ends. */
function inTerminal(command: string): Deno.ChildProcess {
  return new Deno.Command("script", {
    args: ["-qec", command, "/dev/null"],
    cwd: new URL("../../", import.meta.url),
    env: { SHELL: "/bin/sh" },
    stdin: "piped", // at its end the terminal would be
    stdout: "piped",
    stderr: "null",
  }).spawn();
}

for (
  const [title, command, signal] of [
    ["in a terminal it asks nothing, and ends as it is told", `exec ${START}`, "SIGTERM"],
    [
      "it ends with its terminal, whose SIGHUP is no wish for new credentials",
      `exec ${START}`,
      "SIGKILL",
    ],
    ["it ends with its terminal, whose shell ended before", `${START}; true`, "SIGTERM"],
  ] as const
) {
  Deno.test({
    name: `main: ${title}`,
    ignore: !hasScript,
    async fn() {
      const child = inTerminal(command);
      const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      let output = "";
      while (!/ listens on \S+,|Allow\?/.test(output)) {
        const { value, done } = await reader.read();
        if (done) break;
        output += value;
      }
      assert.match(output, / listens on /);
      const url = / listens on (\S+),/.exec(output)![1];
      child.kill(signal);
      await child.status;
      await child.stdin.close();
      await reader.cancel();
      const end = performance.now() + 20_000;
      while (await fetch(url).then((response) => response.text(), () => null) !== null) {
        assert.ok(performance.now() < end, "it is still there");
      }
    },
  });
}

Deno.test({
  name: "main: started by nohup, it goes on when its terminal is closed",
  ignore: !hasScript,
  async fn() {
    const folder = await Deno.makeTempDir();
    const child = inTerminal(
      `nohup ${START} < /dev/null > ${folder}/log 2>&1 & echo $!; wait`,
    );
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const pid = Number((await reader.read()).value);
    try {
      const end = performance.now() + 60_000;
      let log = "";
      while (!/ listens on \S+,/.test(log)) {
        assert.ok(performance.now() < end, `it did not start: ${log}`);
        log = await Deno.readTextFile(`${folder}/log`).catch(() => "");
      }
      const url = / listens on (\S+),/.exec(log)![1];
      child.kill("SIGKILL");
      await child.status;
      Deno.kill(pid, "SIGHUP"); // as shells do too
      for (let i = 0; i < 20; i++) await (await fetch(url)).text();
    } finally {
      Deno.kill(pid, "SIGTERM");
      await child.stdin.close();
      await reader.cancel();
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("main: variables count as flags do", async () => {
  const server = await start({ env: { LKSTREAM_TOKEN: "t", LKSTREAM_ENGINE: "wasm" } });
  try {
    const info = await (await fetch(`${server.url}/v1/info`)).json();
    assert.equal(info.token, "required");
    assert.match(info.engine.reason, /--engine wasm/);
  } finally {
    await server.stop();
  }
});

Deno.test("main: --tls self-signed serves HTTPS and WSS by a certificate that names this machine", async () => {
  const args = ["--tls", "self-signed", "--host", "0.0.0.0", "--open"];
  const server = await start({ args });
  try {
    const { port, protocol } = new URL(server.url);
    assert.equal(protocol, "https:");
    const socket = new WebSocket(`wss://localhost:${port}/v1/stream`, {
      rejectUnauthorized: false, // it is signed by itself
    });
    const [first] = await once(socket, "message");
    assert.equal(JSON.parse(`${first}`).type, "hello");
    const tls = (socket as unknown as { _socket: TLSSocket })._socket;
    const { subjectaltname } = tls.getPeerCertificate();
    assert.match(subjectaltname ?? "", /DNS:localhost/);
    for (const address of addresses()) {
      if (!address.includes(":")) assert.ok(subjectaltname!.includes(`IP Address:${address}`));
    }
    socket.close();
    await once(socket, "close");
  } finally {
    assert.equal(await server.stop(), 0);
  }
});

Deno.test("main: beyond this machine without a token it does not start, unless opened", async () => {
  await assert.rejects(start({ args: ["--host", "0.0.0.0"] }), /without a token.*--open/);
});

Deno.test("main: where it cannot listen, a sentence says why", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  await assert.rejects(
    start({ port }),
    new RegExp(`Cannot start: it cannot listen on 127.0.0.1:${port}, which is in use: allowed`),
  );
  for (const args of [[], ["--token", "t"]]) {
    await assert.rejects(
      start({ args: ["--host", "nosuch.invalid", ...args] }),
      /Cannot start: it cannot listen on nosuch\.invalid, a name without an address: allowed/,
    );
  }
  await assert.rejects(
    start({ args: ["--host", "192.0.2.1", "--token", "t"] }), // of RFC 5737, nobody's
    /Cannot start: it cannot listen on 192\.0\.2\.1, which is no address of this machine/,
  );
});

Deno.test("main: the sentences of a port that needs an administrator, and of a name where no DNS is", () => {
  const unknown = Object.assign(new Error("getaddrinfo EAI_AGAIN name"), { code: "EAI_AGAIN" });
  assert.match(
    listenError(unknown, "name", 443).message,
    /^Cannot listen on name, a name without an address: allowed are this machine's addresses/,
  );
  const refused = Object.assign(new Error("listen EACCES"), { code: "EACCES" });
  assert.equal(
    listenError(refused, "::1", 443).message,
    "Cannot listen on [::1]:443, which needs an administrator: allowed are ports from 1024",
  );
});

Deno.test("main: a wrong flag or value exits with 2, says what is wrong, and where the flags are told", async () => {
  for (
    const [args, wrong] of [
      [["--port", "high"], /^Cannot set --port .*"high".*0 to 65535$/],
      [["--prot", "8000"], /^Cannot take --prot: allowed are --port, which is the nearest/],
      [["--token-file", "/no/such/file"], /^Cannot set --token-file .*No such file/],
    ] as const
  ) {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", "start", ...args],
      cwd: new URL("../../", import.meta.url),
    }).output();
    assert.equal(code, 2);
    const lines = new TextDecoder().decode(stderr).trimEnd().split("\n");
    assert.match(lines.at(-2)!, wrong);
    assert.equal(lines.at(-1), "--help tells the flags");
    assert.ok(!lines.some((line) => /^Usage:/.test(line)));
  }
});

Deno.test("main: a misspelled variable does not start an open server", async () => {
  await assert.rejects(
    start({ env: { LKSTREAM_TOKENS: "t" } }),
    /Cannot set the variable LKSTREAM_TOKENS: allowed are LKSTREAM_TOKEN,/,
  );
});

Deno.test("main: certificate, key and token may lie outside of the project", async () => {
  const folder = await Deno.makeTempDir({ prefix: "a space" });
  const { cert, key } = await selfSigned(["127.0.0.1"]);
  const [certFile, keyFile, tokenFile] = ["live.pem", "key.pem", "token"].map((name) =>
    `${folder}/${name}`
  );
  await Deno.writeTextFile(`${folder}/archived.pem`, cert);
  await Deno.symlink("archived.pem", certFile); // as certbot has it
  await Deno.writeTextFile(keyFile, key);
  await Deno.writeTextFile(tokenFile, "s3cret\n");
  const server = await start({
    args: ["--cert", certFile, "--key", keyFile],
    env: { LKSTREAM_TOKEN_FILE: tokenFile },
  });
  try {
    using client = Deno.createHttpClient({ caCerts: [cert] });
    const init: RequestInit & { client: Deno.HttpClient } = { client };
    const info = await (await fetch(`${server.url}/v1/info`, init)).json();
    assert.equal(info.token, "required");
  } finally {
    assert.equal(await server.stop(), 0);
    await Deno.remove(folder, { recursive: true });
  }
});
