import assert from "node:assert/strict";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { screenshotPath, startBrowser } from "./lib/browser.ts";
import { type Running, start } from "./lib/running.ts";

const DESKTOP = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true };

let browser: Browser;
let server: Running;

/** A test in a page of its own, which must not have logged an error at its end. */
function inPage(
  name: string,
  context: BrowserContextOptions,
  body: (page: Page) => Promise<void>,
): void {
  Deno.test(`browser: ${name}`, async () => {
    const page = await browser.newPage({ permissions: ["camera"], ...context });
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(`${error}`));
    page.on("console", (message) => {
      if (/Content Security Policy/.test(message.text())) errors.push(message.text());
    });
    try {
      await body(page);
      assert.deepEqual(errors, []);
    } finally {
      await page.close();
    }
  });
}

Deno.test.beforeAll(async () => {
  server = await start();
  browser = await startBrowser();
});

Deno.test.afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

/** Waits until the page shows a number of live points above `least`. */
async function pointsAbove(page: Page, least: number, timeout: number): Promise<void> {
  await page.waitForFunction(
    (least) => Number(document.querySelector("#points")!.textContent) > least,
    least,
    { timeout },
  );
}

async function isLive(page: Page, timeout = 10_000): Promise<void> {
  await page.waitForSelector("#state[data-state=live]", { timeout });
}

/** Collects, in the page, what each tracks message says. */
async function watchTracks(page: Page): Promise<void> {
  await page.evaluate(() => {
    const seen: { seq: number; ids: number[] }[] = [];
    Object.assign(globalThis, { seen });
    document.addEventListener("lkstream:tracks", (event) => {
      const { seq, points } = (event as CustomEvent).detail;
      seen.push({ seq, ids: Array.from(points.id) });
    });
  });
}

/** What was collected, once it is at least `count` frames. */
async function seen(page: Page, count: number): Promise<{ seq: number; ids: number[] }[]> {
  type Seen = { seen: { seq: number; ids: number[] }[] };
  await page.waitForFunction(
    (count) => (globalThis as unknown as Seen).seen.length >= count,
    count,
  );
  return page.evaluate(() => (globalThis as unknown as Seen).seen);
}

/** How the overlay looks: a number for each picture, and the share of its pixels that are painted. */
function overlay(page: Page): Promise<{ sum: number; painted: number }> {
  return page.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>("#overlay")!;
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d")!;
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    let sum = 0, painted = 0;
    for (let i = 0; i < data.length; i++) {
      sum += data[i] * (i % 251);
      if (i % 4 === 3 && data[i] > 0) painted++;
    }
    return { sum, painted: painted / (data.length / 4) };
  });
}

inPage(
  "Start shows points of the fake camera within 3 s, with engine and latency",
  DESKTOP,
  async (page) => {
    await page.goto(server.url);
    await watchTracks(page);
    await page.screenshot({ path: await screenshotPath("idle-1280") });
    const started = performance.now();
    await page.click("#start");
    await pointsAbove(page, 0, 3000);
    console.log(`    first points ${Math.round(performance.now() - started)} ms after Start`);
    await isLive(page);
    await page.waitForFunction(() => /\d/.test(document.querySelector("#rtt")!.textContent!));
    assert.match((await page.textContent("#engine"))!, /wasm/i);
    const frames = await seen(page, 15);
    await page.screenshot({ path: await screenshotPath("live-1280") });
    frames.reduce((before, now) => {
      assert.ok(now.seq > before.seq, `${now.seq} came after ${before.seq}`);
      return now;
    });
    await page.click("#stop");
    await page.waitForSelector("#state[data-state=idle]");
  },
);

inPage("each result is drawn with the frame it belongs to", DESKTOP, async (page) => {
  await page.goto(`${server.url}/?source=sample&autostart=1`);
  await pointsAbove(page, 20, 10_000);
  await isLive(page);
  const before = await overlay(page);
  await page.waitForTimeout(1000);
  const after = await overlay(page);
  assert.ok(before.painted > 0.9, `${before.painted} of the canvas is painted`);
  assert.notEqual(before.sum, after.sum);
});

inPage("low-latency mode draws points alone, over the live picture", DESKTOP, async (page) => {
  await page.goto(`${server.url}/?source=sample&autostart=1`);
  await watchTracks(page);
  await pointsAbove(page, 20, 10_000);
  await page.selectOption("#mode", "low-latency");
  const now = await page.evaluate(() => (globalThis as unknown as { seen: unknown[] }).seen.length);
  await seen(page, now + 5);
  const { painted } = await overlay(page);
  assert.ok(painted > 0.001 && painted < 0.5, `${painted} of the canvas is painted`);
});

inPage("ids live on while the picture moves", DESKTOP, async (page) => {
  await page.goto(`${server.url}/?source=sample`);
  await watchTracks(page);
  await page.click("#start");
  await pointsAbove(page, 20, 10_000);
  const frames = await seen(page, 30);
  const last = new Set(frames.at(-1)!.ids);
  const tenBefore = frames.at(-11)!.ids;
  const kept = tenBefore.filter((id) => last.has(id)).length;
  assert.ok(kept > tenBefore.length / 2, `${kept} of ${tenBefore.length} ids lived for 10 frames`);
});

inPage("a changed option is in force at once", DESKTOP, async (page) => {
  await page.goto(`${server.url}/?source=sample&autostart=1`);
  await pointsAbove(page, 30, 10_000);
  await page.click("#options > summary");
  const input = page.getByLabel("maxCorners", { exact: true });
  await input.fill("10");
  await input.press("Enter");
  await page.click("#stop");
  await page.click("#start");
  await isLive(page);
  await pointsAbove(page, 0, 5000);
  await page.waitForTimeout(1000);
  assert.ok(Number(await page.textContent("#points")) <= 10);
});

inPage("fits a phone", PHONE, async (page) => {
  await page.goto(server.url);
  await page.screenshot({ path: await screenshotPath("idle-390") });
  await page.click("#start");
  await pointsAbove(page, 0, 5000);
  await page.waitForTimeout(1500);
  await page.screenshot({ path: await screenshotPath("live-390") });
  const { scroll, client } = await page.evaluate(() => ({
    scroll: document.documentElement.scrollWidth,
    client: document.documentElement.clientWidth,
  }));
  assert.ok(scroll <= client, `the page is ${scroll} px wide on a screen of ${client}`);
});

inPage(
  "no camera, or none allowed, is explained with a way on",
  { ...DESKTOP, permissions: [] },
  async (page) => {
    await page.addInitScript(() => {
      navigator.mediaDevices.getUserMedia = () =>
        Promise.reject(new DOMException("denied", "NotAllowedError"));
    });
    await page.goto(server.url);
    await page.click("#start");
    await page.waitForSelector("#notice:not([hidden])");
    assert.match((await page.textContent("#notice"))!, /camera/i);
    await page.screenshot({ path: await screenshotPath("denied-1280") });
    await page.click("#use-sample");
    await pointsAbove(page, 0, 10_000);
  },
);

Deno.test("browser: a server that restarts is found again by itself", async () => {
  let own = await start();
  const page = await browser.newPage({ permissions: ["camera"], ...DESKTOP });
  try {
    await page.goto(own.url);
    await page.click("#start");
    await pointsAbove(page, 0, 5000);
    await isLive(page);
    await own.stop();
    await page.waitForSelector("#state[data-state=reconnecting]");
    await page.screenshot({ path: await screenshotPath("reconnecting-1280") });
    own = await start({ port: Number(new URL(own.url).port) });
    await isLive(page, 20_000);
    await pointsAbove(page, 0, 5000);
  } finally {
    await page.close();
    await own.stop();
  }
});

Deno.test("browser: with a token in its address the page connects, and takes it out of the address", async () => {
  const own = await start({ args: ["--token", "s3cret"] });
  const page = await browser.newPage(DESKTOP);
  try {
    await page.goto(`${own.url}/?source=sample&autostart=1`);
    await page.waitForSelector("#notice:not([hidden])");
    assert.match((await page.textContent("#notice"))!, /token/i);
    await page.goto(`${own.url}/?token=s3cret&source=sample&autostart=1`);
    await pointsAbove(page, 0, 10_000);
    assert.ok(!page.url().includes("s3cret"));
  } finally {
    await page.close();
    await own.stop();
  }
});
