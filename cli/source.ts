import { UsageError } from "./command_line.ts";
import type { Io } from "./io.ts";
import { MjpegSplitter } from "./mjpeg.ts";

/** What SOURCE may be, for the help. */
export const SOURCE_HELP =
  "SOURCE is a folder of JPEGs, taken in natural order (2.jpg before 10.jpg), a list of files in the\n" +
  "order given, JPEGs or else MJPEG (clip.mjpeg), or - for MJPEG on standard input:\n" +
  "  ffmpeg -i clip.mp4 -f mjpeg -q:v 3 - | deno task track -";

/** A JPEG on its way into tracking. */
export interface SourceFrame {
  /** Its file, or its number in the stream. */
  name: string;
  jpeg: Uint8Array;
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

/** The JPEGs behind the names: each file, and what a folder holds. */
export async function listFiles(names: string[]): Promise<string[]> {
  const files: string[] = [];
  for (const name of names) {
    const { isDirectory } = await Deno.stat(name).catch((error) => refuse(name, error));
    files.push(...isDirectory ? await listFolder(name) : [name]);
  }
  return files;
}

/** Any other file is read as a stream of pictures. */
function isPicture(name: string): boolean {
  return /\.jpe?g$/i.test(name);
}

async function listFolder(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    // names with a dot before them are hidden: ._1.jpg is what macOS knows about 1.jpg
    if (!isDirectory && !name.startsWith(".") && isPicture(name)) names.push(name);
  }
  if (names.length === 0) {
    throw new Error(`Cannot find a JPEG in ${folder}: it has no .jpg or .jpeg`);
  }
  const { compare } = new Intl.Collator("en", { numeric: true });
  return names.toSorted(compare).map((name) => `${folder.replace(/\/+$/, "")}/${name}`);
}

/** @throws {Error} naming the file, where it cannot be read. */
export async function readPicture(name: string): Promise<SourceFrame> {
  return { name, jpeg: await Deno.readFile(name).catch((error) => refuse(name, error)) };
}

function refuse(name: string, error: unknown): never {
  const why = error instanceof Deno.errors.NotFound ? "there is no such file or folder" : error;
  throw new Error(`Cannot read ${name}: ${why instanceof Error ? why.message : why}`);
}

function fromFiles(files: string[], signal: AbortSignal): Source {
  let damaged = 0;
  async function* frames(): AsyncGenerator<SourceFrame> {
    for (const name of files) {
      if (signal.aborted) return;
      if (isPicture(name)) {
        yield await readPicture(name);
        continue;
      }
      const { readable } = await Deno.open(name).catch((error) => refuse(name, error));
      const clip = fromStream(readable, signal, `${name}, `);
      yield* clip.frames;
      damaged += clip.damaged();
    }
  }
  const count = files.every(isPicture) ? files.length : null;
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
        for (const jpeg of value ? splitter.push(value) : splitter.end()) {
          if (signal.aborted) return;
          yield { name: `${prefix}frame ${number++}`, jpeg };
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
