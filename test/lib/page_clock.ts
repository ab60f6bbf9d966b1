import type { Page } from "playwright-core";

type Timer = Parameters<typeof clearTimeout>[0];

declare global {
  /** Has so much time pass in the page at once, where it has a {@linkcode movableClock}. */
  var passTime: (ms: number) => void;
}

/** Gives the page, before it is opened, a clock that a test moves on: nobody waits for what takes seconds. */
export function movableClock(page: Page): Promise<unknown> {
  return page.addInitScript(() => {
    const { setTimeout, clearTimeout, requestAnimationFrame } = globalThis;
    const now = performance.now.bind(performance);
    const timers = new Map<Timer, { due: number; run: () => void }>();
    let ahead = 0;
    performance.now = () => now() + ahead;
    globalThis.requestAnimationFrame = (repaint) =>
      requestAnimationFrame((now) => repaint(now + ahead));
    globalThis.setTimeout =
      ((callback: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
        const run = () => {
          timers.delete(timer);
          callback(...args);
        };
        const timer = setTimeout(run, ms);
        timers.set(timer, { due: performance.now() + ms, run });
        return timer;
      }) as typeof setTimeout;
    globalThis.clearTimeout = (timer) => {
      timers.delete(timer);
      clearTimeout(timer);
    };
    globalThis.passTime = (ms) => {
      ahead += ms;
      const due = [...timers].filter(([, { due }]) => due <= performance.now());
      for (const [timer, { run }] of due.sort(([, a], [, b]) => a.due - b.due)) {
        clearTimeout(timer);
        if (timers.has(timer)) run(); // no other one ended it
      }
    };
  });
}
