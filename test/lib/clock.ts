type Timer = Parameters<typeof clearTimeout>[0];

declare global {
  /** Has so much time pass at once, where {@linkcode installClock} put its clock. */
  var passTime: (ms: number) => void;
}

/**
 * Gives this thread a clock that a test moves on: nobody waits for what takes seconds. A timer of
 * `longMs` and more counts the time that {@linkcode passTime} passes, and none that a busy machine
 * takes for something else. It is one function, for pages are given its text.
 *
 * @returns what puts the true clock back, where nothing is painted
 */
export function installClock(longMs = 2000): () => void {
  const { setTimeout, clearTimeout, requestAnimationFrame, performance } = globalThis;
  const { now } = performance;
  const timers = new Map<Timer, { due: number; run: () => void }>();
  const NEVER = 2 ** 31 - 1;
  let ahead = 0;
  performance.now = () => now.call(performance) + ahead;
  if (requestAnimationFrame) {
    globalThis.requestAnimationFrame = (repaint) =>
      requestAnimationFrame((now) => repaint(now + ahead));
  }
  globalThis.setTimeout = ((callback: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
    const run = () => {
      timers.delete(timer);
      callback(...args);
    };
    const timer = setTimeout(run, ms < longMs ? ms : NEVER);
    timers.set(timer, { due: ahead + ms, run });
    return timer;
  }) as typeof setTimeout;
  globalThis.clearTimeout = (timer) => {
    timers.delete(timer);
    clearTimeout(timer);
  };
  globalThis.passTime = (ms) => {
    ahead += ms;
    const due = [...timers].filter(([, { due }]) => due <= ahead);
    for (const [timer, { run }] of due.sort(([, a], [, b]) => a.due - b.due)) {
      clearTimeout(timer);
      if (timers.has(timer)) run(); // no other one ended it
    }
  };
  return () => {
    Object.assign(globalThis, { setTimeout, clearTimeout });
    performance.now = now;
  };
}
