import { buildAddon, MissingToolError } from "../../native/addon/build.ts";

/** Registers tests of the addon, at this path; where it cannot be built, one that says why. */
export async function withAddon(register: (path: string) => void): Promise<void> {
  let path: string;
  try {
    path = await buildAddon();
  } catch (error) {
    if (!(error instanceof MissingToolError)) throw error;
    console.warn(`Tests of the addon are skipped. ${error.message}`);
    return Deno.test({ name: `addon: skipped. ${error.message}`, ignore: true, fn: () => {} });
  }
  register(path);
}
