import { clientFrame, dial, openSession } from "../attack/peer.ts";
import type { Pick } from "../pick.ts";
import { join } from "./bytes.ts";

/** What comes back is looked at no longer than this. */
const STAY_MS = 60;
const MOST_MESSAGES = 20_000;
const MOST_CHARS = 500_000;
const TEXT = 1, BINARY = 2, PING = 9, PONG = 10;
const PATHS = [
  "/",
  "/healthz",
  "/v1/info",
  "/v1/info?stream=a",
  "/v1/stream",
  "/metrics",
  "/lkstream.js",
  "/nothing",
];

/** Requests in one piece, whose answers are read or not. */
export async function pipeline(url: string, pick: Pick): Promise<void> {
  const { host } = new URL(url);
  const socket = await dial(url, pick.chance(0.5));
  const requests = Array.from(
    { length: 1 + pick.few(MOST_MESSAGES) },
    () =>
      `${pick.one(["GET", "HEAD", "POST"])} ${pick.one(PATHS)} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
  );
  socket.write(requests.join(""));
  await stay();
  socket.destroy();
}

/** Messages of a few bytes, of all kinds, in one piece. */
export async function pourTiny(url: string, pick: Pick): Promise<void> {
  const socket = await openSession(url);
  const some = Array.from({ length: 1 + pick.few(100) }, () => tinyMessage(pick));
  const times = 1 + pick.few(MOST_MESSAGES / some.length);
  socket.write(join(...Array.from({ length: times }, () => some).flat()));
  await stay();
  socket.destroy();
}

function tinyMessage(pick: Pick): Uint8Array {
  return pick.one([
    () => clientFrame(PONG, new Uint8Array(pick.few(125))),
    () => clientFrame(PING, new Uint8Array(pick.few(125))),
    () => clientFrame(BINARY, Uint8Array.of(0xff, 0xd8)),
    () => clientFrame(TEXT, new TextEncoder().encode('{"type":"clear"}')),
    () =>
      join(
        clientFrame(BINARY, Uint8Array.of(0xff), false),
        ...Array.from({ length: pick.few(50) }, () => clientFrame(0, new Uint8Array(0), false)),
        clientFrame(0, Uint8Array.of(0xd8)),
      ),
  ])();
}

/** JSON that is nested, long or has many members, closed or not. */
export function nestedText(pick: Pick): Uint8Array<ArrayBuffer> {
  const unit = pick.one(["[", '{"a":', "[],", "{},", "1,", '"a":1,', '"\\"",', "[[1,2]],", "[1,"]);
  const nested = unit.repeat(pick.few(MOST_CHARS / unit.length));
  const closed = pick.chance(0.5) ? "]".repeat(unit === "[" ? nested.length : 1) : "";
  const text = pick.one([
    nested + closed,
    `[${nested}[]]`,
    `{"type":"mask","polygons":[${nested}[]]}`,
    `{"type":"configure","flow":{${nested}"maxLevel":1}}`,
  ]);
  return new TextEncoder().encode(text.slice(0, MOST_CHARS));
}

function stay(): Promise<void> {
  return new Promise((over) => setTimeout(over, STAY_MS));
}
