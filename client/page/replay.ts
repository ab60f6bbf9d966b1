import {
  type Frames,
  openVideo,
  SourceError,
  type Tracks,
  type VideoFile,
  watchFrames,
} from "../sdk/mod.ts";
import { readRecording, type Recording, resultAt } from "./recording.ts";
import type { Stage } from "./stage.ts";

/** A result belongs to a video frame that is not farther off than this: half a frame at 25 a second. */
const TOLERANCE_MS = 20;

/**
 * A recording over its video, without a server: each video frame that has a
 * result is shown with it, the others are passed over.
 */
export class Replay implements Disposable {
  readonly #frames: Frames;
  #latest = -1;
  #closed = false;

  private constructor(
    readonly source: VideoFile,
    readonly recording: Recording,
    readonly stage: Stage,
    readonly shown: (tracks: Tracks, frame: ImageBitmap) => void,
  ) {
    stage.show(source.picture);
    this.#frames = watchFrames(source.picture, (_, timestamp) => void this.#show(timestamp));
  }

  /**
   * Begins to play.
   *
   * @param files a recording and its video
   * @param shown called with each result that is shown, and its frame to look at meanwhile
   * @throws {SourceError} that says what is wrong and what helps.
   */
  static async open(
    files: File[],
    stage: Stage,
    shown: (tracks: Tracks, frame: ImageBitmap) => void,
  ): Promise<Replay> {
    const tracks = files.find(({ name }) => name.endsWith(".ndjson"));
    const video = files.find(({ type }) => type.startsWith("video/"));
    if (!tracks || !video) {
      throw new SourceError("MissingFile", {
        message: "A recording is replayed over its video",
        remedy: "Choose both files together: the tracks (.ndjson) and the video they belong to.",
      });
    }
    const recording = await readRecording(tracks);
    return new Replay(await openVideo(video), recording, stage, shown);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#frames[Symbol.dispose]();
    this.source.close();
    this.stage.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #show(timestamp: number): Promise<void> {
    const { results, header } = this.recording;
    const at = resultAt(results, timestamp + header.origin, TOLERANCE_MS);
    if (at < 0 || at === this.#latest) return;
    // Trails do not lead over what was passed over.
    const tracks = at === this.#latest + 1 ? results[at] : { ...results[at], reset: true };
    this.#latest = at;
    const frame = await createImageBitmap(this.source.picture);
    if (this.#closed) return frame.close();
    this.shown(tracks, frame);
    this.stage.result(tracks, frame); // and the frame is gone
  }
}
