/** Looks so often in the time of the shortest wait. */
const LOOKS = 4;
const LONGEST_MS = 1000;
const SHORTEST_MS = 5;

/** How often to look, for who waits no shorter than `shortestMs`. */
export function lookMs(shortestMs: number): number {
  return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, shortestMs / LOOKS));
}

interface Wait {
  looks: number;
  late(): void;
}

/**
 * Waits that are counted in looks of the event loop: neither a clock that jumps
 * nor a machine that slept makes anybody late. Looks only while something waits.
 */
export class Looks {
  readonly #waits = new Set<Wait>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param everyMs between two looks, see {@linkcode lookMs} */
  constructor(readonly everyMs: number) {}

  /**
   * Calls `late` once `ms` are over, in which the event loop could look.
   *
   * @returns what ends the wait; may be called again
   */
  wait(ms: number, late: () => void): () => void {
    const wait = { looks: Math.ceil(ms / this.everyMs), late };
    this.#waits.add(wait);
    this.#timer ??= setInterval(() => this.#look(), this.everyMs);
    return () => this.#end(wait);
  }

  #end(wait: Wait): void {
    this.#waits.delete(wait);
    if (this.#waits.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** What seems late has one look more: until then, the sockets have been read. */
  #look(): void {
    for (const wait of this.#waits) {
      if (--wait.looks >= 0) continue;
      this.#end(wait);
      wait.late();
    }
  }
}
