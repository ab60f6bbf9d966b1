import type { Stage } from "../stage/stage.ts";
import { ViewPicture } from "../stage/view_picture.ts";

/** A video may take so much memory. */
export const MAX_VIDEO_BYTES = 256 * 2 ** 20;
const TYPES = ["video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm", "video/mp4"];
const BITS_PER_SECOND = 8e6;
/** How often what was encoded is handed out. */
const SLICE_MS = 1000;

/**
 * Records the stage as it is seen, a frame for each result that is painted; or the
 * picture alone, a frame for each result, so that a replay can draw on it.
 */
export class VideoRecorder {
  readonly #view: ViewPicture;
  readonly #stream: MediaStream;
  readonly #recorder: MediaRecorder;
  readonly #chunks: Blob[] = [];
  readonly #unpainted: () => void;
  readonly #withDrawing: boolean;
  readonly #begun = performance.now();
  bytes = 0;

  /**
   * Undefined where the browser cannot record, or nothing is shown.
   *
   * @param frame of the first result
   * @param withDrawing false for the picture alone
   */
  static start(
    stage: Stage,
    frame: ImageBitmap | null,
    withDrawing: boolean,
  ): VideoRecorder | undefined {
    const type = TYPES.find((type) => globalThis.MediaRecorder?.isTypeSupported(type));
    const view = new ViewPicture(stage);
    const isDrawn = withDrawing ? view.draw() : view.drawAlone(frame);
    return type && isDrawn ? new VideoRecorder(stage, view, type, withDrawing) : undefined;
  }

  private constructor(stage: Stage, view: ViewPicture, mimeType: string, withDrawing: boolean) {
    this.#view = view;
    this.#withDrawing = withDrawing;
    this.#stream = view.canvas.captureStream();
    const options = { mimeType, videoBitsPerSecond: BITS_PER_SECOND };
    this.#recorder = new MediaRecorder(this.#stream, options);
    this.#recorder.addEventListener("dataavailable", ({ data }) => {
      this.#chunks.push(data);
      this.bytes += data.size;
    });
    this.#recorder.start(SLICE_MS);
    this.#unpainted = stage.onPainted(() => void (withDrawing && view.draw()));
  }

  /** A result came, with this frame where it has one. */
  result(frame: ImageBitmap | null): void {
    if (!this.#withDrawing) this.#view.drawAlone(frame);
  }

  /** How long it has recorded, in ms: the place in it of what is drawn now. */
  get now(): number {
    return performance.now() - this.#begun;
  }

  get isFull(): boolean {
    return this.bytes > MAX_VIDEO_BYTES;
  }

  /** File name extension. */
  get extension(): string {
    return this.#recorder.mimeType.startsWith("video/webm") ? "webm" : "mp4";
  }

  /** Ends it and gives the video. */
  async stop(): Promise<Blob> {
    this.#unpainted();
    const stopped = new Promise((done) => this.#recorder.addEventListener("stop", done));
    if (this.#recorder.state !== "inactive") {
      this.#recorder.stop();
      await stopped;
    }
    for (const track of this.#stream.getTracks()) track.stop();
    return new Blob(this.#chunks, { type: this.#recorder.mimeType });
  }
}
