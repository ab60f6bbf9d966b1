import { UsageError } from "./command_line.ts";
import type { Io } from "./io.ts";
import { MjpegSplitter } from "./mjpeg.ts";
import { isPictureName } from "./pictures/picture.ts";
import type { Form } from "./sources/ffmpeg.ts";
import { isAddress } from "./sources/ffmpeg_arguments.ts";
import type { Source, SourceFrame } from "./sources/frames.ts";
import { videoSource } from "./sources/video.ts";
import { listPictures, type TimedFile } from "./sources/dataset.ts";

/** What SOURCE may be, for the help. */
export const SOURCE_HELP =
  "SOURCE is a folder of JPEGs and PNGs, taken in natural order (2.jpg before 10.jpg), or one of\n" +
  "EuRoC, TUM RGB-D or KITTI; a list of files in the order given: pictures, MJPEG, and videos,\n" +
  "which ffmpeg reads (clip.mp4); a camera, as rtsp://…, http://…/mjpeg or /dev/video0, by ffmpeg\n" +
  "too; or - for MJPEG on standard input.";

/**
 * Opens a SOURCE of the command line.
 *
 * @param io whose standard input is -, and whose signal ends the frames
 * @param form what is made of a video's frames
 * @throws {UsageError} where nothing is named, or - or a camera among others.
 */
export async function openSource(
  names: string[],
  io: Pick<Io, "stdin" | "signal" | "stderr">,
  form: Form,
): Promise<Source> {
  if (names.length === 0) throw new UsageError("Cannot go on without SOURCE: name files, or -");
  const alone = names.find((name) => name === "-" || isAddress(name));
  if (alone !== undefined && names.length > 1) {
    throw new UsageError(`Cannot read ${alone} among files: name it alone`);
  }
  if (alone === "-") return fromStream(io.stdin, io.signal);
  if (alone !== undefined) return videoSource(alone, io, form);
  return fromFiles(await listFiles(names), io, form);
}

/** The files behind the names: each file, and the pictures of a folder. */
export async function listFiles(names: string[]): Promise<TimedFile[]> {
  const files: TimedFile[] = [];
  for (const name of names) {
    const { isDirectory } = await Deno.stat(name).catch((error) => refuse(name, error));
    files.push(...isDirectory ? await listFolder(name) : [{ file: name, time: null }]);
  }
  return files;
}

async function listFolder(folder: string): Promise<TimedFile[]> {
  const files = await listPictures(folder);
  if (files.length > 0) return files;
  throw new Error(`Cannot find a picture in ${folder}: it has no .jpg, .jpeg or .png`);
}

/** @throws {Error} naming the file, where it cannot be read. */
export async function readPicture(name: string): Promise<SourceFrame> {
  const picture = await Deno.readFile(name).catch((error) => refuse(name, error));
  return { name, picture, time: null };
}

function refuse(name: string, error: unknown): never {
  const why = error instanceof Deno.errors.NotFound ? "there is no such file or folder" : error;
  throw new Error(`Cannot read ${name}: ${why instanceof Error ? why.message : why}`);
}

function fromFiles(
  files: TimedFile[],
  io: Pick<Io, "signal" | "stderr">,
  form: Form,
): Source {
  let damaged = 0;
  const areFrames = files.every(({ file }) => isPictureName(file));
  let count = areFrames ? () => files.length : () => null as number | null;
  async function* frames(): AsyncGenerator<SourceFrame> {
    for (const { file, time } of files) {
      if (io.signal.aborted) return;
      if (isPictureName(file)) {
        yield { ...await readPicture(file), time };
        continue;
      }
      const clip = await openClip(file, io, form);
      if (files.length === 1) count = clip.count;
      yield* clip.frames;
      damaged += clip.damaged();
    }
  }
  return { count: () => count(), frames: frames(), isLive: false, damaged: () => damaged };
}

/** A file of MJPEG is cut here; other videos are for ffmpeg. */
async function openClip(
  name: string,
  io: Pick<Io, "signal" | "stderr">,
  form: Form,
): Promise<Source> {
  const file = await Deno.open(name).catch((error) => refuse(name, error));
  const start = new Uint8Array(2);
  const length = await file.read(start).catch((error) => refuse(name, error));
  const beginsAs = (...bytes: number[]) => bytes.every((byte, i) => start[i] === byte);
  const isMjpeg = /\.(mjpe?g|mjpg)$/i.test(name) || beginsAs(0xff, 0xd8) || beginsAs(0x2d, 0x2d);
  if (length && !isMjpeg) {
    file.close();
    return videoSource(name, io, form);
  }
  await file.seek(0, Deno.SeekMode.Start);
  return fromStream(file.readable, io.signal, `${name}, `);
}

function fromStream(
  stream: ReadableStream<Uint8Array>,
  signal: AbortSignal,
  prefix = "",
): Source {
  const splitter = new MjpegSplitter();
  async function* frames(): AsyncGenerator<SourceFrame> {
    const reader = stream.getReader();
    const cancel = () => reader.cancel().catch(() => {}); // ends the read that waits
    signal.addEventListener("abort", cancel);
    try {
      let number = 0;
      for (let isOver = false; !isOver;) {
        const { value, done } = await reader.read();
        isOver = done;
        for (const picture of value ? splitter.push(value) : splitter.end()) {
          if (signal.aborted) return;
          yield { name: `${prefix}frame ${number++}`, picture, time: null };
        }
      }
    } finally {
      signal.removeEventListener("abort", cancel);
      if (prefix) await cancel(); // closes the file
      reader.releaseLock();
    }
  }
  return {
    count: () => null,
    frames: frames(),
    isLive: false,
    damaged: () => splitter.damaged,
  };
}
