import { aborted, dial, repeated } from "./peer.ts";

const PIECE = 20_000;

/**
 * 20,000 requests in one piece of 0.8 MB, over and over on one connection.
 *
 * @param reads whether the answers are read
 */
export async function pipelineRequests(
  url: string,
  over: AbortSignal,
  reads: boolean,
): Promise<void> {
  const { host } = new URL(url);
  const request = new TextEncoder().encode(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const piece = repeated(request, PIECE);
  while (!over.aborted) {
    const socket = await dial(url, reads);
    const closed = new Promise((closed) => socket.once("close", closed));
    socket.write(piece);
    await Promise.race([closed, aborted(over)]);
    socket.destroy();
  }
}
