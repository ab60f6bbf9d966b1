/** `deno task track`: tracks an image sequence, every frame of it, in this process. */
import { ProtocolError, type Tracks } from "../../protocol/mod.ts";
import { type FlowEngine, FrameError } from "../engines/engine.ts";
import { Tracker } from "../tracker.ts";
import { type Flag, readChoice, readNumber, runCommand } from "./command_line.ts";
import { COLOURINGS } from "./drawing/colours.ts";
import { FrameFolder } from "./drawing/frame_folder.ts";
import { OUTPUT_FLAGS, TracksOutput } from "./output.ts";
import { Progress } from "./progress.ts";
import { ENGINE_FLAGS, openEngine, OPTION_FLAGS, OPTIONS_HELP, readOptions } from "./settings.ts";
import { openSource, type Source, SOURCE_HELP, type SourceFrame } from "./source.ts";
import { Summary } from "./summary.ts";

const FLAGS = {
  ...OUTPUT_FLAGS,
  draw: { type: "string", value: "FOLDER", text: "draws each frame with its points as a JPEG" },
  trail: { type: "string", value: "N", text: "frames that a drawn trail goes back (default 20)" },
  colour: { type: "string", value: "BY", text: "of what is drawn: direction (default) or speed" },
  fps: { type: "string", value: "N", text: "frames a second, for the timestamps (default 30)" },
  ...ENGINE_FLAGS,
  ...OPTION_FLAGS,
} as const satisfies Record<string, Flag>;

/** Live points at most, as in a session. */
const MAX_POINTS = 10_000;

/** What is done with each frame and its tracks. */
type Take = (frame: SourceFrame, tracks: Tracks) => Promise<void>;

/** Tracks frame after frame. One that does not decode is told and passed over: its number is left out. */
async function trackAll(
  source: Source,
  tracker: Tracker,
  fps: number,
  summary: Summary,
  take: Take,
): Promise<void> {
  using progress = new Progress(source.count);
  let seq = -1;
  for await (const frame of source.frames) {
    progress.update(++seq);
    const started = performance.now();
    try {
      const step = await tracker.process(frame.jpeg);
      const server = performance.now() - started;
      const timing = { ...step.timing, queue: 0, server };
      const tracks = { ...step, seq, timestamp: 1000 * seq / fps, dropped: 0, timing };
      summary.count(tracks);
      await take(frame, tracks);
    } catch (error) {
      if (!(error instanceof FrameError || error instanceof ProtocolError)) throw error;
      progress.clear();
      summary.passOver(`${frame.name}: ${error.message}`);
    }
  }
}

async function withEngine(engine: FlowEngine, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } finally {
    await engine.close();
  }
}

await runCommand({
  name: "track",
  usage: "SOURCE [flags]",
  about:
    "Tracks points through every frame of SOURCE and writes a line of JSON a frame, the tracks\n" +
    `message of docs/protocol.md.\n\n${SOURCE_HELP}`,
  flags: FLAGS,
  notes: OPTIONS_HELP,
  async run({ values, positionals }, signal) {
    const fps = readNumber("fps", values.fps ?? "30", 0.001, 100_000);
    const trail = readNumber("trail", values.trail ?? "20", 0, 10_000);
    const colour = readChoice("colour", values.colour ?? "direction", COLOURINGS);
    const options = await readOptions(values);
    const source = await openSource(positionals, signal);
    const engine = await openEngine(values);
    await withEngine(engine, async () => {
      using output = await TracksOutput.open(values);
      const folder = values.draw === undefined
        ? null
        : await FrameFolder.open(values.draw, { colour, length: trail });
      await using sequence = engine.open();
      const summary = new Summary(engine.info);
      await trackAll(
        source,
        new Tracker(sequence, options, MAX_POINTS),
        fps,
        summary,
        async ({ jpeg }, tracks) => {
          await output.write(tracks);
          await folder?.add(jpeg, tracks);
        },
      );
      summary.finish(source.damaged());
    });
  },
});
