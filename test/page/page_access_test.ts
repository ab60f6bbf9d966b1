import assert from "node:assert/strict";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { screenshotPath } from "../lib/browser.ts";
import { inPage, isLive, pointsAbove, server } from "../lib/page.ts";

const WIDTHS = [{ width: 1280, height: 800 }, { width: 390, height: 844 }];
const THEMES = ["dark", "light"] as const;

/** What axe-core finds that keeps people out, as `rule: the element`. */
function barriers(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run();
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .flatMap(({ id, nodes }) =>
        nodes.map(({ html, any }) => `${id}: ${html} ${any[0]?.message}`)
      );
  });
}

/** The page's width beyond the window's: there must be nothing to scroll to aside. */
function overflow(page: Page): Promise<number> {
  return page.evaluate(() =>
    document.documentElement.scrollWidth - document.documentElement.clientWidth
  );
}

for (const viewport of WIDTHS) {
  inPage(`nothing keeps people out, idle and live with all open, ${viewport.width}`, {
    viewport,
  }, async (page) => {
    const isOpen = async (state: string) => {
      for (const colorScheme of THEMES) {
        await page.emulateMedia({ colorScheme });
        assert.deepEqual(await barriers(page), [], `${state}, ${colorScheme}`);
      }
      assert.equal(await overflow(page), 0);
    };
    await page.goto(`${server.url}/?source=sample`);
    await page.evaluate(axe.source); // not by a script element: the page's policy allows none
    await isOpen("idle");
    await page.click("#start");
    await isLive(page);
    await pointsAbove(page, 20);
    assert.equal(await overflow(page), 0);
    for (const panel of await page.locator("details.panel > summary").all()) await panel.click();
    await page.evaluate(() => location.hash = "#flow.maxLevel=99&filter.maxError=12");
    await page.waitForFunction(() => document.querySelector("#checks td"));
    await isOpen("all open");
    await page.screenshot({
      path: await screenshotPath(`panels-${viewport.width}`),
      fullPage: true,
    });
  });
}

inPage("all that the page loads is under 150 KB, compressed", {}, async (page) => {
  await page.goto(`${server.url}/?source=sample&autostart=1`);
  await isLive(page);
  const loaded = await page.evaluate(() =>
    ["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type))
      .map((entry) => entry as PerformanceResourceTiming)
      .map(({ name, encodedBodySize }) => ({ name: new URL(name).pathname, encodedBodySize }))
  );
  const names = loaded.map(({ name }) => name).toSorted();
  for (const part of ["/", "/page.js", "/page.css", "/lkstream.js", "/capture-worker.js"]) {
    assert.ok(names.includes(part), `${part} is not among ${names}`);
  }
  const bytes = loaded.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0);
  console.log(`    the page loads ${bytes} bytes in ${loaded.length} parts`);
  assert.ok(bytes > 20_000 && bytes < 150 * 1024, `${bytes} bytes`);
});
