/**
 * Codes of the `error` message. The session lives on after each of them but `overloaded`; it ends
 * after too many in a row.
 */
export type ErrorCode =
  | "bad_json"
  | "bad_message"
  | "bad_option"
  | "bad_frame"
  | "frame_too_large"
  | "limit"
  | "engine_failed"
  | "overloaded";

/** A client's mark on a control message; the answer, or the error that refuses it, carries it too. */
export type RequestId = number | string;

/** Something that does not follow lkstream.v1. `code` is what the peer is told. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  /** The mark on the control message that is refused, where it was read so far. */
  request?: RequestId;
  constructor(readonly code: ErrorCode, message: string) {
    super(message);
  }
}

/** WebSocket close codes with their meaning in lkstream.v1. */
export const CloseCode = {
  done: 1000,
  serverStopping: 1001,
  malformed: 1002,
  notAFrame: 1003,
  notUtf8: 1007,
  tooManyErrors: 1008,
  messageTooLarge: 1009,
  internal: 1011,
  overloaded: 1013,
} as const;

const QUOTED_CHARS = 60;

/** A value as it is quoted in an error message: short, on one line. */
export function quote(value: unknown): string {
  let parts = 0;
  const json = JSON.stringify(value, (_, part) => {
    if (++parts > QUOTED_CHARS) return null; // not shown; and what is nested too deeply would throw
    const isInfinite = part === Infinity || part === -Infinity; // 1e999 in a list, else null
    return isInfinite ? "a number that is not finite" : shortened(part);
  });
  const text = typeof value === "number" ? `${value}` : json ?? `${value}`;
  return text.length > QUOTED_CHARS ? `${text.slice(0, QUOTED_CHARS - 3)}...` : text;
}

/** A long text or list by its beginning: what follows is not quoted, and would cost time. */
function shortened(part: unknown): unknown {
  const isLong = (typeof part === "string" || Array.isArray(part)) && part.length > QUOTED_CHARS;
  return isLong ? part.slice(0, QUOTED_CHARS) : part;
}
