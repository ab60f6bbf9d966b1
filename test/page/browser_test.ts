import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { openPage, screenshotPath } from "../lib/browser.ts";
import { freePort } from "../lib/free_port.ts";
import {
  browser,
  DESKTOP,
  GOVERNOR_OFF,
  inPage,
  isLive,
  pointsAbove,
  seenSoFar,
  seenTracks,
  server,
} from "../lib/page.ts";
import { start } from "../lib/running.ts";

/** The share of the overlay's pixels that are painted. */
function paintedShare(page: Page): Promise<number> {
  return page.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>("#overlay")!;
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d")!;
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, i) => i % 4 === 3 && value > 0).length / (data.length / 4);
  });
}

inPage(
  "Start shows points of the fake camera, with engine and latency",
  DESKTOP,
  async (page) => {
    await page.goto(server.url);
    await page.screenshot({ path: await screenshotPath("idle-1280") });
    await page.click("#start");
    await pointsAbove(page, 0);
    await isLive(page);
    await page.waitForFunction(() => /\d/.test(document.querySelector("#rtt")!.textContent!));
    const { engine } = await (await fetch(`${server.url}/v1/info`)).json();
    assert.ok((await page.textContent("#engine"))!.includes(engine.name));
    const frames = await seenTracks(page, 15);
    await page.screenshot({ path: await screenshotPath("live-1280") });
    frames.reduce((before, now) => {
      assert.ok(now.seq > before.seq, `${now.seq} came after ${before.seq}`);
      return now;
    });
    await page.click("#stop");
    await page.waitForSelector("#state[data-state=idle]");
  },
);

inPage("low-latency mode draws points alone, over the live picture", DESKTOP, async (page) => {
  await page.goto(`${server.url}/?source=sample&autostart=1`);
  await pointsAbove(page, 20);
  await page.selectOption("#mode", "low-latency");
  await seenTracks(page, 5, await seenSoFar(page));
  const painted = await paintedShare(page);
  assert.ok(painted > 0.001 && painted < 0.5, `${painted} of the canvas is painted`);
});

inPage("ids live on while the picture moves", DESKTOP, async (page) => {
  await page.goto(`${server.url}${GOVERNOR_OFF}&source=sample`);
  await page.click("#start");
  await pointsAbove(page, 20);
  const frames = await seenTracks(page, 30);
  const last = new Set(frames.at(-1)!.ids);
  const tenBefore = frames.at(-11)!.ids;
  const kept = tenBefore.filter((id) => last.has(id)).length;
  assert.ok(kept > tenBefore.length / 2, `${kept} of ${tenBefore.length} ids lived for 10 frames`);
});

inPage("a changed option is in force at once, in the same session", DESKTOP, async (page) => {
  await page.goto(`${server.url}${GOVERNOR_OFF}&source=sample&autostart=1`);
  await pointsAbove(page, 150);
  await page.click("#options > summary");
  const before = await seenSoFar(page);
  const input = page.getByLabel("minDistance", { exact: true });
  await input.fill("200");
  await input.press("Enter");
  await page.waitForFunction(() => seen.at(-1)!.ids.length < 50);
  const after = await seenTracks(page, 5, before);
  after.reduce((a, b) => (assert.ok(b.seq > a.seq && !b.reset), b)); // no new session
  const old = (await page.evaluate((at) => seen[at].ids, before - 1)) as number[];
  assert.ok(after.at(-1)!.ids.some((id) => old.includes(id)));
});

inPage(
  "a capture repeats a reset that was not taken",
  DESKTOP,
  async (page) => {
    await page.goto(server.url);
    const { resets, errors } = await page.evaluate(async () => {
      const { capture, openSample } = await import(`${location.origin}/lkstream.js`);
      const sample = openSample({ width: 64, height: 48 });
      const outcomes = ["throws", null, 7, 8, "throws", 9];
      const resets: boolean[] = [];
      let errors = 0;
      await new Promise<void>((done) => {
        const capturing = capture(sample.picture, {
          state: { name: "open" },
          free: 2,
          send(_jpeg: Uint8Array, { reset }: { reset: boolean }) {
            resets.push(reset);
            const outcome = outcomes.shift()!;
            if (outcomes.length === 0) done(capturing.close());
            if (outcome === "throws") throw new Error("on purpose");
            return outcome;
          },
        }, { maxRate: 5 });
        capturing.on("error", () => errors++);
      });
      sample.close();
      return { resets, errors };
    });
    assert.deepEqual(resets, [true, true, true, false, false, false]);
    assert.equal(errors, 2);
  },
);

Deno.test("browser: a server that restarts is found again by itself", async () => {
  let own = await start({ port: freePort() });
  const page = await openPage(browser, { permissions: ["camera"], ...DESKTOP });
  try {
    await page.goto(own.url);
    await page.click("#start");
    await pointsAbove(page, 0);
    await isLive(page);
    await own.stop();
    await page.waitForSelector("#state[data-state=reconnecting]");
    await page.screenshot({ path: await screenshotPath("reconnecting-1280") });
    own = await start({ port: Number(new URL(own.url).port) });
    await isLive(page);
    await pointsAbove(page, 0);
  } finally {
    await page.close();
    await own.stop();
  }
});

Deno.test("browser: with a token in its address the page connects, and takes it out of the address", async () => {
  const own = await start({ args: ["--token", "s3cret"] });
  const page = await openPage(browser, DESKTOP);
  const isRefused = async () => {
    await page.waitForSelector("#notice:not([hidden])");
    assert.match((await page.textContent("#notice"))!, /#token=TOKEN/);
  };
  const isTaken = async () => {
    await pointsAbove(page, 0);
    assert.ok(!page.url().includes("s3cret"));
  };
  try {
    const address = `${own.url}/?source=sample&autostart=1`;
    await page.goto(address);
    await isRefused();
    // the fragment of a page that is open, as somebody types it
    await page.evaluate(() => location.hash = "#token=s3cret&flow.maxLevel=2");
    await isTaken();
    assert.ok(page.url().endsWith("#flow.maxLevel=2"), page.url());
    await page.evaluate(() => sessionStorage.clear());
    await page.goto("about:blank");
    await page.goto(`${address}#token=wrong`);
    await isRefused();
    await page.goto("about:blank");
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url().split("#")[0]));
    page.on("websocket", (socket) => asked.push(socket.url()));
    await page.goto(`${address}#token=s3%63ret`);
    await isTaken();
    assert.ok(asked.some((url) => url.endsWith("/v1/stream")));
    assert.ok(asked.every((url) => !url.includes("s3")), `${asked}`);
    await page.evaluate(() => sessionStorage.clear());
    await page.goto(`${own.url}/?token=s3cret&source=sample&autostart=1`); // an old link
    await isTaken();
  } finally {
    await page.close();
    await own.stop();
  }
});
