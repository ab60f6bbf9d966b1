import { clientFrame, openSession, pour } from "./peer.ts";

const TEXT = 1;
const CHARS = 500_000;

/** Half a million characters that are dear to parse. */
export const NESTED = {
  open: "[".repeat(CHARS),
  closed: "[".repeat(CHARS / 2) + "]".repeat(CHARS / 2),
  flat: `[${"[],".repeat(CHARS / 3)}[]]`,
  objects: '{"a":'.repeat(CHARS / 5),
  inAField: `{"type":"mask","polygons":[${"[],".repeat(CHARS / 3)}[]]}`,
};

/** Texts one after the other, a harmless message between them, in sessions one after the other. */
export async function pourNested(
  url: string,
  over: AbortSignal,
  kind: keyof typeof NESTED,
): Promise<void> {
  const text = (message: string) => clientFrame(TEXT, new TextEncoder().encode(message));
  const nested = text(NESTED[kind]), harmless = text('{"type":"stats"}');
  const bytes = new Uint8Array(nested.length + harmless.length);
  bytes.set(nested);
  bytes.set(harmless, nested.length);
  while (!over.aborted) await pour(await openSession(url), bytes, over);
}
