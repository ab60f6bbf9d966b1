import * as v from "valibot";
import type { EngineInfo } from "./engines.ts";
import { type ErrorCode, ProtocolError, quote, type RequestId } from "./errors.ts";
import type { Options, PartialOptions } from "./options.ts";
import { explainText } from "./pictures.ts";
import { readResume, type ResumeMessage, type StreamState } from "./resume.ts";
import { shapeOf } from "./text_shape.ts";
import type { LostReason } from "./tracks.ts";
import type { TracksJson } from "./tracks_json.ts";

/** JSON has no word for what is not finite, but 1e999 reads as that. */
const coordinate = v.pipe(v.number(), v.finite());
const xy = v.strictTuple([coordinate, coordinate]);
const polygon = v.pipe(v.array(xy), v.minLength(3));
const id = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff));

/** The fields of each control message but `configure`, whose fields are the options. */
const FIELDS = {
  add: v.object({ type: v.literal("add"), points: v.array(xy) }),
  remove: v.object({ type: v.literal("remove"), ids: v.array(id) }),
  clear: v.object({ type: v.literal("clear") }),
  mask: v.object({ type: v.literal("mask"), polygons: v.array(polygon) }),
  stats: v.object({ type: v.literal("stats") }),
};
const FORMS = {
  add: "points: a list of [x, y]",
  remove: "ids: a list of whole numbers from 0 to 4294967295",
  clear: "nothing",
  mask: "polygons: a list of polygons, each a list of 3 or more [x, y]",
  stats: "nothing",
};
const TYPES = ["configure", "resume", ...Object.keys(FIELDS)];
const MAX_REQUEST_CHARS = 64;
/** Finite, because it comes back as JSON. */
const requestForm = v.union([
  v.pipe(v.number(), v.finite()),
  v.pipe(v.string(), v.maxLength(MAX_REQUEST_CHARS)),
]);
/** Room for 10,000 points with all their digits. */
const MAX_CONTROL_CHARS = 1 << 19;
/** The same, and more is known of each. */
const MAX_RESUME_CHARS = 1 << 20;
/** No message nests more deeply than `mask`: four. */
const MAX_DEPTH = 16;
/** No message has more than `resume` with 10,000 points: 60,000. */
const MAX_VALUES = 100_000;
/** No message has more than `configure`: some twenty. */
const MAX_MEMBERS = 1000;
type Checked = v.InferOutput<typeof FIELDS[keyof typeof FIELDS]>;

/** What lkstream.v1 has gained since: `hello` lists what its server has, and a client uses no more. */
export type Feature = "request" | "resume" | "going" | "stream";
/** What this version's server has. */
export const FEATURES: readonly Feature[] = ["request", "resume", "going", "stream"];

interface Marked {
  /** Only for a server with the feature `request`. */
  request?: RequestId;
}

/** A text message from the client. */
export type ClientMessage =
  & ({ type: "configure" } & PartialOptions | ResumeMessage | Checked)
  & Marked;

/** A control message that has been read; the options of `configure` are still to be checked. */
export type ControlMessage =
  & (
    | { type: "configure"; options: Record<string, unknown> }
    | { type: "resume"; state: StreamState }
    | Checked
  )
  & Marked;

/**
 * Reads a text message from a client.
 *
 * @param measured is told how many values the text has, before they are parsed: what it costs; it
 * may throw
 * @throws {ProtocolError} `bad_json` where it is not JSON, `bad_message` where
 * its type is not known or a field has the wrong form, `limit` where it is too long, is nested too
 * deeply or has too many members; with the message's mark, where it has one.
 */
export function parseControl(
  text: string,
  measured: (values: number) => void = () => {},
): ControlMessage {
  checkLength(text, MAX_RESUME_CHARS);
  checkShape(text, measured);
  const { request, ...message } = parseObject(text);
  try {
    const marked = checkedMark(request);
    return { ...checkMessage(message, text), ...marked };
  } catch (error) {
    if (error instanceof ProtocolError) error.request = markOf(request);
    throw error;
  }
}

function checkMessage(message: Record<string, unknown>, text: string): ControlMessage {
  const { type, ...rest } = message;
  if (type === "resume") return { type, state: readResume(rest) };
  checkLength(text, MAX_CONTROL_CHARS);
  if (type === "configure") return { type, options: rest };
  if (typeof type !== "string" || !Object.hasOwn(FIELDS, type)) {
    throw new ProtocolError(
      "bad_message",
      explainText(text) ??
        `Cannot take a message of type ${quote(type)}: allowed are ${TYPES.join(", ")}`,
    );
  }
  // The first fault is enough: a list may hold a hundred thousand of them.
  const result = v.safeParse(FIELDS[type as keyof typeof FIELDS], message, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new ProtocolError(
    "bad_message",
    `Cannot take ${quote(issue.input)} as ${v.getDotPath(issue)} of ${type}: ` +
      `allowed are ${FORMS[type as keyof typeof FORMS]}`,
  );
}

function checkLength(text: string, most: number): void {
  const mistake = text.length > most ? explainText(text) : null;
  if (mistake) throw new ProtocolError("bad_message", mistake);
  checkMost(text.length, most, "characters");
}

/** What is dear to parse is refused before it is. */
function checkShape(text: string, measured: (values: number) => void): void {
  const { depth, members, values } = shapeOf(text, MAX_DEPTH);
  measured(values);
  checkMost(depth, MAX_DEPTH, "levels or more"); // it was measured no further
  checkMost(values, MAX_VALUES, "values");
  checkMost(members, MAX_MEMBERS, "members");
}

function checkMost(n: number, most: number, unit: string): void {
  if (n <= most) return;
  throw new ProtocolError("limit", `Cannot read a message of ${n} ${unit}: allowed are ${most}`);
}

function checkedMark(request: unknown): Marked {
  if (request === undefined) return {};
  const mark = markOf(request);
  if (mark !== undefined) return { request: mark };
  throw new ProtocolError(
    "bad_message",
    `Cannot take ${quote(request)} as request: allowed are finite numbers, and strings of ` +
      `${MAX_REQUEST_CHARS} characters at most`,
  );
}

function markOf(request: unknown): RequestId | undefined {
  return v.is(requestForm, request) ? request : undefined;
}

/** The mark on a control message that is refused unread, and may not even be JSON; undefined where there is none. */
export function requestOf(text: string): RequestId | undefined {
  try {
    checkLength(text, MAX_RESUME_CHARS);
    checkShape(text, () => {});
    return markOf(parseObject(text).request);
  } catch {
    return undefined;
  }
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ProtocolError(
      "bad_json",
      explainText(text) ?? `Cannot read ${quote(text)} as JSON`,
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ProtocolError(
      "bad_message",
      explainText(text) ??
        `Cannot take ${quote(value)} as a message: allowed are objects with a type`,
    );
  }
  return value as Record<string, unknown>;
}

/** What the server takes from one session at most. */
export interface Limits {
  maxFrameBytes: number;
  maxFramePixels: number;
  maxPoints: number;
}

/** Percentiles of a stage over the latest frames, in milliseconds; null before the first. */
export interface Percentiles {
  p50: number;
  p95: number;
  p99: number;
}

/** First message of a session. */
export interface Hello {
  type: "hello";
  protocol: "lkstream.v1";
  server: string;
  session: string;
  engine: EngineInfo;
  options: Options;
  limits: Limits;
  /** The name that the client gave the stream; missing where it gave none. */
  stream?: string;
  /**
   * Of a stream with a name: ids mean the same points as long as it stays, and it grows when they
   * begin anew. A client that goes on elsewhere says it in `resume`.
   */
  epoch?: number;
  /** Missing where the server has none. */
  features?: readonly Feature[];
}

/** This session's counters since it began. */
export interface Stats {
  type: "stats";
  session: string;
  seconds: number;
  frames: { received: number; processed: number; dropped: number; failed: number };
  points: { live: number; found: number; lost: Record<LostReason, number> };
  latency: Record<"queue" | "decode" | "track" | "detect" | "server", Percentiles | null>;
}

/** What answers a control message. `done` answers one without an answer of its own that was marked. */
export type Answer =
  & (
    | { type: "configured"; options: Options }
    | { type: "added"; ids: number[] }
    | { type: "masked"; share: number | null }
    /** So many points live on; they stand on the next frame. */
    | { type: "resumed"; live: number }
    | { type: "done" }
    | Stats
  )
  & Marked;

/** The type of each control message's answer. */
export const ANSWER_TO = {
  configure: "configured",
  add: "added",
  remove: "done",
  clear: "done",
  mask: "masked",
  stats: "stats",
  resume: "resumed",
} as const satisfies Record<ClientMessage["type"], Answer["type"]>;

/** A text message from the server. */
export type ServerMessage =
  | Hello
  | Answer
  /** This server stops: it serves this session for so many seconds more, and takes no new one. */
  | { type: "going"; seconds: number }
  /** Another engine goes on, `reason` says why. Points live on, if there was a good frame before. */
  | { type: "engine"; engine: EngineInfo }
  | { type: "error"; code: ErrorCode; message: string; seq?: number } & Marked
  | TracksJson;

/**
 * Reads a text message from the server. Only its type is looked at: a later
 * version may add fields and types, and a client passes over what it does not know.
 *
 * @throws {ProtocolError} `bad_json` or `bad_message` where it is not an object with a type.
 */
export function parseServerMessage(text: string): ServerMessage {
  const message = parseObject(text);
  if (typeof message.type !== "string") {
    throw new ProtocolError("bad_message", `Cannot take a message of type ${quote(message.type)}`);
  }
  return message as unknown as ServerMessage;
}
