import { noPage } from "./page_only.ts";
import { type Explanation, named, SourceError } from "./source_error.ts";
import { NO_AUTOPLAY } from "./stream.ts";

/** The names that `getUserMedia` fails with. */
const EXPLANATIONS: Record<string, Explanation> = {
  NotAllowedError: {
    message: "The camera is not allowed here",
    remedy: "Allow the camera for this page by the icon beside the address, then try again. " +
      "If there is none, look for the browser in the system's privacy settings.",
  },
  NotFoundError: {
    message: "No camera was found",
    remedy: "Connect a camera and try again.",
  },
  NotReadableError: {
    message: "The camera does not deliver pictures",
    remedy: "Another program may be using it: close that one and try again. " +
      "Otherwise, unplug the camera and plug it in again.",
  },
  OverconstrainedError: {
    message: "No camera can do what was asked for",
    remedy: "Choose another camera or another resolution; the chosen camera may be unplugged.",
  },
  SecurityError: {
    message: "This page may not use cameras",
    remedy: "The browser's settings, or the page that this one is shown in, forbid it. " +
      "Open this page in a tab of its own, or allow cameras in the settings.",
  },
  AbortError: {
    message: "The camera stopped while it was being opened",
    remedy: "Try again. If that does not help, unplug the camera and plug it in again.",
  },
  InvalidStateError: {
    message: "The camera cannot be opened while this page is in the background",
    remedy: "Bring this page to the front and try again.",
  },
  TypeError: {
    message: "The camera cannot be asked for in this way",
    remedy: "Choose another camera or another resolution and try again.",
  },
};

/** A camera that could not be opened; `message` says why and `remedy` what helps. */
export class CameraError extends SourceError {
  override readonly name = "CameraError";

  /** The explanation of what `getUserMedia` threw. */
  static from(error: unknown): CameraError {
    const { name, message } = named(error);
    const known = EXPLANATIONS[name] ?? {
      message: `The camera cannot be opened: ${message}`,
      remedy: "Try again, or choose another camera.",
    };
    return new CameraError(name, known, error);
  }

  /** There is no camera, by whatever name the browser says so. */
  static none(cause: unknown): CameraError {
    return new CameraError("NotFoundError", EXPLANATIONS.NotFoundError, cause);
  }

  /** The camera is allowed, its video may not start. */
  static noAutoplay(cause: unknown): CameraError {
    return new CameraError("NoAutoplay", NO_AUTOPLAY, cause);
  }

  /** There is no page. */
  static elsewhere(): CameraError {
    return new CameraError("NoPage", noPage("a camera"));
  }

  /** Browsers give cameras only to pages that came by HTTPS or from this very machine. */
  static insecure(): CameraError {
    const port = location.port || "80";
    return new CameraError("InsecureContext", {
      message: "The browser gives cameras only to secure pages",
      remedy: `On the server's own machine, open http://localhost:${port}. For other machines, ` +
        "start the server with --tls self-signed, put HTTPS in front of it, or run " +
        `ssh -L ${port}:localhost:${port} with the server's name and open that address here.`,
    });
  }
}
