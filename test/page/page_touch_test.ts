import assert from "node:assert/strict";
import type { BrowserContextOptions, CDPSession, Page } from "playwright-core";
import { inPage } from "../lib/page.ts";
import { LONG_PRESS_MS, movableClock } from "../lib/page_clock.ts";
import { announced, followStill } from "../lib/stage.ts";

/** A small phone, whose page is longer than its screen. */
const SMALL: BrowserContextOptions = {
  viewport: { width: 390, height: 664 },
  isMobile: true,
  hasTouch: true,
};
const REGIONS = "#shapes .edges";

type Place = { x: number; y: number };

/** Fingers on the screen, in its CSS pixels. */
class Fingers {
  constructor(readonly session: CDPSession) {}

  static async on(page: Page): Promise<Fingers> {
    return new Fingers(await page.context().newCDPSession(page));
  }

  down(...places: Place[]): Promise<unknown> {
    return this.#send("touchStart", places);
  }

  /** As a finger moves: in steps. */
  async move(from: Place, to: Place): Promise<void> {
    for (let step = 1; step <= 8; step++) {
      const at = (a: number, b: number) => a + (b - a) * step / 8;
      await this.#send("touchMove", [{ x: at(from.x, to.x), y: at(from.y, to.y) }]);
    }
  }

  up(): Promise<unknown> {
    return this.#send("touchEnd", []);
  }

  #send(type: "touchStart" | "touchMove" | "touchEnd", touchPoints: Place[]): Promise<unknown> {
    return this.session.send("Input.dispatchTouchEvent", { type, touchPoints });
  }
}

/** A place in the picture, as shares of its width and height. */
function inPicture(page: Page, x: number, y: number): Promise<Place> {
  return page.evaluate(([x, y]) => {
    const { left, top, width, height } = document.querySelector("#touch")!.getBoundingClientRect();
    return { x: left + x * width, y: top + y * height };
  }, [x, y]);
}

/** With the picture in view again. */
async function chooseBox(page: Page): Promise<void> {
  await page.click("#box");
  await page.evaluate(() => scrollTo(0, 0));
}

function regions(page: Page): Promise<string | null> {
  return page.getAttribute(REGIONS, "d");
}

/** What was swiped or zoomed made no region and no point. */
async function isUntouched(page: Page): Promise<void> {
  assert.equal(await regions(page), "");
  assert.equal(await page.getAttribute("#shapes .draft", "d"), "");
  assert.equal(await page.isDisabled("#undo"), true);
}

inPage("a swipe on the picture scrolls the page, and draws nothing", SMALL, async (page) => {
  await movableClock(page, LONG_PRESS_MS); // no press is a long one
  await followStill(page);
  const finger = await Fingers.on(page);
  const from = await inPicture(page, 0.5, 0.9), to = await inPicture(page, 0.5, 0.1);
  await finger.down(from);
  await finger.move(from, to);
  await finger.up();
  await page.waitForFunction(() => scrollY > 50);
  const [left, right] = [await inPicture(page, 0.2, 0.5), await inPicture(page, 0.8, 0.5)];
  await finger.down(left); // to the side there is nothing to scroll
  await finger.move(left, right);
  await finger.up();
  await isUntouched(page);
});

inPage("a finger draws a box with the tool, and once it was pressed long", SMALL, async (page) => {
  await movableClock(page, LONG_PRESS_MS);
  await followStill(page);
  const finger = await Fingers.on(page);
  await chooseBox(page);
  const before = await page.evaluate(() => scrollY);
  const from = await inPicture(page, 0.2, 0.2), to = await inPicture(page, 0.6, 0.8);
  await finger.down(from);
  await finger.move(from, to);
  await finger.up();
  await announced(page, /Region of 4 corners/);
  assert.equal(await page.getAttribute("#box", "aria-pressed"), "false");
  assert.equal(await page.evaluate(() => scrollY), before, "the page scrolled");
  const one = (await regions(page))!;
  assert.equal(one.match(/M/g)!.length, 1);

  await finger.down(from);
  await page.evaluate((ms) => passTime(ms), LONG_PRESS_MS);
  await announced(page, /move to draw a box/);
  await finger.move(from, to);
  await finger.up();
  await announced(page, /Region of 4 corners/);
  assert.equal((await regions(page))!.match(/M/g)!.length, 2);
});

inPage("a second finger gives up what the first began", SMALL, async (page) => {
  await movableClock(page, LONG_PRESS_MS);
  await followStill(page);
  const fingers = await Fingers.on(page);
  await chooseBox(page);
  const from = await inPicture(page, 0.3, 0.3), to = await inPicture(page, 0.6, 0.6);
  await fingers.down(from);
  await fingers.move(from, to);
  await page.waitForFunction(() => document.querySelector("#shapes .draft")!.getAttribute("d"));
  await page.evaluate((ms) => passTime(ms), LONG_PRESS_MS); // it moved: this says nothing
  await fingers.down(to, await inPicture(page, 0.8, 0.8));
  await fingers.up();
  await isUntouched(page);
});

inPage("the bars beside the picture are the page's own", SMALL, async (page) => {
  await followStill(page);
  const picture = await page.evaluate(() => {
    document.querySelector<HTMLElement>("#stage")!.style.aspectRatio = "3 / 1"; // it has bars now
    const { width, height } = document.querySelector("#touch")!.getBoundingClientRect();
    const stage = document.querySelector("#stage")!.getBoundingClientRect();
    const beside = document.elementFromPoint(stage.left + 10, stage.top + stage.height / 2)!;
    return { ratio: width / height, beside: beside.id };
  });
  assert.ok(Math.abs(picture.ratio - 4 / 3) < 0.02, `${picture.ratio}`);
  assert.notEqual(picture.beside, "touch");
});
