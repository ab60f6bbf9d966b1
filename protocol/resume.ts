import { ProtocolError, quote } from "./errors.ts";

/**
 * All that a stream needs to go on at another server: what its client knows from the last answered
 * frame, with the points that it has added since.
 */
export interface StreamState {
  /** Every id that was ever given out in the stream lies below it. */
  nextId: number;
  /** Processed frames since detection last ran. */
  sinceDetection: number;
  points: StreamPoints;
  /** Of a stream with a name: that of the `hello` with which its ids began. */
  epoch?: number;
}

/** Points on the frame that was last answered, in the order of their ids. */
export interface StreamPoints {
  id: Uint32Array;
  /** Pixels, as x, y pairs. */
  xy: Float32Array;
  /** How each moved into that frame, pixels. */
  dxy: Float32Array;
  /** Processed frames since each was found. */
  age: Uint32Array;
}

/** The control message that carries a {@linkcode StreamState}. */
export interface ResumeMessage {
  type: "resume";
  nextId: number;
  sinceDetection?: number;
  epoch?: number;
  points: {
    id: number[];
    x: number[];
    y: number[];
    dx?: number[];
    dy?: number[];
    age: number[];
  };
}

const FORM = "nextId: a whole number from 1 to 4294967295; sinceDetection: a whole " +
  "number; epoch: that of hello; points: id, x, y and age, dx and dy too if known: lists of equal length, ids whole, " +
  "ascending, from 1 to below nextId, the others numbers";
const MAX_WHOLE = 0xffffffff;
const COLUMNS = ["id", "x", "y", "dx", "dy", "age"] as const;
type Column = typeof COLUMNS[number];

/**
 * Reads a `resume` message. Checks every number, for they come from a client; loops, since a
 * schema would take ten times as long for ten thousand points.
 *
 * @throws {ProtocolError} `bad_message` where something has the wrong form.
 */
export function readResume(message: Record<string, unknown>): StreamState {
  const { nextId, sinceDetection = 0, epoch, points } = message;
  if (!isWhole(nextId, 1)) throw refusal("nextId", nextId);
  if (!isWhole(sinceDetection, 0)) throw refusal("sinceDetection", sinceDetection);
  if (!isEpoch(epoch)) throw refusal("epoch", epoch);
  if (typeof points !== "object" || points === null) throw refusal("points", points);
  const { id, x, y, dx, dy, age } = columnsOf(points as Record<Column, unknown>);
  checkIds(id, nextId);
  return {
    nextId,
    sinceDetection,
    epoch,
    points: {
      id: Uint32Array.from(id),
      xy: pairs(x, y, "points.x or points.y"),
      dxy: pairs(dx, dy, "points.dx or points.dy"),
      age: wholes(age, "points.age"),
    },
  };
}

/** The message that says this state; numbers are no longer than single precision needs. */
export function resumeMessage(
  { nextId, sinceDetection, epoch, points }: StreamState,
): ResumeMessage {
  const { id, xy, dxy, age } = points;
  const every2nd = (values: Float32Array, from: number) =>
    Array.from(id, (_, i) => shortest(values[2 * i + from]));
  return {
    type: "resume",
    nextId,
    sinceDetection,
    epoch,
    points: {
      id: [...id],
      x: every2nd(xy, 0),
      y: every2nd(xy, 1),
      dx: every2nd(dxy, 0),
      dy: every2nd(dxy, 1),
      age: [...age],
    },
  };
}

/** Nine digits tell every number of single precision from its neighbours. */
function shortest(value: number): number {
  return Number(value.toPrecision(9));
}

function columnsOf(points: Record<Column, unknown>): Record<Column, unknown[]> {
  const { id } = points;
  if (!Array.isArray(id)) throw refusal("points.id", id);
  const none = new Array(id.length).fill(0);
  const given: Record<Column, unknown> = {
    ...points,
    dx: points.dx ?? none,
    dy: points.dy ?? none,
  };
  for (const name of COLUMNS) {
    const column = given[name];
    if (!Array.isArray(column)) throw refusal(`points.${name}`, column);
    if (column.length !== id.length) throw refusal(`points.${name}.length`, column.length);
  }
  return given as Record<Column, unknown[]>;
}

function checkIds(ids: unknown[], nextId: number): void {
  let last = 0;
  for (const id of ids) {
    if (!isWhole(id, last + 1) || id >= nextId) throw refusal("one of points.id", id);
    last = id;
  }
}

function wholes(values: unknown[], name: string): Uint32Array {
  const wrong = values.findIndex((value) => !isWhole(value, 0));
  if (wrong >= 0) throw refusal(`one of ${name}`, values[wrong]);
  return Uint32Array.from(values as number[]);
}

/** Two columns as pairs in single precision, in which they must be finite too. */
function pairs(first: unknown[], second: unknown[], name: string): Float32Array {
  const both = new Float32Array(2 * first.length);
  for (let i = 0; i < both.length; i++) {
    const value = (i % 2 === 0 ? first : second)[i >> 1];
    if (typeof value === "number") both[i] = value;
    if (typeof value !== "number" || !Number.isFinite(both[i])) {
      throw refusal(`one of ${name}`, value);
    }
  }
  return both;
}

function isWhole(value: unknown, least: number): value is number {
  return Number.isInteger(value) && value as number >= least && value as number <= MAX_WHOLE;
}

/** Milliseconds since 1970, which single precision would not hold. */
function isEpoch(value: unknown): value is number | undefined {
  return value === undefined || Number.isSafeInteger(value) && value as number >= 0;
}

function refusal(name: string, value: unknown): ProtocolError {
  return new ProtocolError(
    "bad_message",
    `Cannot take ${quote(value)} as ${name} of resume: allowed are ${FORM}`,
  );
}
