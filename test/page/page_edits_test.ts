import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { freePort } from "../lib/free_port.ts";
import { LOST_REASONS } from "../../protocol/mod.ts";
import { DESKTOP, inPage, isLive, seenSoFar, seenTracks } from "../lib/page.ts";
import { LONG_PRESS_MS, movableClock } from "../lib/page_clock.ts";
import { start } from "../lib/running.ts";
import { announced, followSample, followStill, inWindow, nextPainted } from "../lib/stage.ts";

/** The regions, as they are drawn. */
const REGIONS = "#shapes .edges";

async function clickAt(page: Page, x: number, y: number): Promise<void> {
  const at = await inWindow(page, x, y);
  await page.mouse.click(at.x, at.y);
}

async function drag(page: Page, from: number[], to: number[]): Promise<void> {
  const start = await inWindow(page, from[0], from[1]), end = await inWindow(page, to[0], to[1]);
  await page.mouse.move(start.x, start.y);
  await page.mouse.down();
  await page.mouse.move((start.x + end.x) / 2, (start.y + end.y) / 2);
  await page.mouse.move(end.x, end.y);
  await page.mouse.up();
}

/** Turns automatic detection off and ends all points: those to come are the test's own. */
async function emptyStage(page: Page): Promise<void> {
  await page.evaluate(() => document.querySelector<HTMLDetailsElement>("#options")!.open = true);
  await page.getByLabel("enabled", { exact: true }).uncheck();
  await page.click("#clear-points");
  await page.waitForFunction(() => points.id.length === 0);
}

/** Whether all live points lie in this box, give or take a pixel of movement. */
function allIn(page: Page, box: [x0: number, y0: number, x1: number, y1: number]) {
  return page.waitForFunction(([x0, y0, x1, y1]) => {
    const { id, xy } = points;
    return id.length > 0 && id.every((_, i) =>
      xy[2 * i] >= x0 - 1 && xy[2 * i] <= x1 + 1 &&
      xy[2 * i + 1] >= y0 - 1 && xy[2 * i + 1] <= y1 + 1
    );
  }, box);
}

/** The one of these points, as x, y pairs, that is nearest to a place. */
function nearest(xy: number[], x: number, y: number): number[] {
  const off = (i: number) => Math.hypot(xy[2 * i] - x, xy[2 * i + 1] - y);
  const best = [...xy.keys()].slice(0, xy.length / 2).reduce((a, b) => off(b) < off(a) ? b : a);
  return xy.slice(2 * best, 2 * best + 2);
}

for (const mirrored of [false, true]) {
  inPage(
    `a click adds a point where it is, and Alt-click removes it${mirrored ? ", mirrored too" : ""}`,
    DESKTOP,
    async (page) => {
      const [x, y] = await followStill(page);
      await emptyStage(page);
      if (mirrored) {
        await page.getByRole("heading", { name: "Drawing" }).click();
        await page.check("#draw-mirrored");
      }
      const seenX = mirrored ? 639 - x : x;
      await clickAt(page, seenX, y);
      await page.waitForFunction(() => points.id.length === 1);
      const added = await page.evaluate(() => [...points.xy]);
      assert.ok(Math.hypot(added[0] - x, added[1] - y) < 1, `${added} was added at ${[x, y]}`);
      await nextPainted(page);
      await page.keyboard.down("Alt");
      await clickAt(page, seenX + 3, y + 3);
      await page.keyboard.up("Alt");
      await page.waitForFunction(() => points.id.length === 0);
      const frames = await page.evaluate(() => seen);
      const codes = frames.flatMap(({ lost }) => lost.reasons);
      assert.ok(codes.some((code) => LOST_REASONS[code - 1] === "removed"));
      await page.click("#undo"); // of the removal
      await page.waitForFunction(() => points.id.length === 1);
      await page.click("#undo"); // of the addition: its point has another id by now
      await page.waitForFunction(() => points.id.length === 0);
    },
  );
}

inPage("what was cleared comes back where it was", DESKTOP, async (page) => {
  const [x, y] = await followStill(page);
  await emptyStage(page);
  await clickAt(page, x, y);
  await page.waitForFunction(() => points.id.length === 1);
  await page.click("#undo");
  await page.waitForFunction(() => points.id.length === 0);
  await page.click("#undo");
  await page.waitForFunction(() => points.id.length > 20);
  await announced(page, /points added again/);
  const [backX, backY] = await page.evaluate(() => [...points.xy]);
  assert.ok(Math.hypot(backX - x, backY - y) < 1, `${[backX, backY]} came back for ${[x, y]}`);
  assert.equal(await page.isDisabled("#undo"), true);
});

inPage("a finger adds a point, and pressed long it removes the nearest", {
  ...DESKTOP,
  hasTouch: true,
}, async (page) => {
  await movableClock(page, LONG_PRESS_MS);
  const [x, y] = await followStill(page);
  await emptyStage(page);
  const at = await inWindow(page, x, y);
  const client = await page.context().newCDPSession(page);
  const touch = async (ms: number) => {
    await client.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [at] });
    await page.evaluate((ms) => passTime(ms), ms);
    await client.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  };
  await touch(50);
  await page.waitForFunction(() => points.id.length === 1);
  await nextPainted(page);
  await touch(900);
  await page.waitForFunction(() => points.id.length === 0);
  await announced(page, /Point removed/);
  await page.click("#polygon"); // where a long press is a corner too
  await touch(900);
  await announced(page, /^Corner 1 at /);
});

inPage(
  "a drag keeps points in its box, a polygon in its corners, and undo lifts both",
  DESKTOP,
  async (page) => {
    await followSample(page);
    await drag(page, [100, 100], [300, 260]);
    await allIn(page, [100, 100, 300, 260]);
    await page.selectOption("#rate", { label: "15 / s" }); // the same scene goes on
    await seenTracks(page, 5, await seenSoFar(page));
    await allIn(page, [100, 100, 300, 260]);
    await page.click("#undo");
    await page.waitForFunction(() => points.xy.some((x, i) => i % 2 === 0 && x > 320));
    assert.equal(await page.isDisabled("#clear-regions"), true);
    await page.click("#polygon");
    for (const [x, y] of [[320, 40], [600, 40], [600, 440], [320, 440]]) await clickAt(page, x, y);
    await clickAt(page, 320, 440);
    await allIn(page, [320, 40, 600, 440]);
    assert.equal(await page.getAttribute("#polygon", "aria-pressed"), "false");
    await page.click("#clear-regions");
    await page.waitForFunction(() => points.xy.some((x, i) => i % 2 === 0 && x < 300));
  },
);

inPage(
  "a region stays where it is in the picture when frames change their size",
  DESKTOP,
  async (page) => {
    await followStill(page);
    await drag(page, [100, 100], [500, 380]);
    await allIn(page, [100, 100, 500, 380]);
    await page.selectOption("#resolution", { label: "320 × 240" });
    await page.waitForFunction(() => seen.at(-1)!.size.join() === "320,240");
    await allIn(page, [50, 50, 250, 190]);
    await page.waitForFunction(() => points.id.length > 20);
    await page.click("#clear-regions");
    await page.selectOption("#resolution", { label: "640 × 480" });
    await page.waitForFunction(() => seen.at(-1)!.size.join() === "640,480");
    await page.click("#undo"); // of what was done in the other size
    await allIn(page, [100, 100, 500, 380]);
    await page.click("#undo");
    await page.waitForFunction(() => points.xy.some((x, i) => i % 2 === 0 && x > 520));
  },
);

inPage("all of it works by keys, and is said aloud", DESKTOP, async (page) => {
  await movableClock(page);
  const [x, y] = nearest(await followStill(page), 320, 240); // each key takes its time
  await emptyStage(page);
  await page.focus("#touch");
  // The crosshair begins in the middle, and moves by 8 pixels, with Shift by one.
  const [across, down] = [Math.round(x) - 320, Math.round(y) - 240];
  for (
    const [by, less, more] of [[across, "ArrowLeft", "ArrowRight"], [down, "ArrowUp", "ArrowDown"]]
  ) {
    const key = Number(by) < 0 ? less : more, steps = Math.abs(Number(by));
    for (let i = 0; i < steps >> 3; i++) await page.keyboard.press(`${key}`);
    for (let i = 0; i < steps % 8; i++) await page.keyboard.press(`Shift+${key}`);
  }
  await announced(page, new RegExp(`^${Math.round(x)}, ${Math.round(y)}`));
  await page.keyboard.press("Enter");
  await announced(page, new RegExp(`Point added at ${Math.round(x)}, ${Math.round(y)}`));
  await page.waitForFunction(() => points.id.length === 1);
  await page.keyboard.press("Control+z");
  await page.waitForFunction(() => points.id.length === 0);
  await announced(page, /Added point removed/);
  await page.keyboard.press("Escape");
  await page.getByLabel("enabled", { exact: true }).check();
  await page.focus("#touch");
  await page.keyboard.press("m");
  await announced(page, /Region begins at 320, 240/);
  for (let i = 0; i < 6; i++) await page.keyboard.press("ArrowRight");
  for (let i = 0; i < 6; i++) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("m");
  await announced(page, /Region of 4 corners/);
  await allIn(page, [320, 240, 368, 288]);
  await page.keyboard.press("r");
  await announced(page, /Regions removed/);
  const presses = () => page.getAttribute("#polygon", "aria-pressed");
  await page.keyboard.press("p");
  await page.keyboard.press("Enter");
  for (const [key, corner] of [["ArrowLeft", /^Corner 2 at /], ["ArrowUp", /^Corner 3 at /]]) {
    for (let i = 0; i < 3; i++) await page.keyboard.press(`${key}`);
    await page.keyboard.press("Enter");
    await announced(page, corner as RegExp);
    await page.evaluate(() => passTime(600)); // where the crosshair rests is not said over it
    assert.match((await page.textContent("#announcer"))!, corner as RegExp);
  }
  await page.keyboard.press("m");
  await announced(page, /Region of 3 corners/);
  assert.equal(await presses(), "false");
  await page.keyboard.press("r");
  await announced(page, /Regions removed/);
  await page.keyboard.press("p");
  assert.equal(await presses(), "true");
  await page.keyboard.press("Escape");
  assert.equal(await presses(), "false");
  await page.keyboard.press("Delete");
  await announced(page, /Point removed|No point is near/);
  await page.keyboard.press("c");
  await announced(page, /All points cleared/);
  await page.keyboard.press("?");
  await page.waitForSelector("#help[open]");
  await page.keyboard.press("Escape");
  await page.waitForSelector("#help", { state: "hidden" });
});

inPage("what the server refuses is told, and is not shown", DESKTOP, async (page) => {
  const own = await start({ args: ["--max-mask-polygons", "1"] });
  try {
    await movableClock(page); // what is told stays
    await followSample(page, own.url);
    await drag(page, [100, 100], [300, 260]);
    await announced(page, /Region of 4 corners/);
    const before = await page.getAttribute(REGIONS, "d");
    assert.ok(before);
    await drag(page, [400, 300], [500, 400]);
    await announced(page, /^Cannot mask by 2 polygons/);
    assert.equal(await page.isVisible("#banner"), true);
    const under = await page.locator("#banner").evaluate((banner) => {
      const { left, top, width, height } = banner.getBoundingClientRect();
      return document.elementFromPoint(left + width / 2, top + height / 2)!.id;
    });
    assert.equal(under, "touch", "the picture takes what is pointed at the banner");
    assert.equal(await page.getAttribute(REGIONS, "d"), before);
    await drag(page, [400, 300], [500, 400]); // and two at once
    await drag(page, [420, 320], [500, 400]);
    await page.waitForFunction(
      ([regions, before]) => document.querySelector(regions)!.getAttribute("d") === before,
      [REGIONS, before],
    );
    await page.click("#undo"); // of the first: of the others there is nothing to undo
    await announced(page, /No region any more/);
    assert.equal(await page.isDisabled("#undo"), true);
  } finally {
    await own.stop();
  }
});

inPage("a point that is lost at once is told, with the reason", DESKTOP, async (page) => {
  const [x, y] = await followStill(page); // a corner, which is lost for the region alone
  const [x0, x1] = x < 320 ? [360, 600] : [40, 280];
  await drag(page, [x0, 40], [x1, 440]);
  await allIn(page, [x0, 40, x1, 440]);
  await clickAt(page, x, y);
  await announced(page, /^The point added at \d+, \d+ was lost at once: masked$/);
});

inPage("what was done to points is not undone in another session", DESKTOP, async (page) => {
  let own = await start({ port: freePort() });
  try {
    await followSample(page, own.url);
    await drag(page, [100, 100], [500, 380]);
    await announced(page, /Region of 4 corners/);
    const [x, y] = await page.evaluate(() => [...points.xy]);
    await clickAt(page, x + 10, y + 10);
    await announced(page, /oint added at/); // which may be lost at once
    await own.stop();
    await page.waitForSelector("#state[data-state=reconnecting]");
    // one that cannot take the points: with others they would live on, and so would what undoes them
    own = await start({ port: Number(new URL(own.url).port), args: ["--max-points", "1"] });
    await isLive(page);
    await page.click("#undo");
    await announced(page, /No region any more/);
    assert.equal(await page.isDisabled("#undo"), true);
  } finally {
    await own.stop();
  }
});
