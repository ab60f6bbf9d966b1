/** `deno task track`: tracks an image sequence, every frame of it, in this process. */
import type { Tracks } from "../protocol/mod.ts";
import { FrameError } from "../tracking/engine.ts";
import { type Step, Tracker } from "../tracking/tracker.ts";
import { defineCommand, type Flag, readChoice, readNumber, runProcess } from "./command_line.ts";
import { COLOUR_SPELLINGS, COLOURINGS } from "./drawing/colours.ts";
import { FrameFolder } from "./drawing/frame_folder.ts";
import { give, GIVEN_FLAGS, readGiven, usualWith } from "./given.ts";
import { OUTPUT_FLAGS, TracksOutput } from "./output.ts";
import { type Picture, toFrame } from "./pictures/picture.ts";
import { toJpeg } from "./pictures/to_jpeg.ts";
import { Progress } from "./progress.ts";
import { ENGINE_FLAGS, openEngine, OPTION_FLAGS, OPTIONS_HELP, readOptions } from "./settings.ts";
import { openSource, SOURCE_HELP } from "./source.ts";
import type { SourceFrame } from "./sources/frames.ts";
import { Summary } from "./summary.ts";

const FLAGS = {
  ...OUTPUT_FLAGS,
  draw: { type: "string", value: "FOLDER", text: "draws each frame with its points as a JPEG" },
  trail: { type: "string", value: "N", text: "frames that a drawn trail goes back (default 20)" },
  colour: {
    type: "string",
    also: COLOUR_SPELLINGS,
    value: "BY",
    text: "of what is drawn: direction (default) or speed",
  },
  fps: {
    type: "string",
    value: "N",
    text: "frames a second, for timestamps (default: what the source says, else 30)",
  },
  ...GIVEN_FLAGS,
  ...ENGINE_FLAGS,
  ...OPTION_FLAGS,
} as const satisfies Record<string, Flag>;

/** Live points at most, as in a session. */
const MAX_POINTS = 10_000;

/** Where neither flag nor source says how many. */
const USUAL_FPS = 30;

/** Tracks frame after frame. One that does not decode is told and passed over: its number is left out. */
async function* trackAll(
  frames: AsyncIterable<SourceFrame>,
  tracker: Tracker,
  fps: number | null,
  passOver: (why: string) => void,
): AsyncGenerator<{ picture: Picture; tracks: Tracks }> {
  let seq = -1;
  for await (const { name, picture, time } of frames) {
    seq++;
    const started = performance.now();
    let step: Step;
    try {
      step = await tracker.process(toFrame(picture));
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      passOver(`${name}: ${error.message}`);
      continue;
    }
    const timing = { ...step.timing, queue: 0, server: performance.now() - started };
    const timestamp = fps === null && time !== null ? time : 1000 * seq / (fps ?? USUAL_FPS);
    yield { picture, tracks: { ...step, seq, timestamp, dropped: 0, timing } };
  }
}

export const main = defineCommand({
  program: "deno task track",
  usage: "SOURCE [flags]",
  about:
    "Tracks points through every frame of SOURCE and writes a line of JSON a frame, the tracks\n" +
    `message of docs/protocol.md.\n\n${SOURCE_HELP}`,
  flags: FLAGS,
  notes: OPTIONS_HELP,
  async run({ values, positionals }, io) {
    const fps = values.fps === undefined ? null : readNumber("fps", values.fps, 0.001, 100_000);
    const trail = readNumber("trail", values.trail ?? "20", 0, 10_000);
    const colour = readChoice("colour", values.colour ?? "direction", COLOURINGS);
    const options = await readOptions(values, usualWith(values));
    const given = await readGiven(values, options, MAX_POINTS);
    const source = await openSource(positionals, io, "grey");
    const engine = await openEngine(values, io);
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => engine.close());

    await using output = await TracksOutput.open(values, io, {
      withAppearance: options.filter.appearance !== null,
    });
    const folder = values.draw === undefined
      ? null
      : await FrameFolder.open(values.draw, { colour, length: trail });
    await using sequence = engine.open();
    const tracker = new Tracker(sequence, options, MAX_POINTS);
    give(tracker, given);
    const summary = new Summary(engine.info, io);
    using progress = new Progress(io);
    const passOver = (why: string) => {
      progress.clear();
      summary.passOver(why);
    };
    for await (const { picture, tracks } of trackAll(source.frames, tracker, fps, passOver)) {
      summary.count(tracks);
      await output.write(tracks, () => toJpeg(picture));
      await folder?.add(picture, tracks);
      progress.update(tracks.seq + 1, source.count());
    }
    progress.clear();
    summary.finish(source.damaged());
  },
});

if (import.meta.main) await runProcess(main);
