import { clientFrame, openSession, pour, repeated } from "./peer.ts";

const TEXT = 1, BINARY = 2, PING = 9, PONG = 10;
const NOTHING = new Uint8Array(0);

/** The smallest messages of each kind that a client may send. */
export const TINY = {
  pongs: [clientFrame(PONG, NOTHING)],
  pings: [clientFrame(PING, NOTHING)],
  frames: [clientFrame(BINARY, Uint8Array.of(0xff, 0xd8))],
  texts: [clientFrame(TEXT, new TextEncoder().encode('{"type":"stats"}'))],
  fragments: [
    clientFrame(BINARY, Uint8Array.of(0xff), false),
    ...Array.from({ length: 15_000 }, () => clientFrame(0, NOTHING, false)),
    clientFrame(0, Uint8Array.of(0xd8)),
  ],
};

/** One kind of tiny message as fast as they are taken, in sessions one after the other. */
export async function pourTiny(
  url: string,
  over: AbortSignal,
  kind: keyof typeof TINY,
): Promise<void> {
  const messages = TINY[kind];
  const piece = new Uint8Array(messages.flatMap((message) => [...message]));
  const bytes = repeated(piece, Math.ceil(256 * 1024 / piece.length));
  while (!over.aborted) await pour(await openSession(url), bytes, over);
}
