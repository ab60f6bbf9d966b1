import type { Limits } from "../protocol/mod.ts";
import { type Config, ConfigError, helpText, readConfig } from "./config.ts";
import type { FlowEngine } from "./engines/engine.ts";
import { selectEngine } from "./engines/select.ts";
import { type RunningServer, serve } from "./http.ts";
import { logToStderr } from "./log.ts";

/** Live points a session may have, found or added. */
const MAX_POINTS = 10_000;

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

async function start(config: Config): Promise<[FlowEngine, RunningServer]> {
  const { maxFrameBytes, maxFramePixels } = config;
  const limits: Limits = { maxFrameBytes, maxFramePixels, maxPoints: MAX_POINTS };
  const engine = await selectEngine(config.engine, { library: config.library, maxFramePixels });
  try {
    return [engine, await serve({ ...config, engine, limits, log: logToStderr })];
  } catch (error) {
    await engine.close();
    throw error;
  }
}

async function main(): Promise<void> {
  const [{ info }, server] = await start(config());
  const { name, device, reason } = info;
  console.log(`lkstream listens on ${server.url}, engine ${name} (${device}): ${reason}`);

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
