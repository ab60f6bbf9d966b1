/**
 * Tracks and frames as messages that Foxglove and Lichtblick show as they are, by the schemas that
 * Foxglove publishes (https://docs.foxglove.dev/docs/sdk/schemas), and beside them the tracks
 * message of the wire in its JSON form.
 */
import { type Tracks, tracksToJson } from "../protocol/mod.ts";
import { describe, encode, type Message, type Schema } from "./protobuf.ts";

const TIMESTAMP = "google.protobuf.Timestamp";
const COLOUR = "foxglove.Color", POINT = "foxglove.Point2";

/** Foxglove's messages, of which readers must know every field that they look for. */
const SCHEMA: Schema = {
  messages: {
    [TIMESTAMP]: { seconds: [1, "int64"], nanos: [2, "int32"] },
    [COLOUR]: { r: [1, "double"], g: [2, "double"], b: [3, "double"], a: [4, "double"] },
    [POINT]: { x: [1, "double"], y: [2, "double"] },
    "foxglove.CompressedImage": {
      timestamp: [1, TIMESTAMP],
      data: [2, "bytes"],
      format: [3, "string"],
      frame_id: [4, "string"],
    },
    "foxglove.CircleAnnotation": {
      timestamp: [1, TIMESTAMP],
      position: [2, POINT],
      diameter: [3, "double"],
      thickness: [4, "double"],
      fill_color: [5, COLOUR],
      outline_color: [6, COLOUR],
    },
    "foxglove.PointsAnnotation": {
      timestamp: [1, TIMESTAMP],
      type: [2, "foxglove.PointsAnnotationType"],
      points: [3, `${POINT}[]`],
      outline_color: [4, COLOUR],
      outline_colors: [5, `${COLOUR}[]`],
      fill_color: [6, COLOUR],
      thickness: [7, "double"],
    },
    "foxglove.TextAnnotation": {
      timestamp: [1, TIMESTAMP],
      position: [2, POINT],
      text: [3, "string"],
      font_size: [4, "double"],
      text_color: [5, COLOUR],
      background_color: [6, COLOUR],
    },
    "foxglove.ImageAnnotations": {
      circles: [1, "foxglove.CircleAnnotation[]"],
      points: [2, "foxglove.PointsAnnotation[]"],
      texts: [3, "foxglove.TextAnnotation[]"],
    },
  },
  enums: {
    "foxglove.PointsAnnotationType": {
      UNKNOWN: 0,
      POINTS: 1,
      LINE_LOOP: 2,
      LINE_STRIP: 3,
      LINE_LIST: 4,
    },
  },
};

const numbers = (type: "number" | "integer" = "number") => ({ type: "array", items: { type } });
const number = { type: "number" }, flag = { type: "boolean" };

/** JSON Schema of the tracks message, in the JSON form of the wire. */
const TRACKS_SCHEMA = {
  title: "lkstream.v1.Tracks",
  type: "object",
  properties: {
    type: { const: "tracks" },
    seq: { type: "integer" },
    timestamp: { type: ["number", "null"] },
    width: { type: "integer" },
    height: { type: "integer" },
    dropped: { type: "integer" },
    detected: flag,
    reset: flag,
    timing: {
      type: "object",
      properties: { queue: number, decode: number, track: number, detect: number, server: number },
    },
    flow: { type: ["array", "null"], items: number },
    points: {
      type: "object",
      properties: {
        id: numbers("integer"),
        x: numbers(),
        y: numbers(),
        dx: numbers(),
        dy: numbers(),
        error: numbers(),
        fb: { type: "array", items: { type: ["number", "null"] } },
        age: numbers("integer"),
        appearance: { type: "array", items: { type: ["number", "null"] } },
      },
    },
    lost: {
      type: "object",
      properties: { id: numbers("integer"), reason: { type: "array", items: { type: "string" } } },
    },
  },
};

/** The end of a channel's topic: a frame, the points on it, their ids beside them, the tracks message. */
export type Topic = "image" | "points" | "ids" | "tracks";

/** How the messages of a channel are to be read. */
export interface ChannelForm {
  topic: Topic;
  encoding: "protobuf" | "json";
  schemaName: string;
  schemaEncoding: "protobuf" | "jsonschema";
  schema: Uint8Array<ArrayBuffer>;
}

/** The channels of a stream. */
export function channelForms(): ChannelForm[] {
  const foxglove = { encoding: "protobuf", schemaEncoding: "protobuf", schema: describe(SCHEMA) };
  return [
    { topic: "image", schemaName: "foxglove.CompressedImage", ...foxglove },
    { topic: "points", schemaName: "foxglove.ImageAnnotations", ...foxglove },
    { topic: "ids", schemaName: "foxglove.ImageAnnotations", ...foxglove },
    {
      topic: "tracks",
      schemaName: TRACKS_SCHEMA.title,
      encoding: "json",
      schemaEncoding: "jsonschema",
      schema: new TextEncoder().encode(JSON.stringify(TRACKS_SCHEMA)),
    },
  ] as ChannelForm[];
}

const GREEN = { r: 0.2, g: 1, b: 0.4, a: 1 }, WHITE = { r: 1, g: 1, b: 1, a: 1 };
const CLEAR = { r: 0, g: 0, b: 0, a: 0 };
const POINT_PX = 4, TEXT_PX = 12;
/** Foxglove's origin is the corner of the first pixel, ours its centre. */
const CORNER = 0.5;

/** A foxglove.CompressedImage: the frame as it was sent. @param ms since 1970 */
export function imageMessage(
  jpeg: Uint8Array,
  ms: number,
  frameId: string,
): Uint8Array<ArrayBuffer> {
  const message = { timestamp: timestamp(ms), data: jpeg, format: "jpeg", frame_id: frameId };
  return encode(SCHEMA, "foxglove.CompressedImage", message);
}

/** A foxglove.ImageAnnotations: the living points of a frame. @param ms since 1970, as that of the frame */
export function pointsMessage({ points }: Tracks, ms: number): Uint8Array<ArrayBuffer> {
  const annotation: Message = {
    timestamp: timestamp(ms),
    type: SCHEMA.enums["foxglove.PointsAnnotationType"].POINTS,
    points: Array.from(points.id, (_, i) => placeOf(points, i)),
    outline_color: GREEN,
    fill_color: GREEN,
    thickness: POINT_PX,
  };
  return encode(SCHEMA, "foxglove.ImageAnnotations", { points: [annotation] });
}

/** A foxglove.ImageAnnotations: the ids of the living points as texts beside them. @param ms since 1970 */
export function idsMessage({ points }: Tracks, ms: number): Uint8Array<ArrayBuffer> {
  const time = timestamp(ms);
  const texts = Array.from(points.id, (id, i): Message => {
    const { x, y } = placeOf(points, i);
    return {
      timestamp: time,
      position: { x: x + POINT_PX, y },
      text: `${id}`,
      font_size: TEXT_PX,
      text_color: WHITE,
      background_color: CLEAR,
    };
  });
  return encode(SCHEMA, "foxglove.ImageAnnotations", { texts });
}

function placeOf({ xy }: Tracks["points"], i: number): { x: number; y: number } {
  return { x: xy[2 * i] + CORNER, y: xy[2 * i + 1] + CORNER };
}

/** The tracks message as JSON. */
export function tracksMessage(tracks: Tracks): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(tracksToJson(tracks)));
}

/** Whole milliseconds and their parts, as nanoseconds since 1970. */
export function nanoseconds(ms: number): bigint {
  return BigInt(Math.floor(ms)) * 1_000_000n + BigInt(Math.round(ms % 1 * 1e6));
}

function timestamp(ms: number): Message {
  const all = nanoseconds(ms);
  return { seconds: Number(all / 1_000_000_000n), nanos: Number(all % 1_000_000_000n) };
}
