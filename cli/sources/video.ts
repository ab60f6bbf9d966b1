import { type Io, printLine } from "../io.ts";
import type { Source, SourceFrame } from "./frames.ts";
import { Ffmpeg, type Form } from "./ffmpeg.ts";
import { isLive, withoutPasswords } from "./ffmpeg_arguments.ts";

/** A camera that was there before is tried again so soon, and then ever later, in milliseconds. */
const FIRST_PAUSE = 500, LONGEST_PAUSE = 10_000;

/**
 * A video, or a camera, through ffmpeg. A camera that drops is told and waited for; one that never
 * gave a frame ends the frames with an error, as a video does that cannot be read.
 */
export function videoSource(
  name: string,
  io: Pick<Io, "signal" | "stderr">,
  form: Form,
  program?: string,
): Source {
  let count: number | null = null;
  let number = 0;
  async function* once(startedAt: number): AsyncGenerator<SourceFrame> {
    const ffmpeg = new Ffmpeg(name, form, program);
    for await (const { picture, time } of ffmpeg.frames(io.signal)) {
      count = ffmpeg.count;
      yield { name: `${name}, frame ${number++}`, picture, time: startedAt + time };
    }
    const [first, ...more] = ffmpeg.complaints;
    if (first === undefined) return;
    const others = more.length > 0 ? `, and ${more.length} times more` : "";
    printLine(io, withoutPasswords(`ffmpeg complained about ${name}: ${first}${others}`));
  }
  const frames = isLive(name) ? reopened(once, name, io) : once(0);
  return { count: () => count, frames, isLive: isLive(name), damaged: () => 0 };
}

/** Opens a camera again and again; times go on. */
async function* reopened(
  open: (startedAt: number) => AsyncIterable<SourceFrame>,
  name: string,
  { signal, stderr }: Pick<Io, "signal" | "stderr">,
): AsyncGenerator<SourceFrame> {
  const began = performance.now();
  let pause = FIRST_PAUSE, hadFrames = false;
  while (!signal.aborted) {
    let why = withoutPasswords(`Cannot go on with ${name}: it ended`);
    try {
      for await (const frame of open(hadFrames ? performance.now() - began : 0)) {
        yield frame;
        [pause, hadFrames] = [FIRST_PAUSE, true];
      }
    } catch (error) {
      if (!hadFrames) throw error;
      why = (error as Error).message;
    }
    if (signal.aborted) return;
    if (!hadFrames) throw new Error(withoutPasswords(`Cannot read ${name}: it has no frame`));
    printLine({ stderr }, `${why}; trying again in ${pause / 1000} s`);
    await wait(pause, signal);
    pause = Math.min(2 * pause, LONGEST_PAUSE);
  }
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise.finally(() => clearTimeout(timer));
}
