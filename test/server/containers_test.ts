/** What docs/operations/container/ holds: it must fit the server and its unit. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parse as parseYaml } from "yaml";
import config from "../../deno.json" with { type: "json" };
import { checkVariables, readConfig } from "../../server/config.ts";
import { inTime } from "../lib/in_time.ts";
import { findProgram } from "../lib/proxy.ts";

const FOLDER = new URL("../../docs/operations/container/", import.meta.url);
const IMAGES = ["Containerfile", "Containerfile.cuda"];

function read(name: string): string {
  return Deno.readTextFileSync(new URL(name, FOLDER));
}

/** The instructions of a Containerfile, each on a line. */
function instructions(name: string): string[] {
  return read(name).replaceAll(/^#.*\n/gm, "").replaceAll("\\\n", "").split("\n").filter(Boolean);
}

/** Runs the health check, as a container does. @returns its exit code */
async function check(port: number): Promise<number> {
  const line = instructions("Containerfile").find((line) => line.startsWith("HEALTHCHECK "))!;
  const [program, ...args] = JSON.parse(line.slice(line.indexOf("[")));
  const env = { LKSTREAM_PORT: `${port}` };
  const { code } = await new Deno.Command(program, { args, env, stderr: "null" }).output();
  return code;
}

Deno.test("containers: they start the server as deno task start does, not as root", () => {
  for (const image of IMAGES) {
    const last = (name: string) =>
      instructions(image).findLast((line) => line.startsWith(`${name} `))!.slice(name.length + 1);
    const [deno, run, cachedOnly, ...rest] = JSON.parse(last("ENTRYPOINT"));
    assert.deepEqual([deno, run, cachedOnly], ["deno", "run", "--cached-only"]);
    assert.equal(config.tasks.start.command, `deno run ${rest.join(" ")}`, image);
    assert.match(last("USER"), /^[1-9]\d+:[1-9]\d+$/);
    assert.match(last("HEALTHCHECK"), /\/healthz/);
    // in podman's own format, an image has no health check
    assert.match(read(image), /podman build --format docker/);
  }
});

Deno.test("containers: the health check asks a server, and fails where there is none", async () => {
  for (const [path, isWell] of [["ok\n", true], ["stopping\n", false]] as const) {
    const asked: string[] = [];
    const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
      asked.push(new URL(request.url).pathname);
      return new Response(path);
    });
    assert.equal(await check(server.addr.port) === 0, isWell);
    assert.deepEqual(asked, ["/healthz"]);
    await server.shutdown();
    assert.notEqual(await check(server.addr.port), 0);
  }
});

Deno.test("containers: the health check fails where a server takes the connection and is silent", async () => {
  using silent = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  assert.notEqual(await inTime(check(silent.addr.port)), 0);
});

Deno.test("containers: what compose.yaml sets, the server reads; its proxy's file is right", async () => {
  const { services } = parseYaml(read("compose.yaml"), { merge: true });
  for (const name of ["one", "two"]) {
    const { environment, read_only, cap_drop, build } = services[name];
    const set: Record<string, string> = { ...environment, LKSTREAM_TOKEN: "choose-one" };
    checkVariables(Object.keys(set));
    const { sinks: [sink], agentPort, trustProxy } = readConfig([], (name) => set[name])!;
    const publish = { sink: "nats", servers: ["nats://nats:4222"], credentials: null, ca: null };
    assert.deepEqual([sink, agentPort, trustProxy], [publish, 8001, true]);
    assert.deepEqual([read_only, cap_drop], [true, ["ALL"]]);
    await Deno.stat(new URL(build.context, FOLDER));
    await Deno.stat(new URL(`${build.context}/${build.dockerfile}`, FOLDER));
  }
  const haproxy = await findProgram("haproxy");
  if (!haproxy) return console.log("skipped its syntax: no haproxy (Debian: haproxy)");
  const file = fileURLToPath(new URL("haproxy.cfg", FOLDER));
  const { code, stderr } = await new Deno.Command(haproxy, { args: ["-c", "-f", file] }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
});
