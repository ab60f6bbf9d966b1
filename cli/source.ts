import { UsageError } from "./command_line.ts";
import type { Io } from "./io.ts";
import { MjpegSplitter } from "./mjpeg.ts";
import { isPictureName, type Picture } from "./pictures/picture.ts";
import { listPictures, type TimedFile } from "./sources/dataset.ts";

/** What SOURCE may be, for the help. */
export const SOURCE_HELP =
  "SOURCE is a folder of JPEGs and PNGs, taken in natural order (2.jpg before 10.jpg), or one of\n" +
  "EuRoC, TUM RGB-D or KITTI; a list of files in the order given, pictures or else MJPEG\n" +
  "(clip.mjpeg); or - for MJPEG on standard input:\n" +
  "  ffmpeg -i clip.mp4 -f mjpeg -q:v 3 - | deno task track -";

/** A picture on its way into tracking. */
export interface SourceFrame {
  /** Its file, or its number in the stream. */
  name: string;
  picture: Picture;
  /** When it was taken, in milliseconds; null where nothing tells. */
  time: number | null;
}

/** Frames in order; runs through once. */
export interface Source {
  /** How many there are; null where only the end will tell. */
  count: number | null;
  frames: AsyncIterable<SourceFrame>;
  /** Frames of a stream that were cut short or damaged, so far. */
  damaged(): number;
}

/**
 * Opens a SOURCE of the command line.
 *
 * @param io whose standard input is -, and whose signal ends the frames
 * @throws {UsageError} where nothing is named, or - among others.
 */
export async function openSource(
  names: string[],
  io: Pick<Io, "stdin" | "signal">,
): Promise<Source> {
  if (names.length === 0) throw new UsageError("Cannot go on without SOURCE: name files, or -");
  if (!names.includes("-")) return fromFiles(await listFiles(names), io.signal);
  if (names.length > 1) throw new UsageError("Cannot read - among files: name it alone");
  return fromStream(io.stdin, io.signal);
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

function fromFiles(files: TimedFile[], signal: AbortSignal): Source {
  let damaged = 0;
  async function* frames(): AsyncGenerator<SourceFrame> {
    for (const { file: name, time } of files) {
      if (signal.aborted) return;
      if (isPictureName(name)) {
        yield { ...await readPicture(name), time };
        continue;
      }
      const { readable } = await Deno.open(name).catch((error) => refuse(name, error));
      const clip = fromStream(readable, signal, `${name}, `);
      yield* clip.frames;
      damaged += clip.damaged();
    }
  }
  const count = files.every(({ file }) => isPictureName(file)) ? files.length : null;
  return { count, frames: frames(), damaged: () => damaged };
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
  return { count: null, frames: frames(), damaged: () => splitter.damaged };
}
