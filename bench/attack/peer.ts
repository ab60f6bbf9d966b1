import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

/** TCP, or TLS whatever the certificate, to a server. It is read from only where `reads`. */
export async function dial(url: string, reads = true): Promise<Socket> {
  const { hostname, port, protocol } = new URL(url);
  const to = { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) };
  const isTls = protocol === "https:";
  const socket = isTls ? connectTls({ ...to, rejectUnauthorized: false }) : connect(to);
  socket.on("error", () => {}); // the server may end it as it likes
  if (reads) socket.resume();
  await Promise.race([next(socket, isTls ? "secureConnect" : "connect"), next(socket, "close")]);
  return socket;
}

/** A session, by hand, so that any bytes can be sent in it. The server's hello has been read. */
export async function openSession(url: string): Promise<Socket> {
  const socket = await dial(url);
  const isGreeted = new Promise<void>((greeted) => {
    let got = Buffer.alloc(0);
    socket.on("data", function read(data: Buffer) {
      got = Buffer.concat([got, data]);
      const head = got.indexOf("\r\n\r\n");
      const hello = got.subarray(head + 4);
      // a text of 126 bytes or more tells its length in two
      if (head < 0 || hello.length < 4 || hello.length < 4 + hello.readUInt16BE(2)) return;
      socket.off("data", read);
      greeted();
    });
  });
  socket.write([
    "GET /v1/stream HTTP/1.1",
    `Host: ${new URL(url).host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol: lkstream.v1.bin",
    "\r\n",
  ].join("\r\n"));
  await Promise.race([isGreeted, next(socket, "close")]);
  return socket;
}

/** Sends the same bytes again and again, as fast as they are taken, until `over` or the end. */
export async function pour(socket: Socket, bytes: Uint8Array, over: AbortSignal): Promise<void> {
  const ended = next(socket, "close");
  while (!over.aborted && !socket.destroyed) {
    if (socket.write(bytes)) await new Promise((later) => setTimeout(later));
    else await Promise.race([next(socket, "drain"), ended, aborted(over)]);
  }
  socket.destroy();
}

/** Unlike `once` of node:events, does not fail with the socket. */
function next(socket: Socket, event: string): Promise<void> {
  return new Promise((come) => socket.once(event, () => come()));
}

export function aborted(over: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (over.aborted) done();
    else over.addEventListener("abort", () => done(), { once: true });
  });
}

/** A WebSocket frame of a client, masked by zeros (RFC 6455, 5.2). */
export function clientFrame(opcode: number, payload: Uint8Array, isLast = true): Uint8Array {
  const { length } = payload;
  const size = length < 126
    ? [0x80 | length]
    : length < 65536
    ? [0x80 | 126, length >> 8, length & 255]
    : [0x80 | 127, 0, 0, 0, 0, length >>> 24, length >> 16 & 255, length >> 8 & 255, length & 255];
  const head = [(isLast ? 0x80 : 0) | opcode, ...size, 0, 0, 0, 0];
  const frame = new Uint8Array(head.length + length);
  frame.set(head);
  frame.set(payload, head.length);
  return frame;
}

/** `bytes` so many times, one after the other. */
export function repeated(bytes: Uint8Array, times: number): Uint8Array {
  const all = new Uint8Array(bytes.length * times);
  for (let i = 0; i < times; i++) all.set(bytes, i * bytes.length);
  return all;
}
