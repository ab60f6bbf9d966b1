import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { renderUnicodeCompact } from "uqr";

/** A certificate and its private key, as `node:https` takes them. */
export interface KeyPair {
  /** PEM. */
  cert: string;
  key: string;
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** Phones refuse server certificates that are valid for more than 825 days. */
const VALID_DAYS = 365;

/**
 * Makes a certificate (ECDSA P-256) for a server by these names and addresses,
 * signed by itself: browsers warn once, and then give the page its camera. It is
 * valid from a day ago, for clocks that are late.
 *
 * @param hosts names such as `localhost` and addresses such as `192.168.1.20`, one or more
 * @throws {TypeError} where there is none.
 */
export async function selfSigned(hosts: readonly string[]): Promise<KeyPair> {
  if (hosts.length === 0) {
    throw new TypeError("Cannot make a certificate for []: allowed are one or more names");
  }
  const { generate } = await import("selfsigned"); // large, and only loaded where it is asked for
  const now = Date.now();
  const { cert, private: key } = await generate([{ name: "commonName", value: "lkstream" }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    notBeforeDate: new Date(now - DAY_MS),
    notAfterDate: new Date(now + VALID_DAYS * DAY_MS),
    extensions: [
      { name: "basicConstraints", cA: false, critical: true },
      { name: "keyUsage", digitalSignature: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: hosts.map((host) =>
          isIP(host) ? { type: 7, ip: host } : { type: 2, value: host }
        ),
      },
    ],
  });
  return { cert, key };
}

/**
 * Reads a certificate and its key, and sees that they belong together.
 *
 * @param files PEM files
 * @throws {Error} that names the flag, the file and what is wrong with it.
 */
export function readKeyPair(files: { cert: string; key: string }): KeyPair {
  const cert = readPem("cert", files.cert), key = readPem("key", files.key);
  const certificate = use("cert", files.cert, () => new X509Certificate(cert));
  const privateKey = use("key", files.key, () => createPrivateKey(key));
  if (certificate.checkPrivateKey(privateKey)) return { cert, key };
  throw new Error(
    `Cannot use --key ${files.key}: allowed is the key of the certificate in ${files.cert}`,
  );
}

function readPem(flag: string, file: string): string {
  try {
    return Deno.readTextFileSync(file);
  } catch (error) {
    const why = (error as Error).message.split(",")[0];
    throw new Error(`Cannot read --${flag} ${file}: allowed are files that can be read (${why})`);
  }
}

function use<T>(flag: string, file: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    throw new Error(`Cannot use --${flag} ${file}: allowed are PEM files of a ${FILES[flag]}`);
  }
}

const FILES: Record<string, string> = { cert: "certificate", key: "private key" };

/**
 * The addresses under which other machines reach this one: no loopback, and no
 * link-local ones, which work in no URL. IPv4 first. Needs
 * `--allow-sys=networkInterfaces`.
 */
export function addresses(): string[] {
  return Deno.networkInterfaces()
    .filter(({ address }) => !/^(127\.|169\.254\.|::1$|fe80:)/i.test(address))
    .toSorted((a, b) => a.family.localeCompare(b.family))
    .map(({ address }) => address);
}

/** A QR code of `url` for a terminal: dark on light, whatever the terminal's colours are. */
export function qrText(url: string): string {
  const WHITE_ON_BLACK = "\x1b[38;5;231;48;5;16m", RESET = "\x1b[0m";
  return renderUnicodeCompact(url, { border: 2 })
    .split("\n").map((line) => WHITE_ON_BLACK + line + RESET).join("\n");
}
