/**
 * Builds the native library into dist/native/, once for each content of its
 * sources. Where that cannot be done, says in one line what is missing and
 * leaves that line for the server: tracking then goes on with opencv.js. Says it
 * on standard error: after it, tools write data to standard output.
 */
import { forgetOthers } from "./cmake_cache.ts";

const ROOT = new URL("../", import.meta.url);
const NATIVE = new URL("native/", ROOT);
const BUILD = new URL("native/build-release/", ROOT);
const OUT = new URL("dist/native/", ROOT);
const LIBRARY = new URL("liblkstream.so", OUT);
const FRESH = new URL("liblkstream.so.new", OUT);
/** Held while building. */
const LOCK = new URL("lock", OUT);
/** The hash of the sources that the library was built from. */
const STAMP = new URL("sources.sha256", OUT);
/** Why there is no library. */
const REASON = new URL("reason.txt", OUT);
const REMEDY = "on Debian: apt-get install cmake g++ libjpeg62-turbo-dev";

/** Why the library cannot be built. */
class BuildError extends Error {}

async function main(): Promise<void> {
  if (Deno.env.get("LKSTREAM_LIBRARY")) return;
  const hash = await hashSources();
  if (await read(STAMP) === hash) return;
  const missing = await missingTool();
  if (missing && await read(REASON) === missing) return tell(missing); // and nothing is written
  await Deno.mkdir(OUT, { recursive: true });
  // who comes second waits, and then finds it built; the lock ends with the process
  using lock = await Deno.open(LOCK, { create: true, write: true });
  await lock.lock(true);
  if (await read(STAMP) === hash) return;
  try {
    await build();
    await forget(REASON);
    await Deno.writeTextFile(STAMP, hash);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    await forget(LIBRARY, STAMP);
    await Deno.writeTextFile(REASON, error.message);
    tell(error.message);
  }
}

function tell(reason: string): void {
  console.error(`The native library is not built: ${reason}`);
}

/** Why nothing can be built, if a tool is not installed. */
async function missingTool(): Promise<string | null> {
  for (const tool of ["cmake", "c++"]) {
    if (!await runs(tool)) return `${tool} is missing; ${REMEDY}`;
  }
  return null;
}

async function build(): Promise<void> {
  const missing = await missingTool();
  if (missing) throw new BuildError(missing);
  console.error("Building the native library, once…");
  try {
    await compile("AUTO");
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error("Building it without CUDA…"); // an nvcc too old, say, must not cost the CPU engine
    await compile("OFF");
  }
  // renamed over the old one, which a server may have in use
  await Deno.copyFile(new URL("liblkstream.so", BUILD), FRESH);
  await Deno.rename(FRESH, LIBRARY);
}

/** @param cuda AUTO builds the CUDA engine where nvcc is found */
async function compile(cuda: "AUTO" | "OFF"): Promise<void> {
  const generator = await runs("ninja") ? "Ninja" : "Unix Makefiles";
  await forgetOthers(path(BUILD), path(NATIVE), generator);
  const configured = await run([
    ...["-S", path(NATIVE), "-B", path(BUILD), "-G", generator, `-DLKSTREAM_CUDA=${cuda}`],
    ...["-DCMAKE_BUILD_TYPE=Release", "-DLKSTREAM_TESTS=OFF", "-DLKSTREAM_BENCH=OFF"],
  ], "quiet");
  if (!configured) throw new BuildError(`cmake cannot configure it, as told above; ${REMEDY}`);
  if (!await run(["--build", path(BUILD), "--target", "lkstream", "--parallel"], "told")) {
    throw new BuildError("it does not compile, as told above");
  }
}

function path(url: URL): string {
  return decodeURIComponent(url.pathname);
}

async function runs(tool: string): Promise<boolean> {
  try {
    const command = new Deno.Command(tool, { args: ["--version"], stdout: "null", stderr: "null" });
    return (await command.output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function run(args: string[], told: "told" | "quiet"): Promise<boolean> {
  const stdout = told === "told" ? "piped" : "null";
  const child = new Deno.Command("cmake", { args, stdout, stderr: "inherit" }).spawn();
  if (told === "told") await child.stdout.pipeTo(Deno.stderr.writable, { preventClose: true });
  return (await child.status).success;
}

/** Of every file that the library is made from, in a fixed order. */
async function hashSources(): Promise<string> {
  const files = ["CMakeLists.txt"];
  for (const folder of ["include/", "src/"]) await list(folder, files);
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (const file of files.toSorted()) {
    parts.push(new TextEncoder().encode(file), await Deno.readFile(new URL(file, NATIVE)));
  }
  const bytes = await new Blob(parts).arrayBuffer();
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

async function list(folder: string, files: string[]): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, NATIVE))) {
    if (isDirectory) await list(`${folder}${name}/`, files);
    else files.push(folder + name);
  }
}

async function read(file: URL): Promise<string | null> {
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

async function forget(...files: URL[]): Promise<void> {
  for (const file of files) {
    await Deno.remove(file).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
}

await main();
