/** Publishing to a real nats-server: `deno task test:broker`. */
import assert from "node:assert/strict";
import { connect, type NatsConnection, nkeys } from "@nats-io/transport-node";
import { decodeTracks } from "../../protocol/mod.ts";
import { selfSigned } from "../../server/http/tls.ts";
import type { NatsConfig } from "../../server/sinks/nats.ts";
import { Client } from "../lib/client.ts";
import { findNatsServer, NatsServer } from "../lib/nats_server.ts";
import { type Publishing, publishing as publishTo, track } from "../lib/publishing.ts";
import type { Script } from "../lib/scripted.ts";

await findNatsServer().catch((error) => {
  console.error(error.message);
  Deno.exit(1);
});

const SCRIPT: Script[] = [{ corners: [[10, 10], [30, 40]] }];
const ROOT = new URL("../../", import.meta.url);

const publishing = (
  servers: string[],
  use: (given: Publishing) => Promise<void>,
  change?: Partial<NatsConfig>,
) => publishTo(servers, SCRIPT, use, change);

const named = (url: string, name: string) => Client.connect(url, { query: `?stream=${name}` });

/** The next message on a subject. */
async function next(broker: NatsConnection, subject: string) {
  for await (const message of broker.subscribe(subject, { max: 1 })) return message;
  throw new Error("the subscription ended");
}

/** Asks JetStream, by its published requests. */
async function ask(broker: NatsConnection, what: string, request: unknown = {}) {
  const answer = (await broker.request(`$JS.API.${what}`, JSON.stringify(request))).json() as {
    error?: { description: string };
  };
  assert.equal(answer.error?.description, undefined);
  // deno-lint-ignore no-explicit-any
  return answer as any;
}

Deno.test("broker: another client reads info and tracks, with their headers", async () => {
  await using server = await NatsServer.start();
  await publishing([server.url], async ({ url, logged }) => {
    await logged("sink_connected");
    const broker = await connect({ servers: server.url });
    const client = await named(url, "cam-1");
    const { epoch } = (await client.nextOf("hello"))!;
    const [info, tracks] = [next(broker, "lk.v1.*.info"), next(broker, "lk.v1.*.tracks")];
    await broker.flush();
    const seq = await track(client);
    assert.equal(((await info).json() as { stream: string }).stream, "cam-1");
    const message = await tracks;
    assert.equal(decodeTracks(message.data).seq, seq);
    assert.equal(message.headers!.get("Lk-Epoch"), `${epoch}`);
    await client.close();
    await broker.close();
  });
});

for (
  const [language, program, args] of [
    ["TypeScript", Deno.execPath(), ["run", "-A", "--no-check", "examples/nats/read_tracks.ts"]],
    ["Python", "python3", ["examples/nats/read_tracks.py"]],
  ] as const
) {
  Deno.test(`broker: the reader in ${language} prints what is published`, async () => {
    await using server = await NatsServer.start();
    await publishing([server.url], async ({ url, logged }) => {
      await logged("sink_connected");
      const reader = new Deno.Command(program, {
        args: [...args, "127.0.0.1", `${server.port}`],
        cwd: ROOT,
        stdout: "piped",
      }).spawn();
      const lines = reader.stdout.pipeThrough(new TextDecoderStream()).getReader();
      const client = await named(url, "cam-1");
      let isRead = false;
      const said = lines.read().finally(() => isRead = true);
      while (!isRead) await track(client); // until it has subscribed
      assert.match((await said).value!, /^cam-1 \d+ 2 points, the first at 10(\.0)? 10(\.0)?\n/);
      reader.kill();
      while (!(await lines.read()).done);
      await reader.status;
      await client.close();
    });
  });
}

Deno.test("broker: JetStream keeps the last seconds, and the last info", async () => {
  const config = (folder: string) => `jetstream { store_dir: "${folder}/js" }`;
  await using server = await NatsServer.start({ config });
  await publishing([server.url], async ({ url, logged }) => {
    await logged("sink_connected");
    const broker = await connect({ servers: server.url });
    const kept = { storage: "memory", retention: "limits", discard: "old", num_replicas: 1 };
    const seconds = { name: "LK", subjects: ["lk.v1.*.tracks"], max_age: 2e9, ...kept };
    await ask(broker, "STREAM.CREATE.LK", seconds);
    const last = { name: "LKINFO", subjects: ["lk.v1.*.info"], max_msgs_per_subject: 1, ...kept };
    await ask(broker, "STREAM.CREATE.LKINFO", last);
    const client = await named(url, "cam-1");
    for (let i = 0; i < 10; i++) {
      client.say({ type: "configure", detect: { maxCorners: 10 + i } });
      await track(client);
    }
    let state;
    do {
      ({ state } = await ask(broker, "STREAM.INFO.LK"));
    } while (state.messages === 0);
    const { message } = await ask(broker, "STREAM.MSG.GET.LK", {
      last_by_subj: "lk.v1.cam-1.tracks",
    });
    const bytes = Uint8Array.from(atob(message.data), (c) => c.charCodeAt(0));
    assert.ok(decodeTracks(bytes).seq <= 9);
    const infos = await ask(broker, "STREAM.INFO.LKINFO");
    assert.equal(infos.state.messages, 1);
    while (state.messages > 0) ({ state } = await ask(broker, "STREAM.INFO.LK")); // forgotten after 2 s
    await client.close();
    await broker.close();
  });
});

Deno.test("broker: an nkey opens it, another one does not", async () => {
  const user = nkeys.createUser(), other = nkeys.createUser();
  const config = () =>
    `authorization { users = [{ nkey: ${user.getPublicKey()}, permissions: { publish: "lk.v1.>" } }] }`;
  await using server = await NatsServer.start({ config });
  const file = `${server.folder}/seed`;
  const seedOf = (pair: typeof user) => new TextDecoder().decode(pair.getSeed());
  await Deno.writeTextFile(file, seedOf(other));
  await publishing([server.url], async ({ url, logged }) => {
    assert.match(await logged("sink_unreachable"), /Authorization Violation|authorization/i);
    await Deno.writeTextFile(file, `${seedOf(user)}\n`); // read anew
    await logged("sink_connected");
    const client = await named(url, "cam");
    await track(client);
    await client.close();
  }, { credentials: file });
});

Deno.test("broker: a user's credentials file opens it", async () => {
  const operator = nkeys.createOperator(),
    account = nkeys.createAccount(),
    user = nkeys.createUser();
  const jwt = (by: typeof user, of: typeof user, type: string, more = {}) => {
    const part = (value: unknown) => base64url(new TextEncoder().encode(JSON.stringify(value)));
    const claims = { jti: crypto.randomUUID(), iat: Math.floor(Date.now() / 1000), name: type };
    const nats = { version: 2, type, ...more };
    const head = part({ typ: "JWT", alg: "ed25519-nkey" });
    const body = part({ ...claims, iss: by.getPublicKey(), sub: of.getPublicKey(), nats });
    return `${head}.${body}.${base64url(by.sign(new TextEncoder().encode(`${head}.${body}`)))}`;
  };
  const unlimited = { subs: -1, data: -1, payload: -1 };
  const limits = { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const config = () =>
    [
      `operator: ${jwt(operator, operator, "operator")}`,
      "resolver: MEMORY",
      `resolver_preload: { ${account.getPublicKey()}: ${
        jwt(operator, account, "account", { limits })
      } }`,
    ].join("\n");
  await using server = await NatsServer.start({ config });
  const file = `${server.folder}/user.creds`;
  const seed = new TextDecoder().decode(user.getSeed());
  await Deno.writeTextFile(
    file,
    `-----BEGIN NATS USER JWT-----\n${jwt(account, user, "user", unlimited)}\n` +
      `------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${seed}\n` +
      "------END USER NKEY SEED------\n",
  );
  await publishing([server.url], async ({ logged }) => {
    await logged("sink_connected");
  }, { credentials: file });
});

Deno.test("broker: TLS is asked for by tls://, and its certificate is checked", async () => {
  const { cert, key } = await selfSigned(["localhost", "127.0.0.1"]);
  const config = async (folder: string) => {
    await Deno.writeTextFile(`${folder}/cert.pem`, cert);
    await Deno.writeTextFile(`${folder}/key.pem`, key);
    return `tls { cert_file: "${folder}/cert.pem", key_file: "${folder}/key.pem" }`;
  };
  await using server = await NatsServer.start({ config });
  const url = server.url.replace("nats:", "tls:");
  await publishing([url], async ({ logged }) => {
    await logged("sink_connected");
  }, { ca: `${server.folder}/cert.pem` });
  await publishing([url], async ({ logged }) => {
    assert.match(await logged("sink_unreachable"), /certificate|issuer/i);
  });
  await using plain = await NatsServer.start();
  await publishing([plain.url.replace("nats:", "tls:")], async ({ logged }) => {
    assert.match(await logged("sink_unreachable"), /tls/i);
  });
});

Deno.test("broker: killed, it is connected to again when it comes back", async () => {
  await using server = await NatsServer.start();
  await publishing([server.url], async ({ url, logged }) => {
    await logged("sink_connected");
    const client = await named(url, "cam");
    await track(client);
    await server.kill();
    await logged("sink_unreachable");
    for (let i = 0; i < 20; i++) await track(client);
    await server.startAgain();
    await logged("sink_connected", 2);
    const broker = await connect({ servers: server.url });
    const message = next(broker, "lk.v1.cam.tracks");
    await broker.flush();
    const seq = await track(client);
    assert.equal(decodeTracks((await message).data).seq, seq);
    await client.close();
    await broker.close();
  });
});

Deno.test("broker: stopped, it holds no session up, and is given up when it answers nothing", async () => {
  await using server = await NatsServer.start();
  await publishing([server.url], async ({ url, logged }) => {
    await logged("sink_connected");
    const client = await named(url, "cam");
    await track(client);
    server.signal("SIGSTOP");
    for (let i = 0; i < 500; i++) await track(client); // each is answered
    assert.match(await logged("sink_unreachable"), /stale|ping|closed/i);
    server.signal("SIGCONT");
    await logged("sink_connected", 2);
    await client.close();
  });
});

function base64url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
