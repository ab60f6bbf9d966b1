import { CloseCode } from "../../../protocol/mod.ts";
import { LkstreamError } from "./errors.ts";

/** Closed with one of these, the same client would only be closed again. */
const FINAL: ReadonlySet<number> = new Set([
  CloseCode.notAFrame,
  CloseCode.notUtf8,
  CloseCode.tooManyErrors,
  CloseCode.messageTooLarge,
]);

/** True where reconnecting after this close code makes no sense. */
export function isFinal(code: number): boolean {
  return FINAL.has(code);
}

/** Why an open stream ended. */
export function ended(code: number, reason: string): LkstreamError {
  const said = reason ? `: ${reason}` : "";
  if (isFinal(code)) {
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
