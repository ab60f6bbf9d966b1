import type { Page } from "playwright-core";
import { installClock } from "./clock.ts";

/** Gives the page, before it is opened, a clock that a test moves on by `passTime`. */
export async function movableClock(page: Page): Promise<void> {
  await page.addInitScript(installClock);
}
