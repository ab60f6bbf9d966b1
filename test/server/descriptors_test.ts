import assert from "node:assert/strict";
import { readConfig } from "../../server/config.ts";
import { fitConnections } from "../../server/descriptors.ts";
import { LibC } from "../../server/libc.ts";
import { inTime } from "../lib/in_time.ts";

const ROOT = new URL("../../", import.meta.url);

/** Runs `deno` with so many descriptors. */
function withLimit(limit: number, args: string[]): Deno.ChildProcess {
  return new Deno.Command("sh", {
    args: ["-c", `ulimit -n ${limit} && exec "$0" "$@"`, Deno.execPath(), ...args],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

function config(...args: string[]) {
  return readConfig(args, () => undefined)!;
}

Deno.test("descriptors: the limit is the system's", async () => {
  using library = LibC.open()!;
  const limits = await Deno.readTextFile("/proc/self/limits");
  const [, soft] = /^Max open files +(\d+)/m.exec(limits)!;
  assert.equal(library.descriptorLimit, Number(soft));
});

Deno.test("descriptors: connections are as many as there can be, or what was asked for is refused", () => {
  const enough = fitConnections(config(), 1000);
  assert.equal(enough.lowered, null);
  assert.equal(enough.config.limits.maxConnections, null);
  const fewer = fitConnections(config("--threads", "2"), 400);
  assert.equal(fewer.config.limits.maxConnections, 260);
  assert.match(fewer.lowered!, /^Allows 260 connections instead of 576, for .* 400 file desc/);
  assert.throws(
    () => fitConnections(config("--max-connections", "900"), 1000),
    /^ConfigError: Cannot allow 900 connections, for .* 1000 file descriptors .*: allowed are 880$/,
  );
  assert.throws(() => fitConnections(config(), 64), /allowed are 0$/);
});

Deno.test("descriptors: a start with too few says so", async () => {
  const start = ["run", "-A", "--config", "deno.start.json", "server/main.ts"];
  const refused = withLimit(300, [...start, "--max-connections", "1000"]);
  await refused.stdin.close();
  const { code, stderr } = await refused.output();
  assert.equal(code, 2);
  assert.match(new TextDecoder().decode(stderr), /Cannot allow 1000 connections.*allowed are 180/);

  const lowered = withLimit(300, [...start, "--port", "0"]);
  await lowered.stdin.close();
  const reader = lowered.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let output = "";
  while (!/ listens on /.test(output)) output += (await reader.read()).value;
  await reader.cancel();
  lowered.kill("SIGTERM");
  const said = await new Response(lowered.stderr).text();
  assert.match(said, /^Allows 180 connections instead of 576/);
  assert.equal((await lowered.status).code, 0);
});

Deno.test("descriptors: a server that had none left accepts again", async () => {
  const child = withLimit(200, ["run", "-A", "--no-check", "test/lib/few_descriptors.ts"]);
  const errors = new Response(child.stderr).text();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    const url = (await inTime(lines.read())).value!.trim();
    const { hostname, port } = new URL(url);
    // accepting these fails, and with it the listener
    const knocks = await Promise.all(
      Array.from({ length: 12 }, () => Deno.connect({ hostname, port: Number(port) })),
    );
    const input = child.stdin.getWriter();
    for (let turn = 0; turn < 3; turn++) { // of its event loop, which has seen the connections then
      await input.write(new TextEncoder().encode("\n"));
      await inTime(lines.read());
    }
    await input.close();
    const answers = async () => {
      const signal = AbortSignal.timeout(500);
      return await fetch(`${url}/healthz`, { signal }).then((r) => r.text(), () => null);
    };
    await inTime(
      (async () => {
        while (await answers() !== "ok\n");
      })(),
    );
    for (const knock of knocks) knock.close();
  } finally {
    child.kill("SIGKILL");
    await child.status;
    await lines.cancel();
    await errors;
  }
});
