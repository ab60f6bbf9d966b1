import { mutateBytes } from "./bytes.ts";
import type { Pick } from "../pick.ts";

/** After the last byte, more of an answer is waited for no longer than this. */
const QUIET_MS = 40;
const TOKENS = ["\r\n", "\r\n\r\n", ":", " ", "\0", "HTTP/1.1", "chunked", "Content-Length: -1\r\n"]
  .map((text) => new TextEncoder().encode(text));
const TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;

/**
 * A whole connection as bytes, request and frames, mutated. The server may
 * answer or close as it likes; what it says first is counted.
 */
export async function fuzzWire(url: string, pick: Pick, frame: Uint8Array): Promise<string> {
  const { hostname, port } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const bytes = mutateBytes(conversation(url, pick, frame), pick, TOKENS);
  try {
    await connection.write(bytes);
    const answer = await readUntilQuiet(connection);
    return `wire ${/^HTTP\/1\.1 \d+/.exec(answer)?.[0].slice(9) ?? (answer ? "other" : "silence")}`;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe) {
      return "wire reset";
    }
    throw error;
  }
}

async function readUntilQuiet(connection: Deno.TcpConn): Promise<string> {
  const buffer = new Uint8Array(4096);
  let answer = "";
  let quiet: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<null>((over) => {
    quiet = setTimeout(() => over(null), QUIET_MS);
  });
  for (;;) {
    const reading = connection.read(buffer);
    const length = await Promise.race([reading, over]);
    if (length === null) {
      clearTimeout(quiet);
      reading.catch(() => {}); // ends with the connection
      return answer;
    }
    answer += new TextDecoder("latin1").decode(buffer.subarray(0, length));
  }
}

function conversation(url: string, pick: Pick, frame: Uint8Array): Uint8Array {
  const request = [
    `GET ${pick.one(["/v1/stream", "/v1/stream?stream=wire"])} HTTP/1.1`,
    `Host: ${new URL(url).host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    `Sec-WebSocket-Protocol: ${pick.one(["lkstream.v1.bin", "lkstream.v1.json, bearer.x"])}`,
    pick.one([
      "Origin: http://localhost",
      "Cookie: a=b",
      "Sec-WebSocket-Extensions: permessage-deflate",
    ]),
  ].join("\r\n") + "\r\n\r\n";
  const text = (message: string) => new TextEncoder().encode(message);
  const parts: Uint8Array[] = [text(request)];
  if (pick.chance(0.1)) return parts[0];
  for (let n = 1 + pick.below(5); n > 0; n--) {
    parts.push(
      pick.one([
        () => wsFrame(TEXT, text('{"type":"stats"}')),
        () => wsFrame(BINARY, frame),
        () => wsFrame(PING, new Uint8Array(pick.below(130))),
        () => wsFrame(PONG, new Uint8Array(0)),
        () => wsFrame(CLOSE, Uint8Array.of(3, 232)),
        () => wsFrame(pick.below(16), text("x"), pick.chance(0.5)),
        () => wsFrame(TEXT, text('{"type":'), false),
        () => wsFrame(0, text('"clear"}')),
      ])(),
    );
  }
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Masked by zeros, as a client's frame has to be masked (RFC 6455, 5.2). */
function wsFrame(opcode: number, payload: Uint8Array, isLast = true): Uint8Array {
  const { length } = payload;
  const size = length < 126 ? [0x80 | length] : [0x80 | 126, length >> 8, length & 255];
  return Uint8Array.from([(isLast ? 0x80 : 0) | opcode, ...size, 0, 0, 0, 0, ...payload]);
}
