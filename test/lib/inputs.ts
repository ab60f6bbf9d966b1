const FOLDER = new URL("../inputs/", import.meta.url);

/** A file of test/inputs, whose README says what each is. */
export async function readInput(name: string): Promise<Uint8Array<ArrayBuffer>> {
  return await Deno.readFile(new URL(name, FOLDER));
}

/** The JPEGs of test/inputs, or of a folder in it, by name. */
export async function readFolder(
  folder: "" | "small/",
): Promise<{ name: string; jpeg: Uint8Array<ArrayBuffer> }[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(new URL(folder, FOLDER))) {
    if (name.endsWith(".jpg")) names.push(name);
  }
  names.sort();
  return await Promise.all(
    names.map(async (name) => ({ name, jpeg: await readInput(folder + name) })),
  );
}
