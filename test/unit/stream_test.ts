import assert from "node:assert/strict";
import {
  type SocketClass,
  Stream,
  type StreamEnd,
  type StreamEvents,
} from "../../client/sdk/connection/stream.ts";
import { encodeTracks } from "../../protocol/mod.ts";
import { emptyTracks } from "../lib/empty_tracks.ts";

/** A socket that does what a test tells it. */
class FakeSocket {
  readonly sent: unknown[] = [];
  closes = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  send(data: unknown): void {
    this.sent.push(data);
  }
  close(): void {
    this.closes++;
  }
  says(data: unknown): void {
    this.onmessage?.({ data: typeof data === "object" ? data : String(data) });
  }
}

const HELLO = JSON.stringify({ type: "hello", features: ["request"] });

function begin(change: Partial<StreamEvents> = {}) {
  const told: string[] = [];
  const ends: StreamEnd[] = [];
  let socket!: FakeSocket;
  const Socket = class extends FakeSocket {
    constructor() {
      super();
      socket = this;
    }
  } as unknown as SocketClass;
  const times = { connectMs: 60_000, silentMs: 60_000 };
  const stream = new Stream({ url: "ws://h/v1/stream", protocols: [] }, Socket, times, {
    hello: ({ features }) => told.push(`hello ${features}`),
    said: (said, bytes) => told.push(`${said.type} ${bytes}`),
    malformed: ({ code }) => told.push(code),
    ended: (end) => ends.push(end),
    isOwed: () => false,
    ...change,
  });
  return { stream, socket, told, ends };
}

Deno.test("stream: what the server says is told in its order, and what is wrong among it", () => {
  const { stream, socket, told } = begin();
  socket.onopen?.();
  socket.says(HELLO);
  socket.says(`{"type":"later"}`);
  socket.says("{");
  const tracks = encodeTracks(emptyTracks(7)).buffer;
  socket.says(tracks);
  assert.deepEqual(told, [
    "hello request",
    "later 16",
    "bad_json",
    `tracks ${tracks.byteLength}`,
  ]);
  stream.close();
});

Deno.test("stream: messages keep their order behind bytes that are still read, or cannot be", async () => {
  const { stream, socket } = begin();
  const first = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
  const second = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
  stream.send("a");
  stream.send(first.promise);
  stream.send("b");
  stream.send(second.promise);
  stream.send("c");
  assert.deepEqual(socket.sent, ["a"]);
  second.reject(new Error("the file is gone"));
  first.resolve(Uint8Array.of(1));
  while (socket.sent.length < 4) await new Promise((turn) => setTimeout(turn));
  assert.deepEqual(socket.sent, ["a", Uint8Array.of(1), "b", "c"]);
  await new Promise((turn) => setTimeout(turn));
  stream.send("d"); // nothing is read any more
  assert.equal(socket.sent.at(-1), "d");
  stream.send(Promise.resolve(Uint8Array.of(2)));
  stream.close();
  await new Promise((turn) => setTimeout(turn));
  assert.equal(socket.sent.length, 5); // it ended meanwhile
});

Deno.test("stream: it ends once, for one reason, and not by itself after close", () => {
  const refused = begin();
  refused.socket.onclose?.({ code: 1006, reason: "" });
  assert.deepEqual(refused.ends, [{ how: "refused" }]);
  assert.equal(refused.socket.onclose, null);

  const closed = begin();
  const { onclose } = closed.socket;
  closed.socket.onopen?.();
  closed.socket.says(HELLO);
  onclose?.({ code: 1001, reason: "server stopping" });
  onclose?.({ code: 1006, reason: "" });
  assert.deepEqual(closed.ends, [{ how: "closed", code: 1001, reason: "server stopping" }]);

  const mine = begin();
  const late = mine.socket.onclose;
  mine.stream.close();
  mine.stream.close();
  late?.({ code: 1000, reason: "" });
  assert.deepEqual(mine.ends, []);
});

Deno.test("stream: a page that may not open it is refused, a class that is none is a fault", async () => {
  const throwing = (error: Error) =>
    class {
      constructor() {
        throw error;
      }
    } as unknown as SocketClass;
  const address = { url: "ws://h/v1/stream", protocols: [] };
  const times = { connectMs: 60_000, silentMs: 60_000 };
  const end = await new Promise<StreamEnd>((ended) => {
    const insecure = new DOMException("not from a page that came by https", "SecurityError");
    const none = () => {};
    new Stream(address, throwing(insecure), times, {
      hello: none,
      said: none,
      malformed: none,
      ended,
      isOwed: () => false,
    });
  });
  assert.deepEqual(end, { how: "refused" });
  const fault = new TypeError("not a constructor");
  assert.throws(() => new Stream(address, throwing(fault), times, {} as never), fault);
});
