import type { Tracks } from "../../protocol/mod.ts";

/** The frame that tracks are of, for who wants it; null where it is not known. */
export type FrameJpeg = () => Promise<Uint8Array | null>;

/** A form of output: how tracks are written. One call at a time. */
export interface Form {
  add(tracks: Tracks, jpeg: FrameJpeg): Promise<void>;
  /** Writes what comes last; the file is whole then. */
  end(): Promise<void>;
}

/** Writes all of a piece of the file, after those before. */
export type Write = (bytes: Uint8Array) => Promise<void>;

/** What a form may be told beside the tracks. */
export interface FormOptions {
  /** What is added to timestamps to have milliseconds since 1970. */
  epochMs: number;
  /** Tracks tell how points look beside their first windows: `filter.appearance` is set. */
  withAppearance: boolean;
  /** Ids as texts, in forms that are looked at. */
  withIds: boolean;
}
