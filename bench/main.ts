/** `deno task bench`: how long everything takes, on this machine, after checking that it is right. */
import { EngineError, type FlowEngine } from "../tracking/engine.ts";
import { ENGINE_NAMES } from "../protocol/mod.ts";
import { selectEngine } from "../engines/select.ts";
import { benchCommands } from "./commands.ts";
import { benchEngines } from "./engines.ts";
import { benchOpenCv } from "./opencv.ts";
import { benchRoundTrip } from "./round_trip.ts";

const OPTIONS = {
  library: Deno.env.get("LKSTREAM_LIBRARY") ?? null,
  maxFramePixels: 3840 * 2160,
  deadlineMs: 60_000,
};

/** Every engine that runs here, from the fastest on. */
async function openEngines(): Promise<FlowEngine[]> {
  const engines: FlowEngine[] = [];
  for (const name of ENGINE_NAMES) {
    try {
      engines.push(await selectEngine(name, OPTIONS));
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      console.log(`No ${name} engine: ${error.message}`);
    }
  }
  return engines;
}

const cores = navigator.hardwareConcurrency;
console.log(`lkstream bench, ${Deno.build.target}, ${cores} cores, Deno ${Deno.version.deno}`);
const engines = await openEngines();
try {
  await benchEngines(engines);
  await benchOpenCv();
  for (const engine of engines) await benchRoundTrip(engine);
  for (const { info } of engines) await benchCommands(info);
} finally {
  for (const engine of engines) await engine.close();
}
