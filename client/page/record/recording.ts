import { SourceError, type Tracks, tracksFromJson } from "../../sdk/mod.ts";

/** A file of recorded tracks: NDJSON, this header and then tracks messages in the JSON form of the wire. */
export interface Header {
  type: "recording";
  version: 1;
  /** Label of the source: of a video file, its name. */
  source: string;
  /** Timestamp of the results, in ms, at which the video begins that they are of. */
  origin: number;
  /** When it was recorded, ISO 8601. */
  date: string;
}
export const HEADER_TYPE = "recording";

/** The names that recorded videos are offered by. */
const RECORDED = /^lkstream-\d{4}-/;

/** A result, and its place in a video in ms. */
export interface Placed {
  tracks: Tracks;
  at: number;
}

/** Recorded results, and how they lie in the video they are replayed over. */
export interface Recording {
  header: Header;
  /** Each time that the video was gone through, in the order of the places in it. */
  rounds: Placed[][];
  /** Whether the video has the name of one that belongs to the recording. */
  isNamed: boolean;
}

/**
 * Reads a recording, to be replayed over the video of this name: the video file that it is of,
 * or the video that was recorded with it, in which results have places of their own.
 *
 * @throws {SourceError} that names the line that is wrong.
 */
export async function readRecording(file: Blob, video: string): Promise<Recording> {
  let header: Header | undefined;
  const rounds: Placed[][] = [];
  let number = 0;
  for await (const line of linesOf(file)) {
    number++;
    if (line.trim() === "") continue;
    try {
      const value = JSON.parse(line);
      if (header) append(rounds, placed(value, header, video));
      else header = checked(value);
    } catch (error) {
      throw unreadable(`Line ${number}: ${(error as Error).message}.`, error);
    }
  }
  if (!header || rounds.length === 0) throw unreadable("It has no results.");
  return { header, rounds, isNamed: isOf(video, header.source) || RECORDED.test(video) };
}

/** A video that begins again begins a round. */
function append(rounds: Placed[][], result: Placed): void {
  const last = rounds.at(-1);
  if (last && last.at(-1)!.at <= result.at) last.push(result);
  else rounds.push([result]);
}

/** Whether this is the name of the source, or of a copy of it: browsers number what is saved again. */
function isOf(video: string, source: string): boolean {
  return video.replace(/ ?\(\d+\)(?=\.\w+$)/, "") === source || video === source;
}

function checked(value: Partial<Header> | null): Header {
  if (value?.type === HEADER_TYPE && value.version === 1 && Number.isFinite(value.origin)) {
    return value as Header;
  }
  throw new Error("it is not the header of a recording of version 1");
}

function placed(value: { at?: unknown }, { source, origin }: Header, video: string): Placed {
  const tracks = tracksFromJson(value);
  const isRecorded = !isOf(video, source) && typeof value.at === "number";
  const at = isRecorded ? value.at as number : tracks.timestamp - origin;
  if (Number.isNaN(at)) throw new Error("its timestamp is no number");
  return { tracks, at };
}

/** The index of the result at this place, the nearest within `tolerance` ms; −1 if there is none. */
export function resultAt(results: Placed[], at: number, tolerance: number): number {
  let low = 0, high = results.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (results[middle].at < at) low = middle + 1;
    else high = middle;
  }
  const off = (i: number) => Math.abs((results[i]?.at ?? Infinity) - at);
  const nearest = off(low - 1) < off(low) ? low - 1 : low;
  return off(nearest) <= tolerance ? nearest : -1;
}

/** After so long a gap trails begin anew: they would lead straight over the picture. */
const GAP_MS = 250;

/**
 * The result at `to`, as it is to be shown after that at `from`, −1 where there was none: what was
 * lost on those passed over is lost on it, and what is too far off has nothing to do with it.
 */
export function resultAfter(results: Placed[], from: number, to: number): Tracks {
  const { tracks, at } = results[to];
  const follows = from >= 0 && from < to && at - results[from].at <= GAP_MS;
  if (!follows) return { ...tracks, reset: true };
  const passed = results.slice(from + 1, to + 1).map(({ tracks }) => tracks);
  return {
    ...tracks,
    reset: passed.some(({ reset }) => reset),
    lost: {
      id: Uint32Array.from(passed.flatMap(({ lost }) => [...lost.id])),
      reason: Uint8Array.from(passed.flatMap(({ lost }) => [...lost.reason])),
    },
  };
}

async function* linesOf(file: Blob): AsyncGenerator<string> {
  const reader = file.stream().pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    const lines = (rest + (value ?? "")).split("\n");
    rest = done ? "" : lines.pop()!;
    yield* lines;
    if (done) return;
  }
}

function unreadable(remedy: string, cause?: unknown): SourceError {
  return new SourceError(
    "BadRecording",
    { message: "The recording cannot be read", remedy },
    cause,
  );
}
