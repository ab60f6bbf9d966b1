/**
 * Makes the SDK an npm package, dist/lkstream-VERSION.tgz: one ES module with its worker, one file
 * of types, no dependencies.
 */
import { generateDtsBundle } from "dts-bundle-generator";
import * as esbuild from "esbuild";
import config from "../deno.json" with { type: "json" };

const ROOT = new URL("..", import.meta.url);
const DIST = new URL("dist/", ROOT);
const OUT = new URL("npm/", DIST);

const MANIFEST = {
  name: "lkstream",
  version: config.version,
  description:
    "Points followed through camera frames by an lkstream server: connection, capture, " +
    "latency governor",
  keywords: ["optical flow", "tracking", "lucas-kanade", "camera", "websocket"],
  license: config.license,
  type: "module",
  exports: {
    ".": { types: "./lkstream.d.ts", default: "./lkstream.js" },
    "./package.json": "./package.json",
  },
  types: "./lkstream.d.ts",
  sideEffects: false,
  engines: { node: ">=20" },
};
/** Whose code is in the bundle. */
const BUNDLED = "valibot";

await bundle();
writeTypes();
write("package.json", JSON.stringify(MANIFEST, null, 2) + "\n");
writeReadme();
copy("LICENSE", "LICENSE");
copy(`node_modules/${BUNDLED}/LICENSE.md`, `LICENSE-${BUNDLED}.md`);
const { success, stdout } = await new Deno.Command("npm", {
  args: ["pack", "--silent", "--pack-destination", path(DIST)],
  cwd: OUT,
  stderr: "inherit",
}).output();
if (!success) Deno.exit(1);
console.log(`Packed dist/${new TextDecoder().decode(stdout).trim()}`);

async function bundle(): Promise<void> {
  Deno.mkdirSync(OUT, { recursive: true });
  Deno.removeSync(OUT, { recursive: true });
  await esbuild.build({
    absWorkingDir: Deno.realPathSync(ROOT),
    entryPoints: {
      "lkstream": "client/sdk/mod.ts",
      "capture-worker": "client/sdk/capture/encoder_worker.ts",
    },
    outdir: path(OUT),
    bundle: true,
    format: "esm",
    target: "es2022",
    logLevel: "warning",
  });
  await esbuild.stop();
}

function path(url: URL): string {
  return decodeURIComponent(url.pathname);
}

/** One file for all types, those of {@linkcode BUNDLED} that they need among them. */
function writeTypes(): void {
  const project = new URL("tsconfig.json", OUT);
  const compilerOptions = {
    target: "esnext",
    module: "esnext",
    moduleResolution: "bundler",
    lib: ["esnext", ...config.compilerOptions.lib.filter((name) => name.startsWith("dom"))],
    types: [],
    strict: true,
    skipLibCheck: true, // most of the time went there
    allowImportingTsExtensions: true,
    noEmit: true,
  };
  const entry = path(new URL("client/sdk/mod.ts", ROOT));
  Deno.writeTextFileSync(project, JSON.stringify({ compilerOptions, files: [entry] }));
  const [types] = generateDtsBundle([{
    filePath: entry,
    libraries: { inlinedLibraries: [BUNDLED] },
    output: { noBanner: true, exportReferencedTypes: false },
  }], { preferredConfigPath: path(project) });
  Deno.removeSync(project);
  // Projects for Node name neither library.
  const libraries = ["dom", "esnext.disposable"].map((lib) => `/// <reference lib="${lib}" />\n`);
  write("lkstream.d.ts", libraries.join("") + types);
}

/** The package has no other documents: of links to them only the text is left. */
function writeReadme(): void {
  const text = Deno.readTextFileSync(new URL("docs/sdk.md", ROOT));
  write("README.md", text.replace(/\[([^\]]+)\]\((?!#|https?:)[^)]*\)/g, "$1"));
}

function write(name: string, text: string): void {
  Deno.writeTextFileSync(new URL(name, OUT), text);
}

function copy(from: string, to: string): void {
  Deno.copyFileSync(new URL(from, ROOT), new URL(to, OUT));
}
