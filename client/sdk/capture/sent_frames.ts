import { MAX_UNANSWERED } from "../connection/flight.ts";

/** The pictures of the frames under way, so that each result finds its own. Closes every one. */
export class SentFrames implements Disposable {
  readonly #pictures = new Map<number, ImageBitmap>();

  put(seq: number, picture: ImageBitmap): void {
    this.#pictures.set(seq, picture);
    if (this.#pictures.size > MAX_UNANSWERED + 1) this.#close(this.#oldest());
  }

  /** The picture of this frame, the caller's from now on; those sent before it are closed. */
  take(seq: number): ImageBitmap | null {
    const picture = this.#pictures.get(seq) ?? null;
    if (!picture) return null;
    while (this.#oldest() !== seq) this.#close(this.#oldest());
    this.#pictures.delete(seq);
    return picture;
  }

  [Symbol.dispose](): void {
    while (this.#pictures.size > 0) this.#close(this.#oldest());
  }

  #oldest(): number {
    return this.#pictures.keys().next().value!;
  }

  #close(seq: number): void {
    this.#pictures.get(seq)?.close();
    this.#pictures.delete(seq);
  }
}
