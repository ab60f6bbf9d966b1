import assert from "node:assert/strict";
import { runTask } from "../lib/commands.ts";

Deno.test("commands: docs/tools.md has every flag that --help has", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/tools.md", import.meta.url));
  for (const name of ["flow", "track", "send"]) {
    const { stdout } = await runTask(name, ["--help"]);
    const flags = stdout.match(/(?<=^ {2}(-\w, )?)--\w+/gm)!;
    assert.ok(flags.length > 5, stdout);
    for (const flag of flags) {
      if (flag !== "--help") assert.match(page, new RegExp(`\`${flag}\\b`), `${name} ${flag}`);
    }
  }
});
