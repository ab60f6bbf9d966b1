/** `deno task bench`: how long everything takes, on this machine, after checking that it is right. */
import { selectEngine } from "../server/engines/select.ts";
import { benchEngine } from "./engines.ts";
import { benchRoundTrip } from "./round_trip.ts";

const cores = navigator.hardwareConcurrency;
console.log(`lkstream bench, ${Deno.build.target}, ${cores} cores, Deno ${Deno.version.deno}`);
const engine = await selectEngine("auto", 3840 * 2160);
try {
  await benchEngine(engine);
  await benchRoundTrip(engine);
} finally {
  await engine.close();
}
