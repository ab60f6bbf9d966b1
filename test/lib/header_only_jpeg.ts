/** The start of a JPEG of 100 × 80 pixels: enough for a session in front of a scripted engine. */
export const HEADER_ONLY_JPEG = Uint8Array.of(
  ...[0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0, 80, 0, 100, 1, 1, 0x11, 0],
  ...[0xff, 0xd9],
);
