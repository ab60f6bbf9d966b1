/**
 * Runs tests, several files at once, over one browser and one server that they
 * share: `deno task test` runs all, `deno task test test/page` what is named.
 */
import { INSECURE_HOST, serveBrowser, SHARED_BROWSER } from "./lib/browser.ts";
import { SHARED_SERVER, start } from "./lib/running.ts";

const named = Deno.args.length > 0 ? Deno.args : ["test/"];
/**
 * Files wait much of their time: one more than there are cores keeps those busy. With two more, the
 * same tests take an eighth more of the processors.
 */
const jobs = Deno.env.get("DENO_JOBS") ?? `${navigator.hardwareConcurrency + 1}`;
/** Types are checked by `deno task check`. */
const flags = ["-A", "--no-check", "--parallel", "--sanitize-ops", "--sanitize-resources"];

// Where a proxy is set, it is asked for this machine too, unless told otherwise.
for (const name of ["NO_PROXY", "no_proxy"]) {
  Deno.env.set(name, `127.0.0.0/8,localhost,[::1],${INSECURE_HOST}`);
}

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
