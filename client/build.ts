/**
 * Bundles page and SDK into dist/client/, which the server serves by name, once
 * for each content of what they are made from: where nothing changed, nothing is
 * written. They are made aside and moved there file by file: a server that starts
 * meanwhile, from this build or another one, finds every file.
 */
import type * as esbuild from "esbuild";

const HERE = new URL(".", import.meta.url);
const DIST = new URL("../dist/", HERE);
const OUT = new URL("client/", DIST);
const STATIC = [
  "index.html",
  "favicon.svg",
  "icon-180.png",
  "icon-512.png",
  "manifest.webmanifest",
];
/** How it is built, and by which version of what. */
const RECIPE = ["build.ts", "../deno.start.json"];

/** What dist/client was built from, and what it then held. */
interface Stamp {
  /** SHA-256 of each file, by its path from this folder. */
  inputs: Record<string, string>;
  /** Names. */
  outputs: string[];
}
const STAMP = new URL("client.json", DIST);

/**
 * What the page loads as a file of its own: the SDK as everybody does, instead of a copy, and what
 * few need once they do.
 */
const APART: [source: RegExp, file: string][] = [
  [/\/sdk\/mod\.ts$/, "./lkstream.js"],
  [/\/formats\/mcap\.ts$/, "./mcap.js"],
];
const apart: esbuild.Plugin = {
  name: "apart",
  setup(build) {
    for (const [filter, path] of APART) {
      build.onResolve(
        { filter },
        ({ kind }) => kind === "entry-point" ? null : { path, external: true },
      );
    }
  },
};

/** @returns the files that it was built from, as paths from this folder */
async function build(folder: string): Promise<string[]> {
  const esbuild = await import("esbuild"); // only loaded where there is something to build
  const all: esbuild.BuildOptions = {
    absWorkingDir: Deno.realPathSync(HERE),
    outdir: folder,
    bundle: true,
    minify: true,
    metafile: true,
    logLevel: "warning",
  };
  const today = await esbuild.build({
    ...all,
    entryPoints: {
      "lkstream": "./sdk/mod.ts",
      "capture-worker": "./sdk/capture/encoder_worker.ts",
      "stage-worker": "./page/stage/stage_worker.ts",
      "service-worker": "./page/service_worker.ts",
      "page": "./page/main.ts", // brings page.css
      "mcap": "../formats/mcap.ts",
    },
    format: "esm",
    target: ["chrome110", "firefox121", "safari16.4"], // what client/page/floor.ts asks for
    sourcemap: "linked",
    plugins: [apart],
  });
  // No module: browsers too old for modules are told so.
  const old = await esbuild.build({
    ...all,
    entryPoints: { floor: "./page/floor.ts" },
    target: "es2015",
  });
  await esbuild.stop();
  for (const name of STATIC) {
    await Deno.copyFile(new URL(`page/${name}`, HERE), `${folder}/${name}`);
  }
  const inputs = [today, old].flatMap(({ metafile }) => Object.keys(metafile!.inputs));
  return [...RECIPE, ...STATIC.map((name) => `page/${name}`), ...inputs];
}

/** Moves the files of `folder` into OUT, and takes away what an earlier build left there. */
async function moveOut(folder: string): Promise<void> {
  const names = new Set(namesIn(folder));
  for (const name of names) await Deno.rename(`${folder}/${name}`, new URL(name, OUT));
  for (const name of namesIn(OUT)) {
    if (!names.has(name)) await Deno.remove(new URL(name, OUT)).catch(ignoreMissing);
  }
}

function namesIn(folder: string | URL): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).toSorted();
}

/** Another build may have been faster. */
function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

/** Whether all that OUT was built from is as it was, and OUT holds what was built. */
async function isFresh(): Promise<boolean> {
  try {
    const { inputs, outputs }: Stamp = JSON.parse(await Deno.readTextFile(STAMP));
    if (`${namesIn(OUT)}` !== `${outputs}`) return false;
    const hashes = await Promise.all(Object.keys(inputs).map(hash));
    return Object.values(inputs).every((was, i) => was === hashes[i]);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return false;
    throw error;
  }
}

async function hash(path: string): Promise<string> {
  const bytes = await Deno.readFile(new URL(path, HERE));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

async function main(): Promise<void> {
  if (await isFresh()) return;
  const started = performance.now();
  await Deno.mkdir(OUT, { recursive: true });
  const aside = await Deno.makeTempDir({ dir: Deno.realPathSync(DIST), prefix: "client-" });
  try {
    const files = await build(aside);
    const outputs = namesIn(aside);
    const inputs = Object.fromEntries(
      await Promise.all(files.map(async (file) => [file, await hash(file)])),
    );
    await moveOut(aside);
    const stamp: Stamp = { inputs, outputs };
    await Deno.writeTextFile(`${aside}/stamp`, JSON.stringify(stamp, null, 2));
    await Deno.rename(`${aside}/stamp`, STAMP);
  } finally {
    await Deno.remove(aside, { recursive: true });
  }
  console.log(`Built dist/client in ${Math.round(performance.now() - started)} ms`);
}

await main();
