import { quote } from "./errors.ts";

export const MAX_STREAM_NAME = 64;
const STREAM_NAME = new RegExp(`^[A-Za-z0-9_-]{1,${MAX_STREAM_NAME}}$`);

/** Whether a stream may have this name: it is a part of subjects and topics as it is. */
export function isStreamName(name: string): boolean {
  return STREAM_NAME.test(name);
}

/** Why it may not, where it may not. */
export function refuseStreamName(name: string): string {
  return `Cannot name a stream ${quote(name)}: allowed are letters, digits, - and _, ` +
    `at most ${MAX_STREAM_NAME}`;
}
