import type { Page } from "playwright-core";
import { installClock } from "./clock.ts";

/** How long a press is a long one, in the page. */
export const LONG_PRESS_MS = 500;

/**
 * Gives the page, before it is opened, a clock that a test moves on by `passTime`; timers of `longMs`
 * and more end by that alone.
 */
export async function movableClock(page: Page, longMs?: number): Promise<void> {
  await page.addInitScript(installClock, longMs);
}
