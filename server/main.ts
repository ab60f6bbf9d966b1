import { isLoopback } from "./address.ts";
import { type Config, helpText, readConfig, UnprotectedError } from "./config.ts";
import { type Credentials, Renewal } from "./credentials.ts";
import { fitConnections } from "./descriptors.ts";
import { LibC } from "./libc.ts";
import { refuseStart } from "./flags.ts";
import { checkHost } from "./http/listen_error.ts";
import { SERVER } from "./http/server.ts";
import { Lines } from "./lines.ts";
import { openLog } from "./log.ts";
import { run, type Running } from "./run.ts";
import { runThreads } from "./threads/threads.ts";
import { Sinks } from "./sinks/sinks.ts";
import { addresses, type KeyPair, qrText, readKeyPair, selfSigned } from "./http/tls.ts";

/** Whoever reads them, or does not, keeps nobody waiting. */
const output = new Lines(Deno.stdout);
const errors = new Lines(Deno.stderr);
const FLUSH_MS = 500;
/** A signal comes twice where it is sent to all processes of a terminal or a service: that is no second wish. */
const ONCE_MS = 1000;

async function config(): Promise<Config> {
  try {
    const config = readConfig(Deno.args, (name) => Deno.env.get(name));
    if (config) return fit(config);
  } catch (error) {
    // a host that does not exist is not to be protected
    if (error instanceof UnprotectedError) await checkHost(error.host);
    refuseStart(error);
  }
  console.log(Deno.args.includes("--version") ? SERVER : helpText());
  Deno.exit(0);
}

/** To the file descriptors that there are. */
function fit(wanted: Config): Config {
  using library = LibC.open();
  const { config, lowered } = fitConnections(wanted, library?.descriptorLimit ?? Infinity);
  if (lowered) errors.put(lowered);
  return config;
}

async function certificate({ tls, host }: Config): Promise<KeyPair | undefined> {
  if (tls !== "self-signed") return tls === "off" ? undefined : readKeyPair(tls);
  return await selfSigned(["localhost", "127.0.0.1", "::1", ...namesOf(host)]);
}

/** What flags, variables and the files that they name say now; a certificate made at the start stays. */
function readAgain(made: KeyPair | undefined): Credentials {
  const { tls, token, streamTokens } = readConfig(Deno.args, (name) => Deno.env.get(name))!;
  return { token, streamTokens, tls: typeof tls === "object" ? readKeyPair(tls) : made };
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
    errors.put("Cameras of other machines do not open over plain HTTP: see --tls and --cert");
    return;
  }
  const { port } = new URL(url);
  const isShown = Deno.stdout.isTerminal(); // a log is no place for the token
  const pages = namesOf(host).map((name) =>
    `https://${name.includes(":") ? `[${name}]` : name}:${port}/`
  );
  for (const page of pages) output.put(`From other machines: ${page}`);
  if (isShown && pages[0]) {
    output.put(
      qrText(token === null ? pages[0] : `${pages[0]}#token=${encodeURIComponent(token)}`),
    );
  }
}

/** Whether a terminal is read or written. It is lost before it is closed, where its shell ends first. */
function hasTerminal(): boolean {
  const streams = [Deno.stdin, Deno.stdout, Deno.stderr];
  return streams.some((stream) => stream.isTerminal()) && isControlled();
}

/** Whether a terminal controls this process. */
function isControlled(): boolean {
  try {
    Deno.openSync("/dev/tty").close();
    return true;
  } catch {
    return false;
  }
}

async function main(): Promise<void> {
  const wanted = await config();
  const tls = await certificate(wanted);
  const { log } = openLog(wanted.log);
  const { host, token, streamTokens, allowOrigins, limits } = wanted;
  const reached = { host, token, streamTokens, allowOrigins, limits, tls };
  const sinks = await Sinks.open(wanted.sinks.map((asked) => ({ ...asked, ...reached })), log);
  const server =
    await (wanted.threads > 1
      ? runThreads(wanted, tls, () => sinks.connect())
      : run(wanted, { tls, feeds: sinks.connect() }));

  const renewal = new Renewal({ token, streamTokens, tls }, {
    read: () => readAgain(tls),
    apply(credentials) {
      server.renew(credentials);
      sinks.renew(credentials);
    },
    log,
  });
  const hadTerminal = hasTerminal();

  let stoppingSince: number | null = null;
  const stop = async (drainMs: number) => {
    const now = performance.now();
    if (stoppingSince !== null && now - stoppingSince < ONCE_MS) return;
    if (stoppingSince !== null) Deno.exit(1); // asked again: at once, whatever is still at work
    stoppingSince = now;
    await server.close(drainMs);
    await sinks.close();
    await output.flush(FLUSH_MS);
    Deno.exit(0); // the engine ends with the process; a frame that hangs in it must not keep us
  };
  Deno.addSignalListener("SIGTERM", () => stop(wanted.drainMs));
  Deno.addSignalListener("SIGINT", () => stop(0)); // somebody waits at the terminal
  // two things by one name: a terminal that was closed, and an operator who asks to read files anew
  Deno.addSignalListener(
    "SIGHUP",
    () => hadTerminal && !hasTerminal() ? stop(0) : renewal.reload(),
  );

  // last: who reads it may send a signal at once
  const { name, device, reason } = server.engine;
  output.put(`lkstream listens on ${server.url}, engine ${name} (${device}): ${reason}`);
  invite(wanted, server, tls !== undefined);
}

try {
  await main();
} catch (error) {
  const why = error instanceof Error ? error.message : `${error}`;
  errors.put(`Cannot start: ${why.replace(/^Cannot /, "it cannot ")}`);
  await errors.flush(FLUSH_MS);
  Deno.exit(1);
}
