import assert from "node:assert/strict";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import type {} from "../../client/page/ui/events.ts";
import type { PointColumns } from "../../client/sdk/mod.ts";
import { openBrowser, openPage } from "./browser.ts";
import { defaultServer } from "./running.ts";

export const DESKTOP = { viewport: { width: 1280, height: 800 } };
export const PHONE = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  isMobile: true,
};

/** The page's address where nothing is to change the size of the frames behind a test's back. */
export const GOVERNOR_OFF = "/?governor=off";

/** One of each for all tests of a file that imports this, or for all files. */
export let browser: Browser;
export let server: Awaited<ReturnType<typeof defaultServer>>;

/** A test in a page of its own, which must not have logged an error at its end. */
export function inPage(
  name: string,
  context: BrowserContextOptions,
  body: (page: Page) => Promise<void>,
): void {
  Deno.test(`browser: ${name}`, async () => {
    await using page = await openPage(browser, { permissions: ["camera"], ...context });
    await watchPage(page);
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(`${error}`));
    page.on("console", (message) => {
      if (/Content Security Policy/.test(message.text())) errors.push(message.text());
    });
    await body(page);
    assert.deepEqual(errors, []);
  });
}

Deno.test.beforeAll(async () => {
  server = await defaultServer();
  browser = await openBrowser();
});

Deno.test.afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

/** Waits until the page shows a number of live points above `least`. */
export async function pointsAbove(page: Page, least: number): Promise<void> {
  await page.waitForFunction(
    (least) => Number(document.querySelector("#points")!.textContent) > least,
    least,
  );
}

export async function isLive(page: Page): Promise<void> {
  await page.waitForSelector("#state[data-state=live]");
}

/** What is collected of each tracks message. */
export interface Seen {
  /** When it came, by the page's clock. */
  at: number;
  seq: number;
  size: [width: number, height: number];
  reset: boolean;
  ids: number[];
  lost: { ids: number[]; reasons: number[] };
}
declare global {
  /** What {@linkcode watchPage} collected, in the page. */
  var seen: Seen[];
  /** What the page said to a screen reader and no test has waited for yet. */
  var announcements: string[];
  /** Points of the latest result, in the page. */
  var points: PointColumns;
}

/** Collects, in each page that is opened from now on, what each tracks message and the page itself
 * say: from the first word on, however late a test asks. */
export async function watchPage(page: Page): Promise<void> {
  await page.addInitScript(() => {
    [globalThis.seen, globalThis.announcements] = [[], []];
    document.addEventListener("DOMContentLoaded", () => {
      const region = document.querySelector("#announcer");
      if (!region) return; // no page of lkstream
      const note = () => announcements.push(region.textContent!);
      new MutationObserver(note).observe(region, { childList: true });
    });
    document.addEventListener("lkstream:tracks", ({ detail }) => {
      const { seq, width, height, reset, lost } = detail;
      globalThis.points = detail.points;
      const ids: number[] = Array.from(points.id);
      const gone = { ids: Array.from<number>(lost.id), reasons: Array.from<number>(lost.reason) };
      seen.push({ at: performance.now(), seq, size: [width, height], reset, ids, lost: gone });
    });
  });
}

/** What was collected, once it is `count` frames more than `after`. */
export async function seenTracks(page: Page, count: number, after = 0): Promise<Seen[]> {
  await page.waitForFunction((least) => seen.length >= least, after + count);
  return page.evaluate((after) => seen.slice(after), after);
}

/** Where `seenTracks` is to begin for what is yet to come. */
export function seenSoFar(page: Page): Promise<number> {
  return page.evaluate(() => seen.length);
}
