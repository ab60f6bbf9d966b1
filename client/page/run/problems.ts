import { type LkstreamError, SourceError } from "../../sdk/mod.ts";
import type { SourceKind } from "./source_choice.ts";

/** Why nothing runs, and what can be done about it. */
export interface Problem {
  title: string;
  text: string;
  /** Whether the sample could be seen nonetheless; it could, if not given. */
  sampleHelps?: boolean;
}

export const NOTHING_FITS: Problem = {
  title: "The recording is not of this video",
  text: "None of its results is on a frame of it. Choose the video that belongs to it.",
};

export function cannotSend(message: string): Problem {
  return { title: "The picture cannot be sent", text: `${message}.` };
}

export function sourceGone(kind: SourceKind, label: string): Problem {
  if (kind !== "camera") {
    return { title: "The source ended", text: `“${label}” shows nothing any more.` };
  }
  return {
    title: "The camera is gone",
    text:
      `“${label}” was unplugged, or taken by the system or another program. Once it is connected ` +
      "again, or this page is back in front, tracking goes on by itself. Or choose another camera.",
  };
}

/** @param error what opening it threw */
export function sourceProblem(error: unknown): Problem {
  if (error instanceof SourceError) return { title: error.message, text: error.remedy };
  return { title: "The source cannot be opened", text: String(error) };
}

export function connectionProblem({ code, message }: LkstreamError): Problem {
  if (code === "unauthorized") {
    return {
      title: "This server asks for a token",
      text: "Open the address with #token=TOKEN at its end: the token the server was started with.",
      sampleHelps: false,
    };
  }
  const title = code === "forbidden"
    ? "The server does not let this page in"
    : "The server ended the session";
  return { title, text: `${message}.` };
}
