import * as v from "valibot";
import { type ErrorCode, ProtocolError, quote } from "./errors.ts";
import type { Options, PartialOptions } from "./options.ts";
import type { LostReason } from "./tracks.ts";
import type { TracksJson } from "./tracks_json.ts";

/** Subprotocols, and so forms of the results. */
export const SUBPROTOCOLS = { bin: "lkstream.v1.bin", json: "lkstream.v1.json" } as const;
/** How tracks arrive: binary columns, or JSON text. */
export type ResultForm = keyof typeof SUBPROTOCOLS;

const xy = v.strictTuple([v.number(), v.number()]);
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
const TYPES = ["configure", ...Object.keys(FIELDS)];
/** Room for 10,000 points with all their digits. */
const MAX_CONTROL_CHARS = 1 << 19;
type Checked = v.InferOutput<typeof FIELDS[keyof typeof FIELDS]>;

/** A text message from the client. */
export type ClientMessage = { type: "configure" } & PartialOptions | Checked;

/** A control message that has been read; the options of `configure` are still to be checked. */
export type ControlMessage =
  | { type: "configure"; options: Record<string, unknown> }
  | Checked;

/**
 * Reads a text message from a client.
 *
 * @throws {ProtocolError} `bad_json` where it is not JSON, `bad_message` where
 * its type is not known or a field has the wrong form, `limit` where it is too long.
 */
export function parseControl(text: string): ControlMessage {
  if (text.length > MAX_CONTROL_CHARS) {
    throw new ProtocolError(
      "limit",
      `Cannot read a message of ${text.length} characters: allowed are ${MAX_CONTROL_CHARS}`,
    );
  }
  const message = parseObject(text);
  const { type, ...rest } = message;
  if (type === "configure") return { type, options: rest };
  if (typeof type !== "string" || !Object.hasOwn(FIELDS, type)) {
    throw new ProtocolError(
      "bad_message",
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

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ProtocolError("bad_json", `Cannot read ${quote(text)} as JSON`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ProtocolError(
      "bad_message",
      `Cannot take ${quote(value)} as a message: allowed are objects with a type`,
    );
  }
  return value as Record<string, unknown>;
}

/** The engines there are, from the fastest on; the last one runs everywhere. */
export const ENGINE_NAMES = ["cuda", "cpu", "wasm"] as const;
export type EngineName = typeof ENGINE_NAMES[number];

/** Which engine follows the points, and why this one. */
export interface EngineInfo {
  name: EngineName;
  device: string;
  reason: string;
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

/** A text message from the server. */
export type ServerMessage =
  | Hello
  | { type: "configured"; options: Options }
  | { type: "added"; ids: number[] }
  | { type: "masked"; share: number | null }
  /** Another engine goes on, `reason` says why: every point ends with `reset` on the next frame. */
  | { type: "engine"; engine: EngineInfo }
  | Stats
  | { type: "error"; code: ErrorCode; message: string; seq?: number }
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
