/** `deno task flow`: how points move from one picture to another. */
import {
  cannot,
  defineCommand,
  type Flag,
  readChoice,
  readNumber,
  runProcess,
  UsageError,
} from "./command_line.ts";
import { COLOUR_SPELLINGS, COLOURINGS } from "./drawing/colours.ts";
import { flowScene } from "./drawing/flow_scene.ts";
import { withoutExif } from "./drawing/picture.ts";
import type { Layer, Scene } from "./drawing/scene.ts";
import { toSvg } from "./drawing/svg.ts";
import { GIVEN_FLAGS, readGiven, usualWith } from "./given.ts";
import { printLine, writeAll } from "./io.ts";
import { ENGINE_FLAGS, openEngine, OPTION_FLAGS, OPTIONS_HELP, readOptions } from "./settings.ts";
import type { Picture } from "./pictures/picture.ts";
import { readPicture } from "./source.ts";
import {
  followTwo,
  type TwoPictures,
  twoPicturesToCsv,
  twoPicturesToJson,
} from "./two_pictures.ts";

const UNDER = ["b", "a", "both", "none"] as const;
type Under = typeof UNDER[number];

/** As many as can be found. */
const MAX_POINTS = 10_000;

const FLAGS = {
  output: { type: "string", short: "o", value: "FILE", text: "the drawing: .svg, .png or .jpg" },
  json: { type: "boolean", text: "the points on standard output; so too without -o" },
  csv: { type: "boolean", text: "the points as CSV, a row each" },
  colour: {
    type: "string",
    also: COLOUR_SPELLINGS,
    value: "BY",
    text: "direction (default) or speed",
  },
  scale: {
    type: "string",
    value: "N",
    text: "arrows N times as long as the movement (default: so that they are well seen)",
  },
  under: {
    type: "string",
    value: "PICTURE",
    text: "below the arrows: b (default), a, both or none",
  },
  ...GIVEN_FLAGS,
  ...ENGINE_FLAGS,
  ...OPTION_FLAGS,
} as const satisfies Record<string, Flag>;

/** Writes the drawing in the form that the file's name asks for. */
async function save(file: string, form: "svg" | "png" | "jpeg", scene: Scene): Promise<void> {
  const refuse = cannot(`write ${file}`);
  if (form === "svg") return await Deno.writeTextFile(file, toSvg(scene)).catch(refuse);
  const { Rasteriser } = await import("./drawing/raster.ts"); // only who paints waits for Skia
  const rasteriser = await Rasteriser.load();
  await Deno.writeFile(file, rasteriser.paint(scene, form)).catch(refuse);
}

function formOf(file: string): "svg" | "png" | "jpeg" {
  const ending = /\.(svg|png|jpe?g)$/i.exec(file)?.[1].toLowerCase();
  if (!ending) throw new UsageError(`Cannot draw to ${file}: allowed are .svg, .png and .jpg`);
  return ending === "svg" || ending === "png" ? ending : "jpeg";
}

function layersOf(under: Under, [a, b]: Picture[]): Layer[] {
  if (under === "both") return [{ picture: a, opacity: 1 }, { picture: b, opacity: 0.5 }];
  return under === "none" ? [] : [{ picture: under === "a" ? a : b, opacity: 1 }];
}

function summary({ engine, status, flow }: TwoPictures): string {
  const counts = new Map<string, number>();
  for (const what of status) counts.set(what, (counts.get(what) ?? 0) + 1);
  const tracked = counts.get("tracked") ?? 0;
  counts.delete("tracked");
  const lost = Array.from(counts, ([reason, count]) => `${count} ${reason.replaceAll("_", " ")}`);
  const median = flow ? `, median movement (${flow.map(short).join(", ")}) px` : "";
  return `${tracked} of ${status.length} points tracked on ${engine.name}${median}` +
    `${lost.length > 0 ? `; lost: ${lost.join(", ")}` : ""}`;
}

/** Two decimals; -0.001 is 0. */
function short(value: number): string {
  return `${Math.round(100 * value) / 100 || 0}`;
}

export const main = defineCommand({
  program: "deno task flow",
  usage: "A B [flags]",
  about:
    "Finds corners in A, follows them into B, draws an arrow for each over B. A and B are JPEGs or\n" +
    "PNGs.",
  flags: FLAGS,
  notes: OPTIONS_HELP,
  async run({ values, positionals }, io) {
    if (positionals.length !== 2) {
      const given = positionals.length === 1 ? "1 picture" : `${positionals.length} pictures`;
      throw new UsageError(`Cannot follow points through ${given}: allowed are two`);
    }
    const form = values.output === undefined ? null : formOf(values.output);
    const colour = readChoice("colour", values.colour ?? "direction", COLOURINGS);
    const under = readChoice("under", values.under ?? "b", UNDER);
    const scale = values.scale === undefined ? null : readNumber("scale", values.scale, 0.01, 1000);
    const options = await readOptions(values, usualWith(values));
    const given = await readGiven(values, options, MAX_POINTS);
    if ((given.points !== null) === options.detect.enabled) {
      throw new UsageError(
        "Cannot follow points: allowed are those that are found, or else those of --points",
      );
    }
    const [a, b] = await Promise.all(positionals.map(readPicture));
    const engine = await openEngine(values, io);
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => engine.close());

    const result = await followTwo(engine, a, b, options, given);
    if (form) {
      const layers = layersOf(under, [a, b].map(({ picture }) => withoutExif(picture)));
      await save(values.output!, form, flowScene(result, layers, { colour, scale }));
    }
    printLine(io, summary(result));
    if (values.csv) await writeAll(io.stdout, twoPicturesToCsv(result));
    else if (values.json || !form) {
      await writeAll(io.stdout, `${JSON.stringify(twoPicturesToJson(result))}\n`);
    }
  },
});

if (import.meta.main) await runProcess(main);
