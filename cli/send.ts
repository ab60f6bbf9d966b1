/** `deno task send`: plays an image sequence to a server and prints the tracks. */
import { FrameError } from "../tracking/engine.ts";
import { connect } from "../client/sdk/connection/connection.ts";
import { defineCommand, type Flag, readNumber, runProcess, UsageError } from "./command_line.ts";
import { type Io, printLine } from "./io.ts";
import { OUTPUT_FLAGS, TracksOutput } from "./output.ts";
import { toJpeg } from "./pictures/to_jpeg.ts";
import { play, type PlayedFrame } from "./player.ts";
import { SentJpegs } from "./sent_jpegs.ts";
import { OPTION_FLAGS, OPTIONS_HELP, readOptions } from "./settings.ts";
import { isAddress, isLive } from "./sources/ffmpeg_arguments.ts";
import { openSource, SOURCE_HELP } from "./source.ts";
import type { Source, SourceFrame } from "./sources/frames.ts";

const FLAGS = {
  ...OUTPUT_FLAGS,
  fps: {
    type: "string",
    value: "N",
    text:
      "frames a second (default: as the source has it, else 30); 0: each after the last's answer",
  },
  loop: { type: "boolean", text: "begins again after the last file, until interrupted" },
  stream: {
    type: "string",
    value: "NAME",
    text: "the stream's name, under which a server that publishes tracks does so",
  },
  token: { type: "string", value: "T", text: "the server's token; LKSTREAM_TOKEN hides it better" },
  ...OPTION_FLAGS,
} as const satisfies Record<string, Flag>;

const DEFAULT_URL = "http://127.0.0.1:8000";

/**
 * The last name is the server's address, if it is one: host:port is meant to be, but says not how.
 * Alone, an address with a path is a camera's.
 */
function splitUrl(names: string[]): { url: string; sources: string[] } {
  const last = names.at(-1) ?? "";
  if (
    names.length === 1 && URL.canParse(last) && isAddress(last) && new URL(last).pathname !== "/"
  ) {
    return { url: DEFAULT_URL, sources: names };
  }
  if (/^[\w.-]+:\d+\/?$/.test(last)) {
    throw new UsageError(`Cannot connect to ${last}: write http://${last}`);
  }
  if (!/^(https?|wss?):\/\//.test(last)) return { url: DEFAULT_URL, sources: names };
  if (!URL.canParse(last)) throw new UsageError(`Cannot connect to ${last}: it is no address`);
  return { url: last, sources: names.slice(0, -1) };
}

/** The source's frames, over and over; their times go on. */
async function* looped(open: () => Promise<Source>, signal: AbortSignal) {
  let offset = 0, last = 0, step = 0;
  while (!signal.aborted) {
    let first: number | null = null;
    for await (const frame of (await open()).frames) {
      first ??= frame.time;
      const time = frame.time === null ? null : offset + frame.time;
      if (time !== null) [step, last] = [Math.max(0, time - last), time];
      yield { ...frame, time };
    }
    offset = last + step - (first ?? 0);
  }
}

/** The frames as JPEGs, each when what came before is written: a reader that lags is waited for. */
async function* toPlay(
  frames: AsyncIterable<SourceFrame>,
  written: () => Promise<void>,
  io: Pick<Io, "stderr">,
): AsyncGenerator<PlayedFrame> {
  for await (const { name, picture, time } of frames) {
    await written();
    try {
      yield { jpeg: await toJpeg(picture), time };
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      printLine(io, `Passed over ${name}: ${error.message}`);
    }
  }
}

export const main = defineCommand({
  program: "deno task send",
  usage: "SOURCE [URL] [flags]",
  about:
    `Plays SOURCE to the server at URL (default ${DEFAULT_URL}) and writes the tracks that come\n` +
    "back, a line of JSON a frame. Frames that are due while two are unanswered are skipped, as a\n" +
    `camera's would be; with --fps 0 every frame is tracked.\n\n${SOURCE_HELP}`,
  flags: FLAGS,
  notes: OPTIONS_HELP,
  async run({ values, positionals }, io) {
    const { signal } = io;
    const { url, sources } = splitUrl(positionals);
    const asked = values.fps === undefined ? null : readNumber("fps", values.fps, 0, 10_000);
    const endless = sources.find((name) => name === "-" || isLive(name));
    if (values.loop && endless !== undefined) {
      const what = endless === "-" ? "standard input" : endless;
      throw new UsageError(`Cannot loop ${what}: allowed are files`);
    }
    const options = await readOptions(values);
    const open = () => openSource(sources, io, "jpeg");
    const source = await open();
    const fps = asked ?? (source.isLive ? Infinity : null);
    const frames = values.loop ? looped(open, signal) : source.frames;
    const token = values.token ?? (io.env("LKSTREAM_TOKEN") || undefined);

    await using output = await TracksOutput.open(values, io, {
      epochMs: performance.timeOrigin,
      withAppearance: options.filter.appearance !== null,
    });
    const jpegs = new SentJpegs();
    using connection = connect(url, { token, stream: values.stream, options });
    let written = Promise.resolve();
    connection.on("tracks", (tracks) => {
      const jpeg = jpegs.take(tracks.seq);
      written = written.then(() => output.write(tracks, () => Promise.resolve(jpeg)));
      written.catch(() => {}); // told where it is awaited
    });
    connection.on("error", ({ seq, message }) => {
      printLine(io, seq === undefined ? message : `Passed over frame ${seq}: ${message}`);
    });
    connection.on("state", (state) => {
      if (state.name === "reconnecting" && connection.hello) printLine(io, state.error.message);
    });
    const { sent, skipped } = await play(
      toPlay(frames, () => written, io),
      connection,
      fps,
      signal,
      (seq, jpeg) => jpegs.put(seq, jpeg),
    );
    await written;
    const { answered, dropped, roundTrip } = connection.measured();
    if (answered === 0 && !signal.aborted) {
      throw new Error(`Cannot track: none of ${sent} frames was answered with tracks`);
    }
    printLine(
      io,
      `${answered} of ${sent} frames answered, ${dropped} dropped by the server, ${skipped} skipped` +
        (roundTrip ? `; round trip p50 ${roundTrip.p50.toFixed(1)} ms` : ""),
    );
  },
});

if (import.meta.main) await runProcess(main);
