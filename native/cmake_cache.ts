/**
 * Removes a build folder that CMake would refuse: it was filled for sources
 * elsewhere, as in a checkout that was moved or copied, or for another generator.
 *
 * @param build absolute path of the build folder
 * @param source absolute path of the sources
 * @param generator as CMake names it
 */
export async function forgetOthers(
  build: string,
  source: string,
  generator: string,
): Promise<void> {
  const cache = await readCache(`${build.replace(/\/$/, "")}/CMakeCache.txt`);
  if (cache === null) return;
  const entry = (name: string) => new RegExp(`^${name}:INTERNAL=(.*)$`, "m").exec(cache)?.[1];
  const isOurs = entry("CMAKE_HOME_DIRECTORY") === source.replace(/\/$/, "") &&
    entry("CMAKE_GENERATOR") === generator;
  if (!isOurs) await Deno.remove(build, { recursive: true });
}

async function readCache(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
