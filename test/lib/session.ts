/** A session without a socket. */
import { setImmediate } from "node:timers";
import {
  decodeTracks,
  encodeFrame,
  type ResultForm,
  type ServerMessage,
  type Tracks,
} from "../../protocol/mod.ts";
import { DEFAULT_LIMITS, type ServerLimits } from "../../server/limits.ts";
import { Load } from "../../server/load.ts";
import { Metrics } from "../../server/metrics.ts";
import { Session, type SessionSocket } from "../../server/session/session.ts";
import { HEADER_ONLY_JPEG as JPEG } from "./header_only_jpeg.ts";
import { type Script, ScriptedSequence } from "./scripted.ts";

export const CORNERS: [number, number][] = [[10, 10], [40, 10]];

class FakeSocket implements SessionSocket {
  bufferedAmount = 0;
  paused = false;
  readonly sent: (ServerMessage | Tracks)[] = [];
  readonly closes: [number, string][] = [];
  #unsent: (() => void)[] = [];

  send(data: string | Uint8Array, done: () => void): void {
    this.sent.push(typeof data === "string" ? JSON.parse(data) : decodeTracks(data));
    if (this.bufferedAmount > 0) this.#unsent.push(done);
    else queueMicrotask(done);
  }
  close(code: number, reason: string): void {
    this.closes.push([code, reason]);
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  /** The reader has read everything. */
  drain(): void {
    this.bufferedAmount = 0;
    for (const done of this.#unsent.splice(0)) done();
  }
}

/** Small ones, so that they are reached. */
const LIMITS = {
  ...DEFAULT_LIMITS,
  maxFrameBytes: 1000,
  maxFramePixels: 100 * 80,
  maxPoints: 50,
};

/** A session over a sequence that plays `script`, and what was said and told in it. */
export function begin(
  script: (Script | undefined)[] = [],
  results: ResultForm = "bin",
  limits: Partial<ServerLimits> = {},
) {
  const socket = new FakeSocket();
  const sequence = new ScriptedSequence(script);
  const log: string[] = [];
  const metrics = new Metrics();
  metrics[Symbol.dispose](); // the event loop's delay is not measured here
  const session = new Session(socket, sequence, {
    id: "the-session",
    server: "lkstream/test",
    engine: { name: "wasm", device: "script", reason: "a test" },
    limits: { ...LIMITS, ...limits },
    results,
    log: (event, fields) => log.push(`${event} ${JSON.stringify(fields)}`),
    metrics,
    load: new Load(),
  });
  const tracks = () =>
    socket.sent.filter((message): message is Tracks => "seq" in message && "points" in message);
  const answers = () =>
    socket.sent.slice(1).filter((message) =>
      !("points" in message && "seq" in message)
    ) as ServerMessage[];
  const frame = (seq: number, reset = false) =>
    session.receiveBinary(encodeFrame({ seq, timestamp: seq + 0.5, reset, jpeg: JPEG }));
  const say = (message: unknown) => session.receiveText(JSON.stringify(message));
  return { socket, sequence, session, metrics, log, tracks, answers, frame, say };
}

/** Lets everything run that waits for nothing outside. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 100; i++) await new Promise((turn) => setImmediate(turn));
}
