/**
 * Makes the Node addon an npm package for machines like this one, dist/lkstream-addon-VERSION.tgz:
 * the addon, the library, the libjpeg-turbo that it was built with, types, and the licences of all.
 * As a program it prints where that is:
 *
 *     deno run -A native/addon/pack.ts
 */
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };
import { buildAddon, builtLibrary, MissingToolError } from "./build.ts";

const SOURCE = dirname(fileURLToPath(import.meta.url));
const ROOT = resolve(SOURCE, "../..");
const DIST = join(ROOT, "dist");
const OUT = join(DIST, "npm-addon");

const CPU: Record<string, string> = { x86_64: "x64", aarch64: "arm64" };
const MANIFEST = {
  name: "lkstream-addon",
  version: config.version,
  description:
    "Pyramidal Lucas–Kanade and goodFeaturesToTrack as OpenCV means them, on the CPU and NVIDIA " +
    "GPUs, for Node",
  keywords: ["optical flow", "tracking", "lucas-kanade", "goodFeaturesToTrack", "opencv"],
  license: config.license,
  main: "./index.cjs",
  types: "./index.d.ts",
  exports: {
    ".": { types: "./index.d.ts", import: "./index.mjs", require: "./index.cjs" },
    "./package.json": "./package.json",
  },
  os: ["linux"],
  cpu: [CPU[Deno.build.arch]],
  libc: ["glibc"],
  engines: { node: ">=20" },
};

const COMMON_JS = `module.exports = require("./lkstream.node");\n`;
const MODULE = `import addon from "./index.cjs";
export const { Engine, Sequence, decodeGrey, jpegInfo } = addon;
export default addon;
`;

/**
 * Builds the addon, and packs it.
 *
 * @returns the name of the package in dist/
 * @throws {MissingToolError} where there is no tool to build with, or a licence is not found
 */
export async function packAddon(): Promise<string> {
  console.error("Building the addon…");
  const addon = await buildAddon(), library = await builtLibrary();
  const libjpeg = await linked(library, /libjpeg\.so/);
  Deno.mkdirSync(OUT, { recursive: true });
  Deno.removeSync(OUT, { recursive: true });
  Deno.mkdirSync(OUT);
  for (const file of [addon, library, libjpeg]) Deno.copyFileSync(file, join(OUT, basename(file)));
  Deno.copyFileSync(join(SOURCE, "index.d.ts"), join(OUT, "index.d.ts"));
  Deno.copyFileSync(join(ROOT, "LICENSE"), join(OUT, "LICENSE"));
  Deno.copyFileSync(await jpegLicence(libjpeg), join(OUT, "LICENSE-libjpeg-turbo.txt"));
  const cuda = await cudaLicence(library);
  if (cuda) Deno.copyFileSync(cuda, join(OUT, "LICENSE-cuda-runtime.txt"));
  write("index.cjs", COMMON_JS);
  write("index.mjs", MODULE);
  write("package.json", JSON.stringify(MANIFEST, null, 2) + "\n");
  write("README.md", readme(glibcOf(addon, library, libjpeg)));
  return (await output("npm", ["pack", "--silent", "--pack-destination", DIST], OUT)).trim();
}

/** The file of a library that another one was linked with. */
async function linked(library: string, name: RegExp): Promise<string> {
  const lines = (await output("ldd", [library])).split("\n");
  const found = lines.find((line) => name.test(line))?.match(/=> (\S+)/)?.[1];
  if (!found) {
    throw new MissingToolError(`Cannot pack the addon: ${library} finds no ${name.source}`);
  }
  return found;
}

/** Debian and its kin lay it beside each package. */
async function jpegLicence(libjpeg: string): Promise<string> {
  for (const name of ["libjpeg62-turbo", "libjpeg-turbo8", "libjpeg-turbo"]) {
    const file = `/usr/share/doc/${name}/copyright`;
    if (await exists(file)) return file;
  }
  throw new MissingToolError(
    `Cannot pack the addon: the licence of ${libjpeg} is not in /usr/share/doc, where Debian has it`,
  );
}

/** NVIDIA's licence, where the library has CUDA's runtime in it; null where it has not. */
async function cudaLicence(library: string): Promise<string | null> {
  if (!contains(Deno.readFileSync(library), "cudaGetDeviceCount")) return null;
  const cache = Deno.readTextFileSync(resolve(SOURCE, "../build-release/CMakeCache.txt"));
  const [, linkedFrom] = /^CUDA_cudart_static_LIBRARY:FILEPATH=(.*)$/m.exec(cache)!;
  for (let folder = dirname(linkedFrom); folder !== "/"; folder = dirname(folder)) {
    const parts = await exists(join(folder, "dist-info"))
      ? Array.from(Deno.readDirSync(join(folder, "dist-info")), ({ name }) => name)
      : [];
    const runtime = parts.find((name) => name.startsWith("nvidia_cuda_runtime"));
    const own = runtime && join(folder, "dist-info", runtime, "licenses/License.txt");
    for (const file of [own, join(folder, "EULA.txt"), join(folder, "LICENSE")]) {
      if (file && await exists(file)) return file;
    }
  }
  const debian = "/usr/share/doc/nvidia-cuda-dev/copyright";
  if (await exists(debian)) return debian;
  throw new MissingToolError(`Cannot pack the addon: CUDA's licence is not above ${linkedFrom}`);
}

function exists(file: string): Promise<boolean> {
  return Deno.stat(file).then(() => true, () => false);
}

function contains(bytes: Uint8Array, text: string): boolean {
  return new TextDecoder("latin1").decode(bytes).includes(text);
}

/** The oldest C library that has all that the files ask for. */
function glibcOf(...files: string[]): string {
  const versions = files.flatMap((file) =>
    Array.from(
      new TextDecoder("latin1").decode(Deno.readFileSync(file)).matchAll(/GLIBC_2\.(\d+)/g),
      ([, minor]) => Number(minor),
    )
  );
  return `2.${Math.max(...versions)}`;
}

/** docs/addon.md. The package has no other documents: of links to them only the text is left. */
function readme(glibc: string): string {
  const text = Deno.readTextFileSync(join(ROOT, "docs/addon.md"));
  const needs =
    `This package was built for Linux on ${MANIFEST.cpu} with glibc ${glibc} or later.\n`;
  return text.replace(/\[([^\]]+)\]\((?!#|https?:)[^)]*\)/g, "$1")
    .replace(/^## /m, `${needs}\n## `);
}

async function output(program: string, args: string[], cwd?: string): Promise<string> {
  const { success, stdout } = await new Deno.Command(program, { args, cwd, stderr: "inherit" })
    .output();
  if (!success) throw new Error(`Cannot pack the addon: ${program} ${args.join(" ")} failed`);
  return new TextDecoder().decode(stdout);
}

function write(name: string, text: string): void {
  Deno.writeTextFileSync(join(OUT, name), text);
}

if (import.meta.main) {
  try {
    console.log(`Packed dist/${await packAddon()}`);
  } catch (error) {
    if (!(error instanceof MissingToolError)) throw error;
    console.error(error.message);
    Deno.exit(1);
  }
}
