import { TracksCsv } from "../../../protocol/mod.ts";
import { type Tracks, tracksToJson } from "../../sdk/mod.ts";
import { type Header, HEADER_TYPE } from "./recording.ts";

/** A recording's columns may take so much memory: nine minutes of 500 points at 30 frames a second. */
export const MAX_BYTES = 256 * 2 ** 20;
const HEADER_BYTES = 64, POINT_BYTES = 32, LOST_BYTES = 5;
/** Lines made without a pause for other things. */
const CHUNK = 100;

/** A result, and where it is in the video that is recorded with it, in ms; undefined without one. */
interface Recorded {
  tracks: Tracks;
  at: number | undefined;
  /** Its frame as a JPEG, where frames are recorded. */
  jpeg?: Promise<Uint8Array>;
}

/** Keeps results as they came, up to {@linkcode MAX_BYTES}; text is made of them only at the end. */
export class TracksRecorder {
  readonly #results: Recorded[] = [];
  readonly #header: Header;
  #bytes = 0;

  /**
   * @param source its label
   * @param origin the results' timestamp at which the video that belongs to them begins; the
   *   first result's, if not given
   */
  constructor(source: string, origin = NaN) {
    const date = new Date().toISOString();
    this.#header = { type: HEADER_TYPE, version: 1, source, origin, date };
  }

  get frames(): number {
    return this.#results.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * False where there is no more room, and the result was not taken.
   *
   * @param at ms from the beginning of the video that is recorded with it
   * @param jpeg its frame, where frames are recorded
   */
  add(tracks: Tracks, at?: number, jpeg?: Promise<Uint8Array>): boolean {
    const { points, lost } = tracks;
    const bytes = HEADER_BYTES + POINT_BYTES * points.id.length + LOST_BYTES * lost.id.length;
    if (this.#bytes + bytes > MAX_BYTES) return false;
    this.#bytes += bytes;
    if (Number.isNaN(this.#header.origin)) this.#header.origin = tracks.timestamp;
    this.#results.push({ tracks, at, jpeg });
    return true;
  }

  /** A line for the header and one for each result, in the JSON form of the wire, with its `at`. */
  ndjson(): Promise<Blob> {
    const line = ({ tracks, at }: Recorded) =>
      `${JSON.stringify({ ...tracksToJson(tracks), at })}\n`;
    return this.#write(`${JSON.stringify(this.#header)}\n`, line, "application/x-ndjson");
  }

  csv(): Promise<Blob> {
    const withAppearance = this.#results.some(({ tracks }) => tracks.points.appearance);
    const csv = new TracksCsv(["seq", "timestamp"], withAppearance);
    return this.#write(csv.head, ({ tracks }) => csv.rows(tracksToJson(tracks)), "text/csv");
  }

  /** Frames, points and tracks for Foxglove and Lichtblick, by the time of day. */
  async mcap(): Promise<Blob> {
    const { TracksMcap } = await import("../../../formats/mcap.ts"); // only who records it loads it
    const parts: BlobPart[] = [];
    const keep = (bytes: Uint8Array) => {
      parts.push(new Blob([bytes.slice()])); // which may live on the disk
      return Promise.resolve();
    };
    const options = { name: "lkstream", epochMs: performance.timeOrigin, withIds: false };
    const file = await TracksMcap.open(keep, options);
    for (const { tracks, jpeg } of this.#results) {
      await file.add(tracks, jpeg ? await jpeg.catch(() => null) : null);
    }
    await file.end();
    return new Blob(parts, { type: "application/octet-stream" });
  }

  async #write(head: string, lines: (result: Recorded) => string, type: string): Promise<Blob> {
    const parts: BlobPart[] = [head];
    for (let i = 0; i < this.#results.length; i += CHUNK) {
      const text = this.#results.slice(i, i + CHUNK).map(lines).join("");
      parts.push(new Blob([text])); // which may live on the disk
      await new Promise((done) => setTimeout(done));
    }
    return new Blob(parts, { type });
  }
}
