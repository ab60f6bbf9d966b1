import {
  type Frames,
  openVideo,
  SourceError,
  type Tracks,
  type VideoFile,
  watchFrames,
} from "../../sdk/mod.ts";
import {
  type Placed,
  readRecording,
  type Recording,
  resultAfter,
  resultAt,
} from "../record/recording.ts";
import type { Stage } from "../stage/stage.ts";

/** A result belongs to a video frame that is not farther off than this: half a frame at 25 a second. */
const TOLERANCE_MS = 20;

/** What a replay tells. */
export interface ReplayEvents {
  /** A result is shown, with its frame to look at meanwhile. */
  shown(tracks: Tracks, frame: ImageBitmap): void;
  /** The video has come to its end, and none of the results was on a frame of it. */
  nothingFits(): void;
}

/**
 * A recording over its video, without a server: each video frame that has a
 * result is shown with it, the others are passed over. A recording of several
 * rounds of its video is shown a round at a time.
 */
export class Replay implements Disposable {
  #frames: Frames | undefined;
  #round = 0;
  /** In the round. */
  #latest = -1;
  #isFitting = false;
  #timestamp = -Infinity;
  #closed = false;

  private constructor(
    readonly source: VideoFile,
    readonly recording: Recording,
    readonly stage: Stage,
  ) {}

  /**
   * Opens a recording and its video, to be shown on this stage.
   *
   * @throws {SourceError} that says what is wrong and what helps.
   */
  static async open(files: File[], stage: Stage): Promise<Replay> {
    const tracks = files.find(isRecording);
    const video = files.find((file) => !isRecording(file));
    if (!tracks || !video) {
      throw new SourceError("MissingFile", {
        message: "A recording is replayed over its video",
        remedy: "Choose both files together: the tracks (.ndjson) and the video they belong to.",
      });
    }
    const recording = await readRecording(tracks, video.name);
    return new Replay(await openVideo(video), recording, stage);
  }

  /** Plays until it is closed. */
  play(events: ReplayEvents): void {
    this.stage.show(this.source.picture);
    const seen = (_: number, timestamp: number) => void this.#show(timestamp, events);
    this.#frames = watchFrames(this.source.picture, seen);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.source.close();
    if (!this.#frames) return; // it never played: the stage shows something else
    this.#frames[Symbol.dispose]();
    this.stage.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #show(timestamp: number, events: ReplayEvents): Promise<void> {
    const beginsAnew = timestamp < this.#timestamp;
    this.#timestamp = timestamp;
    const { rounds } = this.recording;
    if (beginsAnew) {
      this.#round = (this.#round + 1) % rounds.length;
      this.#latest = -1;
    }
    const fits = (results: Placed[]) => resultAt(results, timestamp, TOLERANCE_MS);
    this.#isFitting ||= rounds.some((round) => fits(round) >= 0);
    if (beginsAnew && !this.#isFitting) return events.nothingFits();
    const results = rounds[this.#round];
    const at = fits(results);
    if (at < 0 || at === this.#latest) return;
    const shown = resultAfter(results, this.#latest, at);
    this.#latest = at;
    const frame = await createImageBitmap(this.source.picture);
    if (this.#closed) return frame.close();
    events.shown(shown, frame);
    this.stage.result(shown, frame);
  }
}

function isRecording({ name }: File): boolean {
  return name.endsWith(".ndjson");
}
