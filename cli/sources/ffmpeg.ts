import type { Grey } from "../../tracking/engine.ts";
import type { Picture } from "../pictures/picture.ts";
import { FrameReader } from "./frame_reader.ts";
import { howToInstall, inputArguments, withoutPasswords } from "./ffmpeg_arguments.ts";

/** What ffmpeg is to make of each frame: its grey levels, or a JPEG. */
export type Form = "grey" | "jpeg";

const ENCODE: Record<Form, string[]> = {
  grey: ["-pix_fmt", "gray", "-c:v", "rawvideo"],
  jpeg: ["-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-q:v", "2"],
};
const MUXER: Record<Form, string> = { grey: "rawvideo", jpeg: "mjpeg" };

/** A frame of a video, and its time in the container, in milliseconds from the first one on. */
export interface VideoFrame {
  picture: Picture;
  time: number;
}

/**
 * A video or a camera, read by ffmpeg. Each frame comes twice out of it, by one `tee`: on standard
 * output its bytes, and before that, on standard error, a line of `framecrc` with its time and size.
 */
export class Ffmpeg {
  /** Frames, as the container's duration and rate have it; null where it does not say. */
  count: number | null = null;
  /** What ffmpeg complained of and went on, in its own words. */
  readonly complaints: string[] = [];
  readonly #input: string;
  readonly #form: Form;
  readonly #program: string;

  /** @param program where it is not the one of the PATH */
  constructor(input: string, form: Form, program = "ffmpeg") {
    this.#input = input;
    this.#form = form;
    this.#program = program;
  }

  /**
   * Its frames, until it ends or `signal` aborts; ffmpeg is ended with the loop.
   *
   * @throws {Error} saying why ffmpeg cannot read the input, or how to install it.
   */
  async *frames(signal: AbortSignal): AsyncGenerator<VideoFrame> {
    const child = this.#start();
    const end = () => kill(child);
    signal.addEventListener("abort", end);
    const report = new Report(child.stderr);
    const bytes = new FrameReader(child.stdout);
    let frames = 0;
    try {
      for await (const { time, size } of report.frames()) {
        if (signal.aborted) return;
        this.count ??= report.count;
        const data = await bytes.take(size);
        if (!data) break;
        frames++;
        yield { picture: this.#picture(data, report.size), time };
      }
      const { success } = await child.status;
      this.complaints.push(...report.complaints);
      if (!success && !signal.aborted) throw this.#refusal(report, frames);
    } finally {
      signal.removeEventListener("abort", end);
      end();
      await Promise.all([bytes.close(), report.close(), child.status]);
    }
  }

  #start(): Deno.ChildProcess {
    try {
      return new Deno.Command(this.#program, {
        args: [
          ...["-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info"],
          ...inputArguments(this.#input),
          // every frame once, at its own time, which is kept to the microsecond
          ...["-map", "0:v:0", "-fps_mode", "passthrough", "-enc_time_base", "1/1000000"],
          ...ENCODE[this.#form],
          ...["-flush_packets", "1", "-f", "tee"],
          `[f=framecrc:flush_packets=1]pipe:2|[f=${MUXER[this.#form]}:flush_packets=1]pipe:1`,
        ],
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new Error(
        withoutPasswords(
          `Cannot read ${this.#input}: ffmpeg does that, and it is not installed. ${howToInstall()}`,
        ),
      );
    }
  }

  #picture(data: Uint8Array, size: { width: number; height: number }): Picture {
    if (this.#form === "jpeg") return data;
    return { ...size, data } satisfies Grey;
  }

  #refusal({ complaints }: Report, frames: number): Error {
    const place = frames > 0 ? ` after ${frames} frames` : "";
    const why = complaints.some((line) => line.startsWith("Unrecognized option"))
      ? "this ffmpeg is too old, allowed are 5.1 and later"
      : `ffmpeg says: ${this.#reason(complaints)}`;
    return new Error(withoutPasswords(`Cannot read ${this.#input}${place}: ${why}`));
  }

  /** The last complaint, which names the input once more. */
  #reason(complaints: string[]): string {
    const last = complaints.at(-1) ?? "nothing";
    const prefix = [`file:${this.#input}: `, `${this.#input}: `].find((p) => last.startsWith(p));
    return last.slice(prefix?.length ?? 0);
  }
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL"); // it has nothing to lose, and a camera that is gone may hold it
  } catch {
    // it has ended
  }
}

/** General ends of a run that say nothing of its cause. */
const GENERAL = /^(Conversion failed!|Error opening (input|output) files?.*|Exiting.*)$/;

/** What ffmpeg writes on standard error. */
class Report {
  count: number | null = null;
  size = { width: 0, height: 0 };
  readonly complaints: string[] = [];
  readonly #lines: ReadableStreamDefaultReader<string>;
  #tick = { seconds: 1, parts: 1 };
  #seconds: number | null = null;

  constructor(stderr: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#lines = stderr.pipeThrough(new TextDecoderStream()).pipeThrough(lines()).getReader();
  }

  /** Time in milliseconds and bytes of each frame. */
  async *frames(): AsyncGenerator<{ time: number; size: number }> {
    for (;;) {
      const { value: line, done } = await this.#lines.read();
      if (done) return;
      const [, time, size] = /^0, *-?\d+, *(-?\d+), *\d+, *(\d+), *0x/.exec(line) ?? [];
      if (time) yield { time: this.#milliseconds(Number(time)), size: Number(size) };
      else this.#read(line);
    }
  }

  #milliseconds(ticks: number): number {
    return ticks * this.#tick.seconds * 1000 / this.#tick.parts;
  }

  #read(line: string): void {
    const [, ticks, second] = /^#tb 0: (\d+)\/(\d+)/.exec(line) ?? [];
    if (ticks) this.#tick = { seconds: Number(ticks), parts: Number(second) };
    const [, width, height] = /^#dimensions 0: (\d+)x(\d+)/.exec(line) ?? [];
    if (width) this.size = { width: Number(width), height: Number(height) };
    const [, h, m, s] = /^\[info\] +Duration: (\d+):(\d+):([\d.]+)/.exec(line) ?? [];
    if (h) this.#seconds = 3600 * Number(h) + 60 * Number(m) + Number(s);
    const [, rate] = /^\[info\] +Stream #0:.*Video:.* ([\d.]+) fps/.exec(line) ?? [];
    if (rate && this.#seconds) this.count ??= Math.round(this.#seconds * Number(rate));
    const [, complaint] = /\[(?:error|fatal|panic)\] (.*)/.exec(line) ?? [];
    if (complaint && !GENERAL.test(complaint)) this.complaints.push(complaint.trim());
  }

  async close(): Promise<void> {
    await this.#lines.cancel().catch(() => {});
  }
}

/** Text as lines, the last one too where it has no end. */
function lines(): TransformStream<string, string> {
  let rest = "";
  return new TransformStream({
    transform(text, controller) {
      const parts = (rest + text).split("\n");
      rest = parts.pop()!;
      for (const part of parts) controller.enqueue(part);
    },
    flush(controller) {
      if (rest) controller.enqueue(rest);
    },
  });
}
