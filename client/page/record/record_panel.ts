import type { Tracks } from "../../sdk/mod.ts";
import { announce } from "../ui/announce.ts";
import { byId, make, setPressed, setText } from "../ui/elements.ts";
import type { Stage } from "../stage/stage.ts";
import { FrameRecorder } from "./frame_recorder.ts";
import { MAX_BYTES, TracksRecorder } from "./tracks_recorder.ts";
import { VideoRecorder } from "./video_recorder.ts";
import { ViewPicture } from "../stage/view_picture.ts";

/** What is recorded, and where its video begins on the clock of the results, if not with the first. */
export interface Recorded {
  label: string;
  origin: number | undefined;
}

/**
 * Records tracks and video together, and offers what was recorded as files.
 * Both stop by themselves where their memory is full.
 */
export class RecordPanel {
  readonly #button = byId("record", HTMLButtonElement);
  readonly #png = byId("save-png", HTMLButtonElement);
  readonly #status = byId("record-status", HTMLElement);
  readonly #files = byId("record-files", HTMLElement);
  readonly #withVideo = byId("record-video", HTMLInputElement);
  readonly #withDrawing = byId("record-drawing", HTMLInputElement);
  readonly #withFrames = byId("record-frames", HTMLInputElement);
  #tracks: TracksRecorder | undefined;
  #video: VideoRecorder | undefined;
  #frames: FrameRecorder | undefined;
  readonly #share = byId("share", HTMLButtonElement);
  #urls: string[] = [];
  /** What was offered and can be shared. */
  #shareable: File[] = [];

  /** @param recorded what runs now; undefined where nothing does */
  constructor(readonly stage: Stage, readonly recorded: () => Recorded | undefined) {
    this.#button.addEventListener("click", () => this.#tracks ? void this.stop() : this.#start());
    this.#withVideo.addEventListener(
      "change",
      () => this.#withDrawing.disabled = !this.#withVideo.checked,
    );
    this.#png.addEventListener("click", () => void this.#savePng());
    this.#share.addEventListener("click", () => void this.#shareFiles());
  }

  /** A result that was taken in, and its frame where there is one; the frame stays the caller's. */
  result(tracks: Tracks, frame: ImageBitmap | null): void {
    if (!this.#tracks) return;
    // It begins with the first result, or its time would not be that of the results.
    if (this.#tracks.frames === 0 && this.#withVideo.checked) {
      this.#video = VideoRecorder.start(this.stage, frame, this.#withDrawing.checked);
    } else this.#video?.result(frame);
    const jpeg = frame ? this.#frames?.jpegOf(frame, tracks.width, tracks.height) : undefined;
    jpeg?.catch(() => {}); // a frame that cannot be encoded is left out
    const isFull = !this.#tracks.add(tracks, this.#video?.now, jpeg) || this.#video?.isFull ||
      (this.#frames?.bytes ?? 0) > MAX_BYTES;
    const bytes = this.#tracks.bytes + (this.#video?.bytes ?? 0) + (this.#frames?.bytes ?? 0);
    const megabytes = bytes / 2 ** 20;
    setText(this.#status, `${this.#tracks.frames} frames, ${megabytes.toFixed(1)} MB`);
    if (isFull) void this.stop("The recording is full: it was stopped");
  }

  /** Ends a recording and offers its files; nothing happens where none runs. */
  async stop(why = "Recording stopped"): Promise<void> {
    const tracks = this.#tracks, video = this.#video, frames = this.#frames;
    if (!tracks) return;
    this.#tracks = this.#video = this.#frames = undefined;
    setPressed(this.#button, false);
    setText(this.#button, "Record");
    setText(this.#status, `${why}: ${tracks.frames} frames`);
    announce(`${why}: ${tracks.frames} frames. The files are beside the button.`);
    const name = fileName();
    if (video) this.#offerVideo(await video.stop(), `${name}.${video.extension}`);
    if (frames) this.#offer(await tracks.mcap(), `${name}.mcap`, "MCAP");
    this.#offer(await tracks.ndjson(), `${name}.ndjson`, "NDJSON");
    this.#offer(await tracks.csv(), `${name}.csv`, "CSV");
  }

  #start(): void {
    const recorded = this.recorded();
    if (!recorded) return setText(this.#status, "Nothing to record yet: press Start");
    for (const url of this.#urls.splice(0)) URL.revokeObjectURL(url);
    this.#files.replaceChildren();
    this.#shareable = [];
    this.#share.hidden = true;
    this.#tracks = new TracksRecorder(recorded.label, recorded.origin);
    this.#frames = this.#withFrames.checked ? new FrameRecorder() : undefined;
    setPressed(this.#button, true);
    setText(this.#button, "Stop recording");
    announce("Recording");
  }

  async #savePng(): Promise<void> {
    const png = await new ViewPicture(this.stage).png();
    if (!png) return setText(this.#status, "Nothing to save yet: press Start");
    const link = this.#link(png, `${fileName()}.png`, "PNG");
    link.click();
  }

  /** Some browsers say that they record, and give nothing. */
  #offerVideo(blob: Blob, name: string): void {
    if (blob.size > 0) return this.#offer(blob, name, "Video");
    const text = "The browser recorded no video: there are tracks alone";
    setText(this.#status, text);
    announce(text);
  }

  #offer(blob: Blob, name: string, label: string): void {
    const link = this.#link(blob, name, `${label} (${(blob.size / 2 ** 20).toFixed(1)} MB)`);
    this.#files.append(link);
    const file = new File([blob], name, { type: blob.type });
    if (!navigator.canShare?.({ files: [file] })) return; // browsers share files of some kinds alone
    this.#shareable.push(file);
    this.#share.hidden = false;
  }

  async #shareFiles(): Promise<void> {
    try {
      await navigator.share({ files: this.#shareable });
    } catch (error) {
      const { name, message } = error as Error;
      if (name !== "AbortError") setText(this.#status, `Cannot share the recording: ${message}`);
    }
  }

  #link(blob: Blob, download: string, label: string): HTMLAnchorElement {
    const href = URL.createObjectURL(blob);
    this.#urls.push(href);
    return make("a", { href, download }, label);
  }
}

function fileName(): string {
  return `lkstream-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}`;
}
