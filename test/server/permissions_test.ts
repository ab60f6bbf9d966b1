/** What the server may do on the machine: what `deno task start` allows, and no more. */
import assert from "node:assert/strict";
import { permissions } from "../../server/permissions.ts";

const ROOT = new URL("../../", import.meta.url);
const ALLOWED = permissions([]);

/** Runs `code` with the server's permissions; resolves with what it prints. */
async function runAsServer(code: string, flags: readonly string[] = ALLOWED): Promise<string> {
  const file = await Deno.makeTempFile({ dir: new URL("dist/", ROOT).pathname, suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, code);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", ...flags, file],
      cwd: ROOT,
      env: { LKSTREAM_TOKEN: "seen" },
    }).output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  } finally {
    await Deno.remove(file);
  }
}

const attempt = (code: string) =>
  `try { ${code}; console.log("done") } catch (error) { console.log(error.name) }`;

Deno.test("permissions: they are listed, not all", () => {
  assert.ok(
    !ALLOWED.some((flag) => ["-A", "--allow-all", "--allow-run", "--allow-write"].includes(flag)),
  );
  assert.ok(ALLOWED.includes("--allow-read=."));
});

for (
  const [name, code] of [
    ["read outside the project", 'Deno.readTextFileSync("/etc/passwd")'],
    [
      "read the home directory",
      'Deno.readDirSync(Deno.env.get("HOME") ?? "/root")[Symbol.iterator]().next()',
    ],
    [
      "read by a way out of the project",
      'Deno.readTextFileSync("dist/../" + "../../".repeat(20) + "etc/passwd")',
    ],
    ["write a file, in the project too", 'Deno.writeTextFileSync("dist/x", "")'],
    ["run a program", 'new Deno.Command("true").outputSync()'],
    ["see other variables", 'Deno.env.get("PATH")'],
    ["ask who it runs as", "Deno.uid()"],
  ]
) {
  Deno.test(`permissions: the server cannot ${name}`, async () => {
    assert.equal((await runAsServer(attempt(code))).trim(), "NotCapable");
    assert.equal((await runAsServer(attempt(code), ["-A"])).trim(), "done", "the attempt itself");
  });
}

Deno.test("permissions: what it needs, it may", async () => {
  const code = 'Deno.readTextFileSync("deno.json"); Deno.env.get("LKSTREAM_TOKEN")';
  assert.equal((await runAsServer(attempt(code))).trim(), "done");
});
