/** Bundles page and SDK into dist/client/, which the server serves by name. */
import * as esbuild from "esbuild";

const HERE = new URL(".", import.meta.url);
const OUT = new URL("../dist/client/", HERE);
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

const started = performance.now();
await esbuild.build({
  absWorkingDir: Deno.realPathSync(HERE),
  entryPoints: {
    "lkstream": "./sdk/mod.ts",
    "capture-worker": "./sdk/encoder_worker.ts",
    "stage-worker": "./page/stage_worker.ts",
    "page": "./page/main.ts", // brings page.css
  },
  outdir: emptied(OUT),
  bundle: true,
  format: "esm",
  target: ["chrome119", "firefox121", "safari17.4"], // the first with all that is used
  minify: true,
  sourcemap: "linked",
  logLevel: "warning",
  plugins: [sharedSdk],
});
await esbuild.stop();
for (const name of STATIC) Deno.copyFileSync(new URL(`page/${name}`, HERE), new URL(name, OUT));
console.log(`Built dist/client in ${Math.round(performance.now() - started)} ms`);

/** The folder's path, with nothing of an earlier build left in it. */
function emptied(url: URL): string {
  Deno.mkdirSync(url, { recursive: true });
  Deno.removeSync(url, { recursive: true });
  Deno.mkdirSync(url);
  return Deno.realPathSync(url);
}
