/** What is wrong, in a few words, and what helps. */
export interface Explanation {
  message: string;
  remedy: string;
}

/** A source that could not be opened; `message` says why and `remedy` what helps. */
export class SourceError extends Error {
  override readonly name: string = "SourceError";
  readonly remedy: string;
  constructor(
    /** The error's name in the browser (`NotAllowedError`, …), or one of ours. */
    readonly reason: string,
    { message, remedy }: Explanation,
    cause?: unknown,
  ) {
    super(message, { cause });
    this.remedy = remedy;
  }
}

/** The name and message of whatever a browser threw: not all of it is an Error. */
export function named(error: unknown): { name: string; message: string } {
  const { name = "unknown", message = String(error) } = Object(error) as Partial<Error>;
  return { name, message };
}
