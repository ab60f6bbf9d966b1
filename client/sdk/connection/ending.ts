import { CloseCode } from "../../../protocol/mod.ts";
import { LkstreamError } from "./errors.ts";
import type { StreamEnd } from "./stream.ts";

/** Closed with one of these, the same client would only be closed again. */
const FINAL: ReadonlySet<number> = new Set([
  CloseCode.notAFrame,
  CloseCode.notUtf8,
  CloseCode.tooManyErrors,
  CloseCode.messageTooLarge,
]);

/** True where reconnecting after this makes no sense. */
export function isFinal(end: StreamEnd): boolean {
  return end.how === "closed" && FINAL.has(end.code);
}

/** Why a stream ended that was not refused: {@linkcode explainRefusal} is for those. */
export function ended(end: Exclude<StreamEnd, { how: "refused" }>, host: string): LkstreamError {
  switch (end.how) {
    case "unanswered":
      return new LkstreamError(
        "unreachable",
        `Nothing answered at ${host} within ${end.ms / 1000} s`,
      );
    case "silent":
      return new LkstreamError(
        "disconnected",
        `Nothing came from the server for ${end.ms / 1000} s`,
      );
    case "closed":
      return closed(end.code, end.reason);
  }
}

function closed(code: number, reason: string): LkstreamError {
  const said = reason ? `: ${reason}` : "";
  if (FINAL.has(code)) {
    return new LkstreamError("rejected", `The server ended the session with code ${code}${said}`);
  }
  if (code === CloseCode.serverStopping) {
    return new LkstreamError("disconnected", `The server is stopping${said}`);
  }
  if (code === CloseCode.overloaded) {
    return new LkstreamError("busy", `The server is overloaded${said}`);
  }
  return new LkstreamError("disconnected", `The connection was lost (code ${code})${said}`);
}
