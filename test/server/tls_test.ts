import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { addresses, qrText, selfSigned } from "../../server/http/tls.ts";

const DAY_MS = 86_400_000;

Deno.test("tls: the certificate names every host, from yesterday for a year", async () => {
  const { cert } = await selfSigned(["localhost", "192.168.1.20", "2001:db8::7"]);
  const certificate = new X509Certificate(cert);
  assert.equal(
    certificate.subjectAltName,
    "DNS:localhost, IP Address:192.168.1.20, IP Address:2001:db8::7",
  );
  const from = Date.parse(certificate.validFrom), to = Date.parse(certificate.validTo);
  assert.ok(from < Date.now() && from > Date.now() - 2 * DAY_MS, certificate.validFrom);
  assert.ok(to > Date.now() + 300 * DAY_MS && to < from + 398 * DAY_MS, certificate.validTo);
  assert.equal(certificate.ca, false);
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey;
  assert.equal(asymmetricKeyType, "ec");
  assert.equal(asymmetricKeyDetails?.namedCurve, "prime256v1");
});

Deno.test("tls: a client that trusts the certificate is let in by address and by name, by no other", async () => {
  const pair = await selfSigned(["localhost", "127.0.0.1"]);
  const server = createServer(pair, (_request, response) => response.end("secure"));
  await new Promise<void>((listening) => server.listen(0, listening));
  const { port } = server.address() as AddressInfo;
  using client = Deno.createHttpClient({ caCerts: [pair.cert], poolMaxIdlePerHost: 0 });
  const init: RequestInit & { client: Deno.HttpClient } = { client };
  const ask = async (host: string) => (await fetch(`https://${host}:${port}`, init)).text();
  try {
    assert.equal(await ask("127.0.0.1"), "secure");
    assert.equal(await ask("localhost"), "secure");
    await assert.rejects(
      ask("127.0.0.2"),
      (error: Error) => /certificate/.test(`${error.cause ?? error}`),
    );
  } finally {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  }
});

Deno.test("tls: two certificates have two keys, and none is made for nobody", async () => {
  const [one, other] = [await selfSigned(["a"]), await selfSigned(["a"])];
  assert.notEqual(one.key, other.key);
  await assert.rejects(selfSigned([]), TypeError);
});

Deno.test("tls: addresses are those that others can use", () => {
  const own = addresses();
  const all = Deno.networkInterfaces().map(({ address }) => address);
  for (const address of own) assert.ok(all.includes(address));
  for (const address of ["127.0.0.1", "::1"]) assert.ok(!own.includes(address));
  const families = own.map((address) => address.includes(":") ? 6 : 4);
  assert.deepEqual(families, families.toSorted());
});

Deno.test("tls: the QR code is a square of modules inside a light border", () => {
  const rows = qrText("https://192.168.1.20:8000").split("\n")
    // deno-lint-ignore no-control-regex -- colours
    .map((line) => line.replaceAll(/\x1b\[[\d;]*m/g, ""));
  const side = rows[0].length;
  assert.equal(rows.length, Math.ceil(side / 2)); // two modules a character
  for (const row of rows) assert.match(row, /^██.*██$|^▀+$/);
  assert.match(rows[1], /^██ ▄▄▄▄▄ █.*█ ▄▄▄▄▄ ██$/); // two of the three finder patterns
});
