import assert from "node:assert/strict";
import { openPage } from "../lib/browser.ts";
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
import { movableClock } from "../lib/page_clock.ts";
import { start } from "../lib/running.ts";
import { choose, comesToRest, dropImages, makeVideo } from "../lib/stage.ts";

declare global {
  /** For how long the page set its timers, in the page. */
  var pauses: number[];
}

inPage("a video file plays, is held, and begins anew at its end", DESKTOP, async (page) => {
  await page.goto(server.url + GOVERNOR_OFF);
  await makeVideo(page, 0.5);
  await choose(page, "video", { "clip.webm": null });
  await isLive(page);
  await pointsAbove(page, 10);
  await page.waitForFunction(() => seen.filter(({ reset }) => reset).length >= 3); // two rounds
  await page.click("#hold");
  const before = await comesToRest(page);
  await page.click("#hold");
  await seenTracks(page, 3, before);
  await page.click("#stop");
  assert.equal(await page.locator("#stage video").count(), 0);
});

inPage("what is no video is explained, with what helps", DESKTOP, async (page) => {
  await page.goto(server.url + GOVERNOR_OFF);
  await choose(page, "video", { "no.webm": "this is text" });
  await page.waitForSelector("#state[data-state=error]");
  assert.match((await page.textContent("#notice-title"))!, /video/);
});

inPage("what cannot be played is told, and what runs goes on", DESKTOP, async (page) => {
  await movableClock(page);
  await page.goto(`${server.url}${GOVERNOR_OFF}&source=sample&autostart=1`);
  await isLive(page);
  await page.evaluate(() => {
    const dropped = new DataTransfer();
    dropped.items.add(new File(["text"], "notes.txt", { type: "text/plain" }));
    const drop = new DragEvent("drop", { dataTransfer: dropped, bubbles: true, cancelable: true });
    document.querySelector("#stage")!.dispatchEvent(drop);
  });
  await page.waitForSelector("#banner:not([hidden])");
  assert.match((await page.textContent("#banner"))!, /no video, image or recording/);
  await seenTracks(page, 3, await seenSoFar(page));
  assert.equal(await page.isVisible("#banner"), true);
  await page.evaluate(() => passTime(6000));
  assert.equal(await page.isVisible("#banner"), false);
});

inPage("a source that fails after another was chosen stops nothing", DESKTOP, async (page) => {
  await page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = () =>
      new Promise((_, reject) => {
        const denied = new DOMException("denied", "NotAllowedError");
        addEventListener("deny", () => reject(denied));
      });
  });
  await page.goto(server.url + GOVERNOR_OFF);
  await page.click("#start");
  await page.selectOption("#source", "sample");
  await isLive(page);
  await page.evaluate(() => dispatchEvent(new Event("deny")));
  await seenTracks(page, 5, await seenSoFar(page));
  assert.equal(await page.getAttribute("#state", "data-state"), "live");
});

inPage("a picture that cannot be sent is told", DESKTOP, async (page) => {
  await page.addInitScript(() => {
    globalThis.createImageBitmap = () =>
      Promise.reject(new DOMException("The source is not clean", "SecurityError"));
  });
  await page.goto(`${server.url}${GOVERNOR_OFF}&source=sample&autostart=1`);
  await page.waitForSelector("#state[data-state=error]");
  assert.equal(await page.textContent("#notice-title"), "The picture cannot be sent");
  assert.match((await page.textContent("#notice-text"))!, /not clean/);
});

Deno.test("browser: a server that comes back is told also while the source is held", async () => {
  let own = await start({ port: freePort() });
  const page = await openPage(browser, DESKTOP);
  try {
    await page.goto(own.url + GOVERNOR_OFF);
    await dropImages(page, { 1: 0, 2: 0.1, 3: 0.2 });
    await isLive(page);
    await page.click("#hold");
    await own.stop();
    await page.waitForSelector("#state[data-state=reconnecting]");
    own = await start({ port: Number(new URL(own.url).port) });
    await isLive(page);
    // it may say for a while that points live on
    const said = await page.isVisible("#banner") ? await page.textContent("#banner") : "";
    assert.match(said!, /^(Reconnected: .*)?$/);
  } finally {
    await page.close();
    await own.stop();
  }
});

inPage(
  "images play at the rate, in the order of their numbers, and are not sent again where they are held",
  DESKTOP,
  async (page) => {
    await movableClock(page);
    await page.goto(server.url + GOVERNOR_OFF);
    await page.selectOption("#rate", "5");
    await page.evaluate(() => {
      const { setTimeout } = globalThis, pauses: number[] = [];
      globalThis.setTimeout = ((callback: () => void, ms: number) => {
        pauses.push(ms);
        return setTimeout(callback, ms);
      }) as typeof setTimeout;
      Object.assign(globalThis, { pauses });
    });
    await dropImages(page, { 10: 0.5, 9: 0.45, 1: 0.05, 2: 0.1 });
    await isLive(page);
    await seenTracks(page, 5, await seenSoFar(page)); // of four
    const longest = await page.evaluate(() => Math.max(...pauses.filter((ms) => ms < 1000)));
    assert.ok(longest > 150 && longest <= 200, `${longest} ms between images at 5 a second`);
    assert.match((await page.textContent("#size"))!, /320 × 240/);
    await page.click("#hold"); // a canvas that changes no more is not sent again
    const held = await comesToRest(page);
    await page.click("#clear-points"); // which is seen on the image it stands at
    await seenTracks(page, 1, held);
    await page.evaluate(() => passTime(4000));
    const kept = await page.evaluate(() => [...points.id]);
    await page.click("#hold"); // and lives on, however long that was
    const [next] = await seenTracks(page, 1, held + 1);
    assert.ok(!next.reset && next.ids.some((id) => kept.includes(id)));
    const order = await page.evaluate(async () => {
      const { openImages } = await import(`${location.origin}/lkstream.js`);
      const canvas = new OffscreenCanvas(8, 8);
      canvas.getContext("2d");
      const png = await canvas.convertToBlob();
      const names = ["a10.png", "a9.png", "a1.png"];
      const images = await openImages(names.map((name) => new File([png], name, png)));
      images.close();
      return images.files.map(({ name }: File) => name);
    });
    assert.deepEqual(order, ["a1.png", "a9.png", "a10.png"]);
  },
);

inPage("the screen is shared, its end is told, and so is why it is not", DESKTOP, async (page) => {
  await page.addInitScript(() => {
    navigator.mediaDevices.getDisplayMedia = async () => {
      const { openSample } = await import(`${location.origin}/lkstream.js`);
      const stream: MediaStream = openSample().picture.captureStream();
      Object.assign(globalThis, { stream });
      return stream;
    };
  });
  await page.goto(server.url + GOVERNOR_OFF);
  await page.selectOption("#source", "screen");
  await page.click("#start");
  await pointsAbove(page, 10);
  await page.evaluate(() => {
    const { stream } = globalThis as unknown as { stream: MediaStream };
    stream.getTracks()[0].dispatchEvent(new Event("ended"));
    navigator.mediaDevices.getDisplayMedia = () =>
      Promise.reject(new DOMException("denied", "NotAllowedError"));
  });
  await page.waitForSelector("#state[data-state=error]");
  assert.match((await page.textContent("#notice-title"))!, /ended/);
  await page.click("#retry");
  await page.waitForFunction(() =>
    /not shared/.test(document.querySelector("#notice-title")!.textContent!)
  );
});
