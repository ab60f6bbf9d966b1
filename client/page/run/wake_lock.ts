/** Keeps the screen on while it is wanted, where the browser can do that and the page is seen. */
export class WakeLock {
  #isWanted = false;
  #lock: WakeLockSentinel | undefined;

  constructor() {
    // The browser ends it with the page's being seen.
    document.addEventListener("visibilitychange", () => void this.#take());
  }

  set wanted(wanted: boolean) {
    if (wanted === this.#isWanted) return;
    this.#isWanted = wanted;
    if (wanted) void this.#take();
    else void this.#lock?.release();
  }

  async #take(): Promise<void> {
    if (!this.#isWanted || document.hidden) return;
    try {
      const lock = await navigator.wakeLock?.request("screen");
      if (this.#isWanted) this.#lock = lock;
      else void lock?.release();
    } catch { // the phone saves power
    }
  }
}
