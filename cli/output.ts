import { type Options, type Tracks, TracksCsv, tracksToJson } from "../protocol/mod.ts";
import { cannot, type Flag } from "./command_line.ts";
import { type Io, type Output, writeAll } from "./io.ts";

export const OUTPUT_FLAGS = {
  output: {
    type: "string",
    short: "o",
    value: "FILE",
    text: "where the tracks go (default -, standard output)",
  },
  csv: { type: "boolean", text: "tracks as CSV, a row a point; or name a FILE.csv" },
} as const satisfies Record<string, Flag>;

/** Writes tracks as they come, whole lines only: NDJSON in the wire's JSON form, or CSV. */
export class TracksOutput implements Disposable {
  readonly #file: Output;
  readonly #owned: Deno.FsFile | null;
  readonly #csv: TracksCsv | null;

  private constructor(
    file: Deno.FsFile | null,
    { stdout }: Pick<Io, "stdout">,
    csv: TracksCsv | null,
  ) {
    this.#owned = file;
    this.#file = file ?? stdout;
    this.#csv = csv;
  }

  /** Opens FILE, emptying it, or standard output. */
  static async open(
    { output = "-", csv = false }: { output?: string; csv?: boolean },
    io: Pick<Io, "stdout">,
    { filter }: Options,
  ): Promise<TracksOutput> {
    const asCsv = csv || /\.csv$/i.test(output)
      ? new TracksCsv(["seq"], filter.appearance !== null)
      : null;
    const file = output === "-" ? null : await Deno.create(output).catch(cannot(`write ${output}`));
    const opened = new TracksOutput(file, io, asCsv);
    if (opened.#csv) await writeAll(opened.#file, opened.#csv.head);
    return opened;
  }

  async write(tracks: Tracks): Promise<void> {
    const json = tracksToJson(tracks);
    await writeAll(this.#file, this.#csv?.rows(json) ?? `${JSON.stringify(json)}\n`);
  }

  /** Idempotent. Standard output stays open: it is not ours. */
  [Symbol.dispose](): void {
    this.#owned?.[Symbol.dispose]();
  }
}
