import type { LkstreamError, LkstreamErrorCode } from "./errors.ts";

/** What streams so far say about the next one. */
export interface Past {
  /** Streams in a row that came to nothing. */
  readonly attempt: number;
  /** Who was let in once is right, and only has to come again. */
  readonly wasLetIn: boolean;
  /** What the latest refusal looked like; so again, it is believed. */
  readonly suspicion?: LkstreamErrorCode;
}

export const BEGINNING: Past = { attempt: 0, wasLetIn: false };

/** What happened to a stream. */
export type Happening =
  | { what: "hello" }
  | { what: "tracks" }
  /** `isFinal`: whether another try would end the same way. */
  | { what: "refused"; error: LkstreamError; isFinal: "yes" | "probably" | "no" }
  | { what: "ended"; isFinal: boolean; lastedMs: number };

/** A session that lasted so long was a good one, even without a frame. */
const STEADY_MS = 5000;

/** What is known after that, and whether it makes no sense to try again. */
export function afterwards(past: Past, happening: Happening): { past: Past; isOver: boolean } {
  switch (happening.what) {
    case "hello":
      return { past: { attempt: past.attempt, wasLetIn: true }, isOver: false };
    case "tracks":
      return { past: { ...past, attempt: 0 }, isOver: false };
    case "refused": {
      const { error: { code }, isFinal } = happening;
      const isSure = isFinal === "yes" || isFinal === "probably" && past.suspicion === code;
      const { wasLetIn } = past;
      return {
        past: { attempt: past.attempt + 1, wasLetIn, suspicion: code },
        isOver: isSure && !wasLetIn,
      };
    }
    case "ended": {
      const before = happening.lastedMs > STEADY_MS ? 0 : past.attempt;
      return { past: { ...past, attempt: before + 1 }, isOver: happening.isFinal };
    }
  }
}
