/**
 * What the examples share: the addon, and pictures by their files. In a project of your own the addon
 * is a package: `import { decodeGrey, Engine } from "lkstream-addon"` (docs/addon.md).
 */
import { buildAddon } from "../../native/addon/build.ts";
import { loadAddon } from "../../native/addon/engine.ts";
import type { Image } from "../../native/addon/index.d.ts";
import { decodePng, isPng } from "../../cli/pictures/png.ts";
import { sample } from "./sample.ts";

const addon = loadAddon(await buildAddon());

export const { Engine } = addon;
export type { Image };

const MAX_PIXELS = 100_000_000;

/** `cv.imread(file, cv.IMREAD_GRAYSCALE)` */
export async function readGrey(file: string): Promise<Image> {
  const bytes = await Deno.readFile(file);
  return isPng(bytes) ? decodePng(bytes, MAX_PIXELS) : await addon.decodeGrey(bytes);
}

/** The command line: `[pictures] [-o drawing.png]`; without pictures, those of the sample. */
export async function readArguments(
  drawing: string,
  frames = 2,
): Promise<{ images: Image[]; output: string }> {
  const at = Deno.args.indexOf("-o");
  const output = at < 0 ? drawing : Deno.args[at + 1];
  const files = at < 0 ? Deno.args : Deno.args.toSpliced(at, 2);
  const images = files.length > 0 ? await Promise.all(files.map(readGrey)) : sample(frames);
  return { images, output };
}
