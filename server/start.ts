/**
 * Starts the server with no more permissions than its flags ask for, and with
 * the settings that keep its memory down. A process cannot give itself the
 * permission to read a certificate outside of this project: so this one, which
 * may do more and meets no client, looks at flags and variables, starts
 * `main.ts`, passes signals on and ends as it ends.
 */
import { checkVariables, filesOf } from "./config.ts";
import { refuseStart } from "./flags.ts";
import { permissions } from "./permissions.ts";

const ROOT = new URL("../", import.meta.url);
/** V8 collects what frames leave behind often, and glibc gives freed memory back: docs/operations.md says why. */
const V8_FLAGS = "--v8-flags=--max-semi-space-size=8";
const MALLOC = { MALLOC_MMAP_THRESHOLD_: "131072", MALLOC_TRIM_THRESHOLD_: "131072" };

function namedFiles(): string[] {
  try {
    checkVariables(Object.keys(Deno.env.toObject()));
    return filesOf(Deno.args, (name) => Deno.env.get(name));
  } catch (error) {
    refuseStart(error);
  }
}

const child = new Deno.Command(Deno.execPath(), {
  args: [
    ...["run", "--quiet", "--cached-only", "--config", "deno.start.json", V8_FLAGS],
    ...permissions(namedFiles()),
    ...["server/main.ts", ...Deno.args],
  ],
  cwd: ROOT,
  env: MALLOC,
  stdin: "inherit",
  stdout: "inherit",
  stderr: "inherit",
}).spawn();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.addSignalListener(signal, () => {
    try {
      child.kill(signal);
    } catch {
      // it has just ended
    }
  });
}
Deno.exit((await child.status).code);
