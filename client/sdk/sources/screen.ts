import type { Source } from "./source.ts";
import { type Explanation, named, SourceError } from "./source_error.ts";
import { isPage, noPage } from "./page_only.ts";
import { NO_AUTOPLAY, playStream, stopStream } from "./stream.ts";

/** How {@linkcode openScreen} takes the screen. */
export interface ScreenOptions {
  /** Frames a second wished for. */
  frameRate?: number;
}

/** The names that `getDisplayMedia` fails with. */
const EXPLANATIONS: Record<string, Explanation> = {
  NotAllowedError: {
    message: "The screen was not shared",
    remedy: "Try again and choose a screen, a window or a tab. If the browser did not ask, allow " +
      "screen recording for it in the system's privacy settings.",
  },
  NotFoundError: {
    message: "There is no screen to share",
    remedy: "Choose another source.",
  },
  NotReadableError: {
    message: "The system does not give out the screen's picture",
    remedy:
      "Allow screen recording for the browser in the system's privacy settings, and try again.",
  },
  InvalidStateError: {
    message: "The screen can be shared only right after a click",
    remedy: "Press Try again.",
  },
};

/**
 * Asks the user for a screen, a window or a tab. Call it in answer to a click.
 *
 * @throws {SourceError} that says what is wrong and what helps.
 */
export async function openScreen({ frameRate = 30 }: ScreenOptions = {}): Promise<Screen> {
  if (!isPage) throw new SourceError("NoPage", noPage("the screen"));
  if (!navigator.mediaDevices?.getDisplayMedia) throw unavailable();
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getDisplayMedia({ audio: false, video: { frameRate } });
  } catch (error) {
    throw notShared(error);
  }
  try {
    return new Screen(await playStream(stream), stream);
  } catch (error) {
    stopStream(stream);
    const isBlocked = named(error).name === "NotAllowedError"; // the video, not the screen
    throw isBlocked ? new SourceError("NoAutoplay", NO_AUTOPLAY, error) : notShared(error);
  }
}

function notShared(error: unknown): SourceError {
  const { name, message } = named(error);
  const known = EXPLANATIONS[name] ?? {
    message: `The screen cannot be shared: ${message}`,
    remedy: "Try again, or choose another source.",
  };
  return new SourceError(name, known, error);
}

/** A shared screen, window or tab. */
export class Screen implements Source {
  readonly label: string;

  constructor(readonly picture: HTMLVideoElement, readonly stream: MediaStream) {
    this.label = stream.getVideoTracks()[0].label || "Screen";
  }

  /** Called when the user stops sharing; not after {@linkcode close}. */
  onEnded(callback: () => void): void {
    this.stream.getVideoTracks()[0].addEventListener("ended", callback, { once: true });
  }

  close(): void {
    stopStream(this.stream);
    this.picture.srcObject = null;
    this.picture.remove();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function unavailable(): SourceError {
  return new SourceError("NotSupportedError", {
    message: "This browser does not share screens here",
    remedy: "Phones do not, and other browsers only on pages that came by HTTPS or from this " +
      "very machine. Choose another source.",
  });
}
