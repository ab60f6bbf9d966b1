import assert from "node:assert/strict";
import { encodeFrame } from "../../protocol/mod.ts";
import { type Credentials, Renewal } from "../../server/credentials.ts";
import { readKeyPair, selfSigned } from "../../server/http/tls.ts";
import { Client, refused } from "../lib/client.ts";
import { HEADER_ONLY_JPEG } from "../lib/header_only_jpeg.ts";
import { start } from "../lib/running.ts";

/** A certificate, its key and a token, in files that can be replaced. */
class Files implements AsyncDisposable {
  readonly cert: string;
  readonly key: string;
  readonly token: string;

  private constructor(readonly folder: string) {
    this.cert = `${folder}/cert.pem`;
    this.key = `${folder}/key.pem`;
    this.token = `${folder}/token`;
  }

  static async make(token: string): Promise<{ files: Files; ca: string }> {
    const files = new Files(await Deno.makeTempDir());
    return { files, ca: await files.replace(token) };
  }

  /** @returns the new certificate */
  async replace(token: string): Promise<string> {
    const { cert, key } = await selfSigned(["127.0.0.1"]);
    await write(this.token, `${token}\n`);
    await write(this.key, key);
    await write(this.cert, cert);
    return cert;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** In one step, so that nobody reads half of it. */
async function write(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(`${path}.new`, text);
  await Deno.rename(`${path}.new`, path);
}

/** Whether each of so many new connections sees the certificate: with threads, any may take one. */
async function showsAlways(url: string, ca: string): Promise<boolean> {
  using client = Deno.createHttpClient({ caCerts: [ca], poolMaxIdlePerHost: 0 });
  const init: RequestInit & { client: Deno.HttpClient } = { client };
  for (let n = 0; n < 12; n++) {
    const isShown = await fetch(`${url}/healthz`, init).then((r) => r.text(), () => null);
    if (isShown === null) return false;
  }
  return true;
}

for (const threads of ["1", "2"]) {
  Deno.test(`credentials: SIGHUP reads certificate and token anew, ${threads} threads, and sessions go on`, async () => {
    const { files, ca } = await Files.make("first");
    await using _ = files;
    const server = await start({
      args: [
        ...["--cert", files.cert, "--key", files.key, "--token-file", files.token],
        ...["--threads", threads],
      ],
    });
    const { url } = server;
    try {
      const open = await Client.connect(url, { ca, query: "?token=first" });
      const renewed = await files.replace("second");
      server.hangUp();
      const end = performance.now() + 20_000;
      while (!await showsAlways(url, renewed)) assert.ok(performance.now() < end, "it is the old");
      const wrong = await refused(Client.connect(url, { ca: renewed, query: "?token=first" }));
      assert.equal(wrong.status, 401);
      await (await Client.connect(url, { ca: renewed, query: "?token=second" })).close();
      open.send(encodeFrame({ seq: 0, timestamp: 0, jpeg: HEADER_ONLY_JPEG }));
      assert.ok(await open.nextOf("error"), "the open session is answered");
      await open.close();
    } finally {
      assert.equal(await server.stop(), 0);
    }
  });
}

/** A renewal of what `read` gives, and what comes of it. */
function renewing(read: () => Credentials, lookMs?: number) {
  const applied: Credentials[] = [];
  const log: string[] = [];
  const first = Promise.withResolvers<void>();
  const renewal = new Renewal(read(), {
    read,
    apply(credentials) {
      applied.push(credentials);
      first.resolve();
    },
    log: (event, fields) => log.push(`${event} ${JSON.stringify(fields)}`),
    lookMs,
  });
  return { renewal, applied, log, applies: first.promise };
}

Deno.test("credentials: a certificate that is renewed on disk is noticed, a token only when asked", async () => {
  const { files } = await Files.make("first");
  await using _ = files;
  const read = () => ({ token: Deno.readTextFileSync(files.token), tls: readKeyPair(files) });
  const { renewal, applied, log, applies } = renewing(read, 5);
  using __ = renewal;
  const ca = await files.replace("second");
  await applies;
  assert.equal(applied[0].tls!.cert, ca);
  assert.equal(applied[0].token, "first\n");
  assert.equal(log.at(-1), 'reloaded {"certificate":"new","token":"same"}');
  renewal.reload();
  assert.equal(applied[1].token, "second\n");
  assert.equal(log.at(-1), 'reloaded {"certificate":"same","token":"new"}');
  renewal.reload();
  assert.equal(log.at(-1), 'reloaded {"certificate":"same","token":"same"}');
});

Deno.test("credentials: what cannot be used is said once, and leaves in force what was", async () => {
  const { files } = await Files.make("t");
  await using _ = files;
  const good = readKeyPair(files);
  let onLook = () => {};
  const { renewal, applied, log } = renewing(() => {
    onLook();
    return { token: null, tls: readKeyPair(files) };
  }, 1);
  using __ = renewal;
  await write(files.key, (await selfSigned(["127.0.0.1"])).key); // half of a renewal
  assert.throws(() => readKeyPair(files), /Cannot use --key .*: allowed is the key of the cert/);
  await new Promise<void>((tenth) => {
    let looks = 0;
    onLook = () => ++looks === 10 && tenth();
  });
  assert.deepEqual(applied, []);
  assert.match(log.join("\n"), /^reload_failed .*Cannot use --key .*$/);
  await write(files.key, good.key);
  renewal.reload();
  assert.equal(log.at(-1), 'reloaded {"certificate":"same","token":"same"}');
});

Deno.test("credentials: a file that is no certificate or key is named", async () => {
  const { files } = await Files.make("t");
  await using _ = files;
  for (const flag of ["cert", "key"] as const) {
    const named = new RegExp(`^Cannot (use|read) --${flag} /.*: allowed are .*`);
    assert.throws(() => readKeyPair({ ...files, [flag]: files.token }), { message: named });
    assert.throws(() => readKeyPair({ ...files, [flag]: `${files.folder}/no` }), {
      message: named,
    });
  }
});
