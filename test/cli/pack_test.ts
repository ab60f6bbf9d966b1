import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { endInTime, openBrowser } from "../lib/browser.ts";
import { encodeJpeg } from "../lib/jpeg.ts";
import { type Running, start } from "../lib/running.ts";

const ROOT = new URL("../../", import.meta.url);
/** An empty project into which the package was installed. */
let project: string;
let server: Running;
let browser: Browser;

Deno.test.beforeAll(async () => {
  await ok("deno", ["task", "--quiet", "pack"], fileURLToPath(ROOT));
  project = await Deno.makeTempDir({ prefix: "lkstream-pack-" });
  const { version } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const tarball = fileURLToPath(new URL(`dist/lkstream-${version}.tgz`, ROOT));
  await Deno.writeTextFile(`${project}/package.json`, `{ "type": "module" }`);
  await ok("npm", ["install", "--offline", "--no-audit", "--no-fund", tarball]);
  server = await start();
  browser = await openBrowser();
});

Deno.test.afterAll(async () => {
  await browser?.close();
  await server?.stop();
  if (project) await Deno.remove(project, { recursive: true });
});

/** Runs a program, in the project by default, and gives its output; throws where it fails. */
async function ok(program: string, args: string[], cwd = project): Promise<string> {
  const command = program === "deno" ? Deno.execPath() : program;
  const { success, stdout, stderr } = await new Deno.Command(command, { args, cwd }).output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.ok(success, `${program} ${args.join(" ")}\n${out}\n${error}`);
  return out;
}

/** The examples of docs/sdk.md by the heading above each. */
async function examples(): Promise<Map<string, string>> {
  const text = await Deno.readTextFile(new URL("docs/sdk.md", ROOT));
  return new Map(
    text.split(/^## /m).flatMap((section) => {
      const code = /^```ts\n(.*?)^```$/ms.exec(section)?.[1];
      return code ? [[section.split("\n")[0], code]] : [];
    }),
  );
}

/** One of them, asking the test's server. */
async function example(heading: string): Promise<string> {
  return (await examples()).get(heading)!.replaceAll("http://localhost:8000", server.url);
}

function write(name: string, text: string | Uint8Array): Promise<void> {
  return Deno.writeFile(
    `${project}/${name}`,
    typeof text === "string" ? new TextEncoder().encode(text) : text,
  );
}

/** Ten frames of a mosaic that moves by a pixel. */
async function writeFrames(): Promise<void> {
  const width = 160, height = 120;
  await Deno.mkdir(`${project}/frames`, { recursive: true });
  for (let frame = 0; frame < 10; frame++) {
    const data = new Uint8Array(width * height);
    for (let i = 0; i < data.length; i++) {
      const x = Math.floor((i % width + frame) / 12), y = Math.floor(i / width / 12);
      data[i] = (x * 89 + y * 57) % 200 + 30;
    }
    await write(`frames/${frame}.jpg`, encodeJpeg({ width, height, data }));
  }
}

Deno.test("pack: the package has what it needs, and nothing else", () => {
  const names = Array.from(
    Deno.readDirSync(`${project}/node_modules/lkstream`),
    ({ name }) => name,
  );
  assert.deepEqual(names.sort(), [
    "LICENSE",
    "LICENSE-valibot.md",
    "README.md",
    "capture-worker.js",
    "lkstream.d.ts",
    "lkstream.js",
    "package.json",
  ]);
  const installed = Array.from(Deno.readDirSync(`${project}/node_modules`), ({ name }) => name);
  assert.deepEqual(installed.filter((name) => !name.startsWith(".")), ["lkstream"]);
});

Deno.test("pack: every link of its README leads somewhere", async () => {
  const text = await Deno.readTextFile(`${project}/node_modules/lkstream/README.md`);
  const links = Array.from(text.matchAll(/\]\(([^)]*)\)/g), ([, to]) => to);
  assert.ok(links.includes("#captures"));
  assert.deepEqual(links.filter((to) => !/^#|^https?:/.test(to)), []);
});

Deno.test("pack: the types are complete, and wrong use is an error", async () => {
  await write(
    "use.ts",
    `import { capture, connect, type FrameTimes, govern, type Options, type Tracks } from "lkstream";
const connection = connect("http://h", { options: { flow: { maxLevel: 2 } } });
connection.on("tracks", (tracks: Tracks) => { const xy: Float32Array = tracks.points.xy; void xy; });
connection.on("frame", ({ uplink }: FrameTimes) => uplink.toFixed());
const configured: Promise<Options> = connection.configure({ detect: { maxCorners: 5 } });
configured.then(({ filter }) => { const error: number | null = filter.maxError; void error; });
govern(capture(new OffscreenCanvas(1, 1), connection), connection).targetMs = 50;
// @ts-expect-error an option that is none
connect("http://h", { options: { flow: { maxlevel: 2 } } });
// @ts-expect-error an event that is none
connection.on("track", () => {});
// @ts-expect-error a number
connection.configure({ detect: { maxCorners: "5" } });
`,
  );
  const strict = {
    strict: true,
    skipDefaultLibCheck: true,
    noEmit: true,
    target: "es2022",
    lib: ["es2022"],
    types: [],
  };
  const compilerOptions = { ...strict, module: "nodenext" };
  await write("tsconfig.json", JSON.stringify({ compilerOptions, files: ["use.ts"] }));
  await ok("node", [fileURLToPath(new URL("node_modules/typescript/bin/tsc", ROOT))]);
});

Deno.test("pack: every example of the documents has right types", async () => {
  const sdk = new URL("client/sdk/mod.ts", ROOT).href;
  // the same in each run of this checkout, for Deno's cache of what was checked
  const folder = join(tmpdir(), `lkstream-examples${fileURLToPath(ROOT).replaceAll("/", "-")}`);
  await Deno.mkdir(folder, { recursive: true });
  const files = Array.from(await examples(), ([heading, code]) => {
    const file = join(folder, `${heading.replaceAll(" ", "_")}.ts`);
    Deno.writeTextFileSync(file, code.replace(`"lkstream"`, `"${sdk}"`));
    return file;
  });
  assert.equal(files.length, 4);
  const config = fileURLToPath(new URL("deno.json", ROOT));
  await ok("deno", ["check", "--quiet", "--config", config, ...files]);
});

Deno.test("pack: the example for Deno and Node runs in both", async () => {
  await writeFrames();
  await write("frames.mjs", await example("In Deno and Node"));
  const ws = new URL("node_modules/ws/wrapper.mjs", ROOT).href;
  await write("ws.mjs", `globalThis.WebSocket ??= (await import("${ws}")).WebSocket;`);
  const outputs = [
    await ok("deno", ["run", "-A", "--quiet", "frames.mjs"]),
    await ok("node", ["--import", "./ws.mjs", "frames.mjs"]), // Node 20 has no WebSocket
  ];
  for (const output of outputs) {
    const lines = output.trim().split("\n");
    assert.equal(lines.length, 10, output);
    for (const [i, line] of lines.entries()) {
      assert.match(line, new RegExp(`^frame ${i}: \\d{2,} points, the first at [\\d.]+,[\\d.]+$`));
    }
  }
});

Deno.test("pack: the examples for pages and workers run in a browser", async () => {
  const inBrowser = async (heading: string) =>
    (await example(heading)).replace(`"lkstream"`, `"${server.url}/lkstream.js"`);
  const options = { permissions: ["camera"], bypassCSP: true };
  await using page = endInTime(await browser.newPage(options));
  await page.goto(`${server.url}/healthz`);
  await page.addScriptTag({ type: "module", content: await inBrowser("In a page") });
  await page.waitForFunction(() => /^frame \d+: [1-9]\d* points$/.test(document.title));
  const points = await page.evaluate(async (code) => {
    const module = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    const worker = new Worker(module, { type: "module" });
    const points = await new Promise<number>((resolve, reject) => {
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.onmessage = ({ data: xy }) => xy.length > 0 && resolve(xy.length / 2);
    });
    worker.terminate();
    return points;
  }, await inBrowser("In a worker"));
  assert.ok(points > 0);
});
