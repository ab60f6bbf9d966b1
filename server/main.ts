import { isLoopback } from "./address.ts";
import { type Config, ConfigError, helpText, readConfig } from "./config.ts";
import { run, type Running } from "./run.ts";
import { runThreads } from "./threads/threads.ts";
import { addresses, type KeyPair, qrText, selfSigned } from "./http/tls.ts";

function config(): Config {
  try {
    const config = readConfig(Deno.args, (name) => Deno.env.get(name));
    if (config) return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(`${error.message}\n--help tells the flags`);
    Deno.exit(2);
  }
  console.log(helpText());
  Deno.exit(0);
}

function certificate({ tls, host }: Config): Promise<KeyPair> | KeyPair | undefined {
  if (tls === "off") return undefined;
  if (tls === "self-signed") return selfSigned(["localhost", "127.0.0.1", "::1", ...namesOf(host)]);
  return { cert: readPem("cert", tls.cert), key: readPem("key", tls.key) };
}

function readPem(flag: string, file: string): string {
  try {
    return Deno.readTextFileSync(file);
  } catch (error) {
    const why = (error as Error).message.split(",")[0];
    throw new Error(
      `Cannot read --${flag} ${file} (${why}): allowed are files in this folder, the only one that ` +
        "the server may read",
    );
  }
}

/** By what others reach a server that listens on `host`. */
function namesOf(host: string): string[] {
  if (host === "::") return addresses();
  if (host === "0.0.0.0") return addresses().filter((address) => !address.includes(":"));
  return isLoopback(host) ? [] : [host];
}

/** Says how others reach the page: their cameras open over HTTPS alone. */
function invite({ host, token }: Config, { url }: Running, isSecure: boolean): void {
  if (isLoopback(host)) return;
  if (!isSecure) {
    console.error("Cameras of other machines do not open over plain HTTP: see --tls and --cert");
    return;
  }
  const { port } = new URL(url);
  const isShown = Deno.stdout.isTerminal(); // a log is no place for the token
  const pages = namesOf(host).map((name) =>
    `https://${name.includes(":") ? `[${name}]` : name}:${port}/`
  );
  for (const page of pages) console.log(`From other machines: ${page}`);
  if (isShown && pages[0]) {
    console.log(qrText(token === null ? pages[0] : `${pages[0]}?token=${token}`));
  }
}

async function main(): Promise<void> {
  const wanted = config();
  const tls = await certificate(wanted);
  const server = await (wanted.threads > 1 ? runThreads(wanted, tls) : run(wanted, { tls }));
  const { name, device, reason } = server.engine;
  console.log(`lkstream listens on ${server.url}, engine ${name} (${device}): ${reason}`);
  invite(wanted, server, tls !== undefined);

  let stopping = false;
  const stop = async (drainMs: number) => {
    if (stopping) Deno.exit(1); // asked again: at once, whatever is still at work
    stopping = true;
    await server.close(drainMs);
    Deno.exit(0); // the engine ends with the process; a frame that hangs in it must not keep us
  };
  Deno.addSignalListener("SIGTERM", () => stop(wanted.drainMs));
  Deno.addSignalListener("SIGINT", () => stop(0)); // somebody waits at the terminal
}

try {
  await main();
} catch (error) {
  console.error(`Cannot start: ${error instanceof Error ? error.message : error}`);
  Deno.exit(1);
}
