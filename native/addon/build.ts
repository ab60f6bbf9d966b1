/**
 * Builds `lkstream.node` over the library in dist/native, which is built first where it is not. As a
 * program it prints where it is:
 *
 *     deno run -A native/addon/build.ts
 */
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import headers from "node-api-headers";
import { forgetOthers } from "../cmake_cache.ts";

const SOURCE = dirname(fileURLToPath(import.meta.url));
const BUILD = resolve(SOURCE, "../build-addon");
/** Held while building; beside the folder, which may have to go. */
const LOCK = resolve(SOURCE, "../../dist/native/addon.lock");
const NATIVE = resolve(SOURCE, "../../dist/native");

/** What a machine may lack. */
export class MissingToolError extends Error {
  override readonly name = "MissingToolError";
}

/**
 * Builds what is not built yet.
 *
 * @returns the absolute path of `lkstream.node`
 * @throws {MissingToolError} where there is no CMake, C++ compiler or libjpeg-turbo
 */
export async function buildAddon(): Promise<string> {
  const library = await builtLibrary();
  await Deno.mkdir(dirname(LOCK), { recursive: true });
  using lock = await Deno.open(LOCK, { create: true, write: true });
  await lock.lock(true); // who comes second waits, and finds it built
  // Ninja where it is: it is quicker when there is nothing to do
  const generator = (await run(["--version"], "ninja")).ok ? "Ninja" : "Unix Makefiles";
  await forgetOthers(BUILD, SOURCE, generator);
  const configured = await run([
    ...["-S", SOURCE, "-B", BUILD, "-G", generator],
    `-DLKSTREAM_LIBRARY=${library}`,
    `-DNODE_API_HEADERS_DIR=${headers.include_dir}`,
    `-DNODE_ADDON_API_DIR=${packageFolder("node-addon-api")}`,
  ]);
  if (!configured.ok) throw reasonOf(configured.output);
  const jobs = Deno.env.get("CMAKE_BUILD_PARALLEL_LEVEL") ?? `${availableParallelism()}`;
  const built = await run(["--build", BUILD, "--parallel", jobs]);
  if (!built.ok) throw new Error(`Cannot build the addon:\n${built.output}`);
  await layBeside(library);
  return join(BUILD, "lkstream.node");
}

/** The addon looks for the library beside itself. */
async function layBeside(library: string): Promise<void> {
  const beside = join(BUILD, "liblkstream.so");
  if (await Deno.readLink(beside).catch(() => null) === library) return;
  await Deno.remove(beside).catch(() => {});
  await Deno.symlink(library, beside);
}

/** The library that the server takes, or would. */
export async function builtLibrary(): Promise<string> {
  const own = Deno.env.get("LKSTREAM_LIBRARY");
  if (own) return resolve(own);
  const build = resolve(SOURCE, "../build.ts");
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--allow-all", build],
    stdout: "inherit",
    stderr: "inherit", // it tells how far it is
  }).output();
  const library = join(NATIVE, "liblkstream.so");
  if (success && await Deno.stat(library).catch(() => null)) return library;
  const reason = await Deno.readTextFile(join(NATIVE, "reason.txt")).catch(() => "it failed");
  throw new MissingToolError(`Cannot build the addon without the native library: ${reason}`);
}

interface Run {
  ok: boolean;
  output: string;
}

async function run(args: string[], program = "cmake"): Promise<Run> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
    const decoder = new TextDecoder();
    return { ok: success, output: decoder.decode(stdout) + decoder.decode(stderr) };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { ok: false, output: `${program}: not found` };
  }
}

function packageFolder(name: string): string {
  return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
}

const MISSING: [RegExp, string][] = [
  [/^cmake: not found/, "cmake is missing (on Debian: apt-get install cmake)"],
  [
    /No CMAKE_C(XX)?_COMPILER|not able to compile a simple test program/,
    "a C++ compiler is missing (on Debian: apt-get install g++)",
  ],
  [
    /without libjpeg-turbo|Could NOT find JPEG/,
    "libjpeg-turbo is missing (on Debian: apt-get install libjpeg62-turbo-dev)",
  ],
];

function reasonOf(output: string): Error {
  for (const [pattern, reason] of MISSING) {
    if (pattern.test(output)) return new MissingToolError(`Cannot build the addon: ${reason}`);
  }
  return new Error(`Cannot configure the addon:\n${output}`);
}

if (import.meta.main) {
  try {
    console.log(await buildAddon());
  } catch (error) {
    console.error((error as Error).message);
    Deno.exit(1);
  }
}
