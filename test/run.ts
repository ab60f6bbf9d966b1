/**
 * Runs tests, several files at once, over one browser and one server that they
 * share: `deno task test` runs all, `deno task test test/page` what is named.
 */
import { serveBrowser, SHARED_BROWSER } from "./lib/browser.ts";
import { SHARED_SERVER, start } from "./lib/running.ts";

const named = Deno.args.length > 0 ? Deno.args : ["test/"];
/** Files wait much of their time: two more than there are cores keep those busy. */
const jobs = Deno.env.get("DENO_JOBS") ?? `${navigator.hardwareConcurrency + 2}`;
/** Types are checked by `deno task check`. */
const flags = ["-A", "--no-check", "--parallel", "--sanitize-ops", "--sanitize-resources"];

const server = await start();
const browser = await serveBrowser();
try {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["test", ...flags, ...named],
    env: {
      DENO_JOBS: jobs,
      [SHARED_SERVER]: server.url,
      [SHARED_BROWSER]: browser.wsEndpoint(),
    },
  }).spawn().status;
  Deno.exitCode = code;
} finally {
  await browser.close();
  await server.stop();
}
