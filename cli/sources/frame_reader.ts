/** Takes pieces of known sizes from a stream of bytes. */
export class FrameReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  #chunk = new Uint8Array();

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = stream.getReader();
  }

  /** The next `size` bytes, of the caller's own; null where the stream ends before. */
  async take(size: number): Promise<Uint8Array<ArrayBuffer> | null> {
    const piece = new Uint8Array(size);
    for (let at = 0; at < size;) {
      if (this.#chunk.length === 0) {
        const { value, done } = await this.#reader.read();
        if (done) return null;
        this.#chunk = value;
      }
      const part = this.#chunk.subarray(0, size - at);
      piece.set(part, at);
      at += part.length;
      this.#chunk = this.#chunk.subarray(part.length);
    }
    return piece;
  }

  /** Ends the stream; a read that waits, too. */
  async close(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }
}
