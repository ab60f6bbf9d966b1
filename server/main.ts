import { isLoopback } from "./address.ts";
import { type Config, ConfigError, helpText, readConfig } from "./config.ts";
import type { ServeOptions } from "./http.ts";
import { run } from "./run.ts";
import { runThreads } from "./threads.ts";

function config(): Config {
  try {
    const config = readConfig(Deno.args, (name) => Deno.env.get(name));
    if (config) return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(`${error.message}\n\n${helpText()}`);
    Deno.exit(2);
  }
  console.log(helpText());
  Deno.exit(0);
}

function certificate({ tls }: Config): ServeOptions["tls"] {
  if (tls === "off") return undefined;
  if (tls === "self-signed") throw new Error("not yet");
  return { cert: Deno.readTextFileSync(tls.cert), key: Deno.readTextFileSync(tls.key) };
}

async function main(): Promise<void> {
  const wanted = config();
  const tls = certificate(wanted);
  const server = await (wanted.threads > 1 ? runThreads(wanted, tls) : run(wanted, { tls }));
  const { name, device, reason } = server.engine;
  console.log(`lkstream listens on ${server.url}, engine ${name} (${device}): ${reason}`);
  if (!tls && !isLoopback(wanted.host)) {
    console.error("Browsers of other machines open no camera over plain HTTP: --tls self-signed");
  }

  let stopping = false;
  const stop = async () => {
    if (stopping) Deno.exit(1); // asked again: at once, whatever is still at work
    stopping = true;
    await server.close();
    Deno.exit(0); // the engine ends with the process; a frame that hangs in it must not keep us
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);
}

try {
  await main();
} catch (error) {
  console.error(`Cannot start: ${error instanceof Error ? error.message : error}`);
  Deno.exit(1);
}
