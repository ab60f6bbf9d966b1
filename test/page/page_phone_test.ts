import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { screenshotPath } from "../lib/browser.ts";
import { DESKTOP, GOVERNOR_OFF, inPage, isLive, pointsAbove, server } from "../lib/page.ts";
import { decodePixels } from "../lib/pixels.ts";

/** What is left of a small phone's screen by the browser's bars. */
const UPRIGHT = { viewport: { width: 390, height: 664 }, isMobile: true, hasTouch: true };
const ON_ITS_SIDE = { ...UPRIGHT, viewport: { width: 844, height: 390 } };

async function followSample(page: Page): Promise<void> {
  await page.goto(`${server.url}${GOVERNOR_OFF}&source=sample&autostart=1`);
  await pointsAbove(page, 20);
  await isLive(page);
}

/** Those of the elements that do not lie on the screen as a whole. A page that is too wide has a larger window. */
function outside(page: Page, ids: string[]): Promise<string[]> {
  return page.evaluate(([ids, screen]) =>
    ids.filter((id) => {
      const { top, left, bottom, right } = document.getElementById(id)!.getBoundingClientRect();
      return top < 0 || left < 0 || bottom > screen.height || right > screen.width;
    }), [ids, page.viewportSize()!] as const);
}

for (const [name, phone] of Object.entries({ upright: UPRIGHT, "on its side": ON_ITS_SIDE })) {
  inPage(`picture, Start, Stop and numbers fit a phone ${name}`, phone, async (page) => {
    await page.goto(server.url);
    assert.deepEqual(await outside(page, ["stage", "start"]), []);
    await followSample(page);
    await page.screenshot({ path: await screenshotPath(`live-${phone.viewport.width}`) });
    await page.evaluate(() => document.querySelector<HTMLElement>("#flip")!.hidden = false);
    const ids = ["stage", "flip", "stop", "points", "rtt", "fps-captured", "fps-in", "fps-out"];
    assert.deepEqual(await outside(page, ids), []);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= phone.viewport.width, `the page is ${width} px wide`);
  });
}

inPage("fingers have targets of 44 px, and iOS nothing to zoom into", UPRIGHT, async (page) => {
  await page.goto(server.url);
  const small = await page.evaluate(() => {
    for (const each of document.querySelectorAll("details")) each.open = true;
    for (const each of document.querySelectorAll<HTMLElement>("#notice, .tools, #hold")) {
      each.hidden = false;
      each.style.display = "flex";
    }
    return [...document.querySelectorAll("button, select, input, summary, .brand")].flatMap(
      (it) => {
        const labels = [...(it as HTMLInputElement).labels ?? []];
        const isTarget = [it, ...labels].some((each) => {
          const { width, height } = each.getBoundingClientRect();
          return width === 0 || width >= 44 && height >= 44;
        });
        const isZoomed = it.matches("select, input") &&
          parseFloat(getComputedStyle(it).fontSize) < 16;
        return isTarget && !isZoomed ? [] : [it.outerHTML.slice(0, 80)];
      },
    );
  });
  assert.deepEqual(small, []);
});

inPage("the picture stays in view while a threshold is moved", UPRIGHT, async (page) => {
  await followSample(page);
  await page.getByRole("heading", { name: "Understand err" }).click();
  const slider = page.getByRole("slider", { name: /^err: lose points/ });
  await slider.focus();
  await slider.press("ArrowLeft");
  await slider.evaluate((it) => it.scrollIntoView({ block: "end" }));
  const { stage, hidden } = await slider.evaluate((it) => {
    const stage = document.querySelector("#stage")!.getBoundingClientRect();
    const { top, left, width, height } = it.getBoundingClientRect();
    const above = document.elementFromPoint(left + width / 2, top + height / 2);
    return { stage: { top: stage.top, bottom: stage.bottom }, hidden: above !== it };
  });
  assert.ok(stage.top >= 0 && stage.bottom < 664, `the picture is at ${JSON.stringify(stage)}`);
  assert.equal(hidden, false);
});

/** How many brightnesses a screenshot has, in steps of 64. */
async function shades(page: Page, selector: string): Promise<number> {
  const picture = decodePixels(await page.locator(selector).first().screenshot());
  const seen = new Set<number>();
  for (let x = 0; x < picture.width; x++) {
    seen.add(Math.max(...picture.at(x, picture.height >> 1)) >> 6);
  }
  return seen.size;
}

inPage("high contrast shows handles, the legend's colours and what is pressed", {
  ...DESKTOP,
  forcedColors: "active",
}, async (page) => {
  await followSample(page);
  await page.getByRole("heading", { name: "Understand err" }).click();
  await page.click("#polygon");
  await page.screenshot({ path: await screenshotPath("contrast-1280") });
  await page.evaluate(() => {
    // of the points, which are beside it
    document.querySelector<HTMLElement>(".threshold-plot canvas")!.style.visibility = "hidden";
  });
  assert.ok(await shades(page, ".threshold-plot") > 1, "the threshold's handle is not seen");
  const colours = await page.evaluate(() => {
    const of = (selector: string) => getComputedStyle(document.querySelector(selector)!);
    return {
      bar: of("#legend-bar").backgroundImage,
      pressed: of("#polygon").backgroundColor,
      other: of("#box").backgroundColor,
    };
  });
  assert.match(colours.bar, /gradient/);
  assert.notEqual(colours.pressed, colours.other);
});
