/** What the server may do on the machine: what `deno task start` allows, and no more. */
import assert from "node:assert/strict";
import { permissions } from "../../server/permissions.ts";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);
const ALLOWED = permissions([]);

/** Runs `code` with the server's permissions; resolves with what it prints. */
async function runAsServer(code: string, flags: readonly string[] = ALLOWED): Promise<string> {
  const file = await Deno.makeTempFile({
    dir: fileURLToPath(new URL("dist/", ROOT)),
    suffix: ".ts",
  });
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
  // whether this is Alpine Linux: node-gyp-build looks for it, with the variables of its own
  assert.ok(ALLOWED.includes("--allow-read=.,/etc/alpine-release,/dev/tty"));
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

/** As `process.platform` and `process.arch`: for which bufferutil comes built. */
const BUILT_FOR = ["linux-x64", "darwin-x64", "darwin-arm64", "win32-x64", "win32-ia32"];
const isBuilt = BUILT_FOR.includes(`${process.platform}-${process.arch}`);
if (!isBuilt) console.log("permissions: bufferutil is not built for this machine, ws does without");

for (const where of ["in the main thread", "in several threads"]) {
  Deno.test({
    name: `permissions: frames are unmasked by native code ${where}`,
    ignore: !isBuilt,
    async fn() {
      // what ws finds, as ws finds it: without a permission it falls back in silence
      const found = `
        import { createRequire } from "node:module";
        const require = createRequire(createRequire(import.meta.url).resolve("ws"));
        console.log(String(require("bufferutil").unmask).includes("[native code]"));`;
      const threads = `
        if (!("WorkerGlobalScope" in globalThis)) {
          for (let i = 0; i < 2; i++) {
            await new Promise((done) => {
              const worker = new Worker(import.meta.url, { type: "module" });
              worker.onmessage = () => { done(); };
            });
          }
          Deno.exit();
        }
        postMessage("");`;
      const isMain = where === "in the main thread";
      const printed = await runAsServer(isMain ? found : found + threads);
      assert.deepEqual(printed.trim().split("\n"), Array(isMain ? 1 : 3).fill("true"));
    },
  });
}

Deno.test("permissions: what it needs, it may", async () => {
  const code = 'Deno.readTextFileSync("deno.json"); Deno.env.get("LKSTREAM_TOKEN")';
  assert.equal((await runAsServer(attempt(code))).trim(), "done");
});
