/** The frames that were sent and are not answered yet, so that tracks are written with theirs. */
export class SentJpegs {
  readonly #bySeq = new Map<number, Uint8Array>();

  put(seq: number, jpeg: Uint8Array): void {
    this.#bySeq.set(seq, jpeg);
  }

  /** The frame of this number; those before it will not be answered any more. */
  take(seq: number): Uint8Array | null {
    const jpeg = this.#bySeq.get(seq) ?? null;
    for (const sent of this.#bySeq.keys()) {
      if (sent > seq) break;
      this.#bySeq.delete(sent);
    }
    return jpeg;
  }
}
