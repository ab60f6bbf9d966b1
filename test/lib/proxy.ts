import { selfSigned } from "../../server/http/tls.ts";
import { freePort } from "./free_port.ts";

/** A reverse proxy that runs with the configuration of docs/operations, on free ports. */
export interface Proxy {
  /** https://127.0.0.1:… */
  readonly url: string;
  /** Where it sends plain HTTP on to HTTPS. */
  readonly plainUrl: string;
  /** Its certificate, to be trusted. */
  readonly ca: string;
  /** @returns what it has logged, of requests and of errors */
  close(): Promise<string>;
}

const DOCS = new URL("../../docs/operations/", import.meta.url);
const START_MS = 20_000;

type Program = "nginx" | "haproxy";

/** Where the program is; null where it is not installed. Debian keeps it outside of most paths. */
export async function findProgram(program: Program): Promise<string | null> {
  for (const folder of [...Deno.env.get("PATH")!.split(":"), "/usr/sbin"]) {
    const path = `${folder}/${program}`;
    if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) return path;
  }
  return null;
}

/** A server behind a proxy: http://127.0.0.1:…, and where its agent answers, if anywhere. */
export interface Backend {
  url: string;
  agentPort?: number;
}

export async function startProxy(program: Program, backends: Backend[]): Promise<Proxy> {
  const folder = await Deno.makeTempDir({ prefix: "lkstream-proxy-" });
  const { cert, key } = await selfSigned(["127.0.0.1"]);
  await Deno.writeTextFile(`${folder}/fullchain.pem`, cert);
  await Deno.writeTextFile(`${folder}/privkey.pem`, key);
  await Deno.writeTextFile(`${folder}/lkstream.pem`, `${cert}\n${key}\n`);
  const ports = { https: freePort(), http: freePort() };
  const args = await configure[program](folder, ports, backends);
  const child = new Deno.Command((await findProgram(program))!, {
    args,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  let hasEnded = false;
  child.status.then(() => hasEnded = true);
  const end = performance.now() + START_MS;
  while (!await listens(ports.https)) {
    if (hasEnded || performance.now() > end) {
      throw new Error(`Cannot start ${program}: ${(await output).join("")}`);
    }
    await new Promise((later) => setTimeout(later, 20));
  }
  return {
    url: `https://127.0.0.1:${ports.https}`,
    plainUrl: `http://127.0.0.1:${ports.http}`,
    ca: cert,
    async close() {
      if (!hasEnded) child.kill("SIGTERM");
      await child.status;
      const logged = (await output).join("") + (await Promise.all(
        ["access.log", "error.log"].map((name) =>
          Deno.readTextFile(`${folder}/${name}`).catch(() => "")
        ),
      )).join("");
      await Deno.remove(folder, { recursive: true });
      return logged;
    },
  };
}

type Configure = (
  folder: string,
  ports: { https: number; http: number },
  backends: Backend[],
) => Promise<string[]>;

/** Writes the documents' configuration with other ports and places. Returns the arguments that use it. */
const configure: Record<Program, Configure> = {
  async nginx(folder, ports, backends) {
    const site = (await Deno.readTextFile(new URL("nginx.conf", DOCS)))
      .replaceAll(/listen \[::\].*/g, "")
      .replace("listen 443", `listen 127.0.0.1:${ports.https}`)
      .replace("listen 80", `listen 127.0.0.1:${ports.http}`)
      .replace(...servers(backends, ({ url }) => `    server ${new URL(url).host}`))
      .replaceAll("/etc/ssl/lkstream", folder)
      .replaceAll("/var/log/nginx/lkstream.log", `${folder}/access.log`)
      .replaceAll("/var/log/nginx/lkstream-error.log", `${folder}/error.log`);
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${folder}/${name};`).join(" ");
    const main = `daemon off; master_process off; pid ${folder}/pid; error_log stderr;
      events {} http { ${temporary} ${site} }`;
    await Deno.writeTextFile(`${folder}/nginx.conf`, main);
    return ["-p", folder, "-e", "stderr", "-c", `${folder}/nginx.conf`];
  },
  async haproxy(folder, ports, backends) {
    const config = (await Deno.readTextFile(new URL("haproxy.cfg", DOCS)))
      .replace(/^ +(user|group) haproxy$/gm, "")
      .replace("bind :443", `bind 127.0.0.1:${ports.https}`)
      .replace("bind :80", `bind 127.0.0.1:${ports.http}`)
      .replace(...servers(backends, ({ url, agentPort }, i) => {
        const agent = agentPort === undefined ? "no-agent-check" : `agent-port ${agentPort}`;
        return `    server s${i} ${new URL(url).host} ${agent}`;
      }))
      .replaceAll("/etc/haproxy", folder)
      .replace("log /dev/log local0", `log stdout format raw local0`);
    await Deno.writeTextFile(`${folder}/haproxy.cfg`, config);
    return ["-f", `${folder}/haproxy.cfg`];
  },
};

/** Replaces the documents' lines of servers by those of `backends`; what stands behind an address stays. */
function servers(
  backends: Backend[],
  line: (backend: Backend, i: number) => string,
): [RegExp, (lines: string) => string] {
  return [/(^ +server .*127\.0\.0\.1.*\n)+/m, (lines) => {
    const options = / max_fails.*$/m.exec(lines)?.[0] ?? "";
    return backends.map((backend, i) => `${line(backend, i)}${options}\n`).join("");
  }];
}

async function listens(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}
