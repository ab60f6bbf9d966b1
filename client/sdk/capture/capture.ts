import type { Connection } from "../connection/connection.ts";
import { Emitter } from "../emitter.ts";
import { openEncoder } from "./encoder.ts";
import type { Encoder, EncodeReply, EncodeRequest } from "./encoding.ts";
import type { Attachable, FrameCallback, Frames } from "./frames.ts";
import { Latest, Rate, type Spread } from "../meter.ts";
import { SentFrames } from "./sent_frames.ts";
import { type Explanation, SourceError } from "../sources/source_error.ts";
import { watchFrames } from "./watch_frames.ts";

/** How {@linkcode capture} takes and encodes frames. Each can be changed while it runs. */
export interface CaptureOptions {
  /** Longest side of what is sent, in pixels: larger pictures are made smaller. */
  maxSide?: number;
  /** JPEG quality, 0 to 1. */
  quality?: number;
  /** Frames a second, at most. */
  maxRate?: number;
  /** Keep the pictures of sent frames for {@linkcode Capture.take}. */
  keepFrames?: boolean;
}

/** In pixels. */
interface Size {
  width: number;
  height: number;
}

/** What a capture has measured so far. */
export interface CaptureMeasured {
  /** Frames a second that the source showed, at most `maxRate`, over the last two seconds. */
  perSecond: number;
  /** Frames not sent because the server was still at earlier ones. */
  skipped: number;
  /** Size of the latest frame sent; null before it. */
  size: Size | null;
  /** From taking a frame to its JPEG; null before the first. */
  encode: Spread | null;
  /** Where JPEGs are made; null until that is known. */
  thread: Encoder["thread"] | null;
}

/** Events of a {@linkcode Capture}. */
export interface CaptureEvents {
  /**
   * A frame could not be encoded or sent; the next one is tried. None is after a
   * {@linkcode SourceError}, which has a `remedy` for people: the browser protects canvases, and
   * gives noise for every frame.
   */
  error: Error;
}

const NOISE: Explanation = {
  message: "The browser gives noise instead of the picture",
  remedy: "It protects canvases, by which frames are made. Allow this page to read them: in " +
    "Firefox and Tor Browser by the icon left of the address, in Brave by Shields. Then try again.",
};

/** Frames may come a little early and still be in time for `maxRate`. */
const EARLY_MS = 4;

/**
 * Sends what `source` shows over `connection` until it is closed. Frames are
 * never queued: while two are unanswered, those that it shows are skipped.
 * Tracking begins anew with its first frame, and where what it shows does not
 * follow what was seen before: a video that begins again, a page that was hidden.
 *
 * ```ts
 * using capturing = capture(video, connection, { maxSide: 640 });
 * ```
 */
export function capture(
  source: Attachable,
  connection: Connection,
  options: CaptureOptions = {},
): Capture {
  return new Capture(source, connection, options);
}

/** Frames on their way from a source to the server; see {@linkcode capture}. */
export class Capture extends Emitter<CaptureEvents> implements Disposable {
  maxSide: number;
  quality: number;
  maxRate: number;
  keepFrames: boolean;

  readonly #connection: Connection;
  readonly #frames: Frames;
  readonly #sent = new SentFrames();
  readonly #rate = new Rate();
  readonly #encodeMs = new Latest();
  readonly #opening: Promise<Encoder>;
  #encoder: Encoder | undefined;
  #size: Size | null = null;
  #lastSeen = -Infinity;
  /** Of the frame that is shown. */
  #timestamp = 0;
  /** The next frame is no successor of the one before it. */
  #reset = true;
  #firstSeq: number | null = null;
  #skipped = 0;
  #busy = false;
  #isNoise = false;
  #closed = false;

  constructor(source: Attachable, connection: Connection, {
    maxSide = 640,
    quality = 0.8,
    maxRate = 60,
    keepFrames = true,
  }: CaptureOptions = {}) {
    super();
    this.maxSide = maxSide;
    this.quality = quality;
    this.maxRate = maxRate;
    this.keepFrames = keepFrames;
    this.#connection = connection;
    this.#opening = this.#openEncoder();
    this.#opening.catch(() => {}); // told with each frame that needs it
    this.#frames = watchFrames(source, this.#seen);
  }

  /**
   * The picture that was sent as frame `seq`; yours to close. Null where it is
   * not kept. Those of earlier frames are closed: their results came or never will.
   */
  take(seq: number): ImageBitmap | null {
    return this.#sent.take(seq);
  }

  /** True for the frames that came from here rather than from an earlier capture. */
  hasSent(seq: number): boolean {
    return this.#firstSeq !== null && (seq - this.#firstSeq) >>> 0 < 2 ** 31; // numbers wrap
  }

  /**
   * Sends what is shown now, although it is not new: a source that is held shows nothing new,
   * and what was changed meanwhile is seen with the next result only.
   */
  sendAgain(): void {
    this.#offer(this.#timestamp);
  }

  measured(): CaptureMeasured {
    return {
      perSecond: this.#rate.perSecond(performance.now()),
      skipped: this.#skipped,
      size: this.#size,
      encode: this.#encodeMs.spread(),
      thread: this.#encoder?.thread ?? null,
    };
  }

  /** Ends the capture; source and connection are left as they are. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#frames[Symbol.dispose]();
    this.#sent[Symbol.dispose]();
    this.#encoder?.[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #openEncoder(): Promise<Encoder> {
    this.#encoder = await openEncoder();
    if (this.#closed) this.#encoder[Symbol.dispose]();
    return this.#encoder;
  }

  readonly #seen: FrameCallback = (now, timestamp, follows) => {
    if (!follows) this.#reset = true;
    this.#timestamp = timestamp;
    if (now - this.#lastSeen < 1000 / this.maxRate - EARLY_MS) return;
    this.#lastSeen = now;
    this.#rate.mark(now);
    this.#offer(timestamp);
  };

  #offer(timestamp: number): void {
    if (this.#isNoise) return;
    if (this.#busy || this.#connection.free <= 0) {
      this.#skipped++;
      return;
    }
    this.#busy = true;
    this.#send(timestamp)
      .catch((error) => this.#closed || this.emit("error", error))
      .finally(() => this.#busy = false);
  }

  async #send(timestamp: number): Promise<void> {
    const taken = performance.now();
    const reset = this.#reset;
    this.#reset = false;
    let picture: ImageBitmap | null = null;
    let seq: number | null = null;
    try {
      const size = this.#sizeToSend();
      if (!size) return;
      const image = await this.#frames.take();
      if (!image) return;
      const capture = performance.now() - taken;
      const encoded = await this.#encode(image, size);
      picture = encoded.picture;
      const spent = { capture, encode: encoded.ms };
      this.#encodeMs.add(spent.capture + spent.encode);
      if (!this.#closed) seq = this.#connection.send(encoded.jpeg, { timestamp, reset, spent });
      if (seq === null) return;
      this.#firstSeq ??= seq;
      this.#size = size;
      if (!picture) return;
      this.#sent.put(seq, picture);
      picture = null;
    } finally {
      picture?.close();
      if (seq === null) this.#reset ||= reset;
    }
  }

  /** The image is the encoder's from then on; where none will take it, it is closed. */
  async #encode(image: EncodeRequest["image"], size: Size): Promise<EncodeReply & { ms: number }> {
    let encoder: Encoder;
    try {
      encoder = await this.#opening;
      if (this.#closed) throw new Error("Cannot encode a frame: the capture was closed");
      this.#isNoise = !encoder.isTrue;
      if (this.#isNoise) throw new SourceError("CanvasNoise", NOISE);
    } catch (error) {
      image.close();
      throw error;
    }
    const begun = performance.now();
    const request = { image, ...size, quality: this.quality, keep: this.keepFrames };
    const encoded = await encoder.encode(request);
    return { ...encoded, ms: performance.now() - begun };
  }

  /** As large as the picture, but for what `maxSide` and the server allow; null while there is none. */
  #sizeToSend(): Size | null {
    const { width, height } = this.#frames.size();
    if (width === 0 || height === 0) return null;
    const maxPixels = this.#connection.hello?.limits.maxFramePixels ?? Infinity;
    const scale = Math.min(
      1,
      this.maxSide / Math.max(width, height),
      Math.sqrt(maxPixels / (width * height)),
    );
    if (scale === 1) return { width, height };
    return {
      width: Math.max(1, Math.floor(width * scale)),
      height: Math.max(1, Math.floor(height * scale)),
    };
  }
}
