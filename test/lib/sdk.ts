import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { type WebSocket as Peer, WebSocketServer } from "ws";
import {
  connect,
  type Connection,
  type ConnectionEvents,
  type ConnectOptions,
} from "../../client/sdk/connection/connection.ts";
import { defaultOptions, encodeTracks, type Hello, type Tracks } from "../../protocol/mod.ts";
import { type RunningServer, serve, type ServeOptions } from "../../server/http/server.ts";
import { DEFAULT_LIMITS, toldLimits } from "../../server/limits.ts";
import { emptyTracks } from "./empty_tracks.ts";
import { HEADER_ONLY_JPEG as JPEG } from "./header_only_jpeg.ts";
import { inTime } from "./in_time.ts";
import { type Script, ScriptedEngine } from "./scripted.ts";

export const LIMITS = {
  ...DEFAULT_LIMITS,
  maxFrameBytes: 10_000,
  maxFramePixels: 10_000,
  maxPoints: 100,
  maxSessions: 10,
};
export const CORNERS: Script = { corners: [[10, 10], [30, 40]] };
export const MASK: [number, number][][] = [[[0, 0], [49.5, 0], [49.5, 79.5], [0, 79.5]]];

/** What the SDK did with its sockets during a test. */
export const opened: { url: string; protocols: string[]; sent: (string | Uint8Array)[] }[] = [];
/** Settled when every socket of the SDK is closed: a test must not end before. */
export let allClosed: Promise<unknown>[] = [];

class WatchedSocket extends WebSocket {
  readonly #sent: (string | Uint8Array)[] = [];
  constructor(url: string, protocols: string[]) {
    super(url, protocols);
    opened.push({ url, protocols, sent: this.#sent });
    allClosed.push(new Promise((closed) => this.addEventListener("close", closed)));
  }
  override send(data: string | Uint8Array<ArrayBuffer>): void {
    this.#sent.push(data);
    super.send(data);
  }
}

/** A test of connections that it opens with `open`; they are closed at its end. */
export function sdkTest(
  name: string,
  body: (
    open: (url: string | string[], options?: ConnectOptions) => Connection,
  ) => Promise<void>,
): void {
  Deno.test(`sdk: ${name}`, async () => {
    const native = globalThis.WebSocket;
    const connections: Connection[] = [];
    opened.length = 0;
    allClosed = [];
    globalThis.WebSocket = WatchedSocket as typeof WebSocket;
    try {
      const tested = body((url, options) => {
        connections.push(connect(url, { pauseMs: () => 20, ...options }));
        return connections.at(-1)!;
      });
      await inTime(tested);
    } finally {
      for (const connection of connections) connection.close();
      globalThis.WebSocket = native;
      await Promise.all(allClosed);
    }
  });
}

export function startServer(change: Partial<ServeOptions> = {}): Promise<RunningServer> {
  return serve({
    host: "127.0.0.1",
    port: 0,
    engine: new ScriptedEngine(() => [CORNERS]),
    limits: LIMITS,
    token: null,
    allowOrigins: [],
    log: () => {},
    ...change,
  });
}

export async function withServer(
  change: Partial<ServeOptions>,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const server = await startServer(change);
  try {
    await use(server.url);
  } finally {
    await server.close();
  }
}

/**
 * A server that plays `session` for each WebSocket, to be what a real one is seldom. What its
 * listeners throw fails the test, not the whole file.
 */
export async function withPeer(
  session: (peer: Peer, count: number) => void,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const peers = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  const thrown = Promise.withResolvers<never>();
  let count = 0;
  peers.on("connection", (peer) => {
    const { emit } = peer;
    peer.emit = (...event: Parameters<typeof emit>) => {
      try {
        return emit.apply(peer, event);
      } catch (error) {
        thrown.reject(error);
        return true;
      }
    };
    session(peer, ++count);
  });
  await new Promise((listening) => peers.once("listening", listening));
  try {
    await Promise.race([
      use(`http://127.0.0.1:${(peers.address() as AddressInfo).port}`),
      thrown.promise,
    ]);
  } finally {
    const closed = new Promise((resolve) => peers.close(resolve));
    for (const peer of peers.clients) peer.terminate();
    await closed;
  }
}

/** The next event of this name that `matches`. */
export function next<N extends keyof ConnectionEvents>(
  connection: Connection,
  name: N,
  matches: (value: ConnectionEvents[N]) => boolean = () => true,
): Promise<ConnectionEvents[N]> {
  return new Promise((resolve) => {
    const off = connection.on(name, (value) => {
      if (!matches(value)) return;
      off();
      resolve(value);
    });
  });
}

export type State<N> = Extract<ConnectionEvents["state"], { name: N }>;

/** Waits until the connection enters this state. */
export async function entered<N extends ConnectionEvents["state"]["name"]>(
  connection: Connection,
  name: N,
): Promise<State<N>> {
  const { state } = connection;
  if (state.name === name) return state as State<N>;
  return await next(connection, "state", (state) => state.name === name) as State<N>;
}

/** Sends a frame once that is possible, and waits for its tracks. */
export async function track(connection: Connection): Promise<Tracks> {
  await entered(connection, "open");
  const seq = connection.send(JPEG);
  assert.ok(seq !== null, "the frame was not taken");
  return next(connection, "tracks", (tracks) => tracks.seq === seq);
}

export function hello(): Hello {
  return {
    type: "hello",
    protocol: "lkstream.v1",
    server: "test/0",
    session: "s",
    engine: { name: "wasm", device: "script", reason: "a test" },
    options: defaultOptions(),
    limits: toldLimits(LIMITS),
  };
}

/** Tracks without points, as the server writes them. */
export function tracksOf(seq: number, dropped = 0): Uint8Array {
  return encodeTracks(emptyTracks(seq, { dropped }));
}
