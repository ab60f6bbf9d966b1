import type { ErrorCode } from "../../../protocol/mod.ts";

/**
 * What went wrong between client and server. Codes of the protocol come from
 * the server, with the `seq` of the frame where it was about one. Of the others:
 * - `unauthorized`, `forbidden`, `busy`: refused before the stream opened
 *   (token, origin, session limit);
 * - `unreachable`: nothing answers at the address, in time, or by its scheme;
 * - `disconnected`: the stream ended before the answer came;
 * - `rejected`: the server closed for good, trying again would end the same way;
 *   or a frame is larger than it takes, and was not sent.
 */
export type LkstreamErrorCode =
  | ErrorCode
  | "unauthorized"
  | "forbidden"
  | "busy"
  | "unreachable"
  | "disconnected"
  | "rejected";

/** Every error of the connection. */
export class LkstreamError extends Error {
  override readonly name = "LkstreamError";
  constructor(
    readonly code: LkstreamErrorCode,
    message: string,
    /** The frame it is about. */
    readonly seq?: number,
  ) {
    super(message);
  }
}
