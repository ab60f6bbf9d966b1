/**
 * Bundles page and SDK into dist/client/, which the server serves by name. They
 * are made aside and moved there file by file: a server that starts meanwhile,
 * from this build or another one, finds every file.
 */
import * as esbuild from "esbuild";

const HERE = new URL(".", import.meta.url);
const DIST = new URL("../dist/", HERE);
const OUT = new URL("client/", DIST);
const STATIC = ["index.html", "favicon.svg"];

/** The page loads the SDK as everybody does, from /lkstream.js, instead of a copy of its own. */
const sharedSdk: esbuild.Plugin = {
  name: "shared-sdk",
  setup(build) {
    build.onResolve(
      { filter: /\/sdk\/mod\.ts$/ },
      ({ kind }) => kind === "entry-point" ? null : { path: "./lkstream.js", external: true },
    );
  },
};

async function build(folder: string): Promise<void> {
  await esbuild.build({
    absWorkingDir: Deno.realPathSync(HERE),
    entryPoints: {
      "lkstream": "./sdk/mod.ts",
      "capture-worker": "./sdk/capture/encoder_worker.ts",
      "stage-worker": "./page/stage/stage_worker.ts",
      "page": "./page/main.ts", // brings page.css
    },
    outdir: folder,
    bundle: true,
    format: "esm",
    target: ["chrome119", "firefox121", "safari17.4"], // the first with all that is used
    minify: true,
    sourcemap: "linked",
    logLevel: "warning",
    plugins: [sharedSdk],
  });
  await esbuild.stop();
  for (const name of STATIC) {
    await Deno.copyFile(new URL(`page/${name}`, HERE), `${folder}/${name}`);
  }
}

/** Moves the files of `folder` into OUT, and takes away what an earlier build left there. */
async function moveOut(folder: string): Promise<void> {
  const names = new Set(Array.from(Deno.readDirSync(folder), ({ name }) => name));
  for (const name of names) await Deno.rename(`${folder}/${name}`, new URL(name, OUT));
  for (const { name } of Deno.readDirSync(OUT)) {
    if (!names.has(name)) await Deno.remove(new URL(name, OUT)).catch(ignoreMissing);
  }
}

/** Another build may have been faster. */
function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

const started = performance.now();
await Deno.mkdir(OUT, { recursive: true });
const aside = await Deno.makeTempDir({ dir: Deno.realPathSync(DIST), prefix: "client-" });
try {
  await build(aside);
  await moveOut(aside);
} finally {
  await Deno.remove(aside, { recursive: true });
}
console.log(`Built dist/client in ${Math.round(performance.now() - started)} ms`);
