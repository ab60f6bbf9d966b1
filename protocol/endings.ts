/**
 * Points that end without a word: a new session's tracks do not tell of the points of the session
 * before. They end by `reset` above its first ones, which begin with the same ids.
 */
export class Endings {
  readonly #live = new Set<number>();

  /** The points of earlier frames that end on this one untold. */
  untold(
    { points, lost, reset }: {
      points: { id: Iterable<number> };
      lost: { id: Iterable<number> };
      reset: boolean;
    },
  ): number[] {
    for (const id of lost.id) this.#live.delete(id);
    const ended = reset ? [...this.#live] : [];
    if (reset) this.#live.clear();
    for (const id of points.id) this.#live.add(id);
    return ended;
  }
}
