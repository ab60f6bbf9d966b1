import type { Tracks } from "../protocol/mod.ts";
import { cannot, type Flag, UsageError } from "./command_line.ts";
import type { Form, FormOptions, FrameJpeg, Write } from "./forms/form.ts";
import { csv, ndjson } from "./forms/text.ts";
import { type Io, type Output, writeBytes } from "./io.ts";

/** The form of a file by the end of its name. What only one of them needs is loaded for that one. */
const FORMS: Record<string, (write: Write, options: FormOptions) => Form | Promise<Form>> = {
  ".ndjson": ndjson,
  ".jsonl": ndjson,
  ".csv": csv,
  ".npz": async (write) => (await import("./forms/npz.ts")).npz(write),
  ".parquet": async (write) => (await import("./forms/parquet.ts")).parquet(write),
  ".mcap": async (write, options) => (await import("./forms/mcap.ts")).mcap(write, options),
};
const ENDINGS = Object.keys(FORMS);

export const OUTPUT_FLAGS = {
  output: {
    type: "string",
    short: "o",
    value: "FILE",
    text: `where the tracks go, by its name: ${ENDINGS.join(", ")} (default -, standard output)`,
  },
  csv: { type: "boolean", text: "tracks as CSV, a row a point; or name a FILE.csv" },
  ids: { type: "boolean", text: "in a .mcap, the ids of the points too" },
} as const satisfies Record<string, Flag>;

/** What the flags say. */
interface OutputFlags {
  output?: string;
  csv?: boolean;
  ids?: boolean;
}

/** Writes tracks as they come, in the form that the name of the file asks for. */
export class TracksOutput implements AsyncDisposable {
  readonly #file: Deno.FsFile | null;
  readonly #form: Form;
  #hasEnded = false;

  private constructor(file: Deno.FsFile | null, form: Form) {
    this.#file = file;
    this.#form = form;
  }

  /**
   * Opens FILE, emptying it, or standard output.
   *
   * @param told what only the command knows, of {@linkcode FormOptions}
   * @throws {UsageError} where its name ends as no form does.
   */
  static async open(
    { output = "-", csv = false, ids = false }: OutputFlags,
    { stdout }: Pick<Io, "stdout">,
    told: Partial<FormOptions> = {},
  ): Promise<TracksOutput> {
    const form = FORMS[csv ? ".csv" : endingOf(output)];
    const file = output === "-" ? null : await Deno.create(output).catch(cannot(`write ${output}`));
    const to: Output = file ?? stdout;
    try {
      const write: Write = (bytes) => writeBytes(to, bytes);
      return new TracksOutput(
        file,
        await form(write, { epochMs: 0, withAppearance: false, ...told, withIds: ids }),
      );
    } catch (error) {
      file?.close();
      throw error;
    }
  }

  /** @param jpeg the frame that they are of, asked for by forms that have it */
  async write(tracks: Tracks, jpeg: FrameJpeg): Promise<void> {
    await this.#form.add(tracks, jpeg);
  }

  /** Writes what comes last, whatever happened before. Idempotent. Standard output stays open: it is not ours. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    try {
      await this.#form.end();
    } finally {
      this.#file?.close();
    }
  }
}

/** The ending of a name that is known; that of NDJSON for standard output, and for a name without one. */
function endingOf(output: string): string {
  const ending = /[^/\\]\.[^./\\]*$/.exec(output)?.[0].slice(1).toLowerCase() ?? ENDINGS[0];
  if (ENDINGS.includes(ending)) return ending;
  throw new UsageError(
    `Cannot write tracks to ${output}: allowed are names that end in ${ENDINGS.join(", ")}`,
  );
}
