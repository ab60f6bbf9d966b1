import type { Page } from "playwright-core";

const SECONDS = 5;

interface PageCosts {
  /** Milliseconds. */
  firstPaint: number;
  firstPoints: number;
  /** Main thread busy for each answered frame, milliseconds. */
  perFrame: number;
  frames: number;
  /** Live at the end. */
  points: number;
}

/**
 * Follows what the browser's camera shows, and has Chromium count how long the CPU was at
 * the page's main thread for some seconds: scripts, styles, layout and the tasks
 * around them. Most of it is the browser's copying of pictures.
 */
export async function mainThread(page: Page, url: string): Promise<PageCosts> {
  await page.goto(`${url}/?governor=off`);
  await page.waitForTimeout(500);
  const firstPaint = await page.evaluate(() =>
    performance.getEntriesByName("first-contentful-paint")[0].startTime
  );
  const firstPoints = await page.evaluate(() =>
    new Promise<number>((done) => {
      const started = performance.now();
      document.addEventListener(
        "lkstream:painted",
        () => done(performance.now() - started),
        { once: true },
      );
      document.querySelector<HTMLButtonElement>("#start")!.click();
    })
  );
  await page.waitForTimeout(2000);
  await page.evaluate(() => {
    Object.assign(globalThis, { answered: 0 });
    document.addEventListener("lkstream:tracks", () => answered++);
  });
  const client = await page.context().newCDPSession(page);
  await client.send("Performance.enable", { timeDomain: "threadTicks" });
  const busy = async () => {
    const { metrics } = await client.send("Performance.getMetrics");
    return 1000 * metrics.find(({ name }) => name === "TaskDuration")!.value;
  };
  const before = await busy();
  await page.waitForTimeout(1000 * SECONDS);
  const after = await busy();
  const frames = await page.evaluate(() => answered);
  const points = Number(await page.textContent("#points"));
  return { firstPaint, firstPoints, perFrame: (after - before) / frames, frames, points };
}

declare global {
  var answered: number;
}
