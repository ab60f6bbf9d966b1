import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { screenshotPath } from "../lib/browser.ts";
import { DESKTOP, inPage, isLive, PHONE, pointsAbove, server } from "../lib/page.ts";
import { movableClock } from "../lib/page_clock.ts";

/** A camera whose frames a test makes. */
interface FakeCamera {
  shows: "scene" | "black" | "nothing";
  hold(muted: boolean): void;
}
declare global {
  var camera: FakeCamera;
}
/** Chromium has it; the platform's types do not know it. */
declare const MediaStreamTrackGenerator: {
  new (init: { kind: "video" }): MediaStreamTrack & { writable: WritableStream<VideoFrame> };
};

/** Puts {@linkcode FakeCamera} into the page, before its scripts run. */
function installCamera(): void {
  const context = new OffscreenCanvas(640, 480).getContext("2d", { alpha: false })!;
  const draw = (number: number) => {
    context.fillStyle = camera.shows === "black" ? "#060606" : "#404040";
    context.fillRect(0, 0, 640, 480);
    if (camera.shows === "black") return;
    for (let i = 0; i < 200; i++) {
      context.fillStyle = `hsl(0 0% ${30 + i * 89 % 70}%)`;
      context.fillRect(i * 97 % 620 + number % 20, i * 53 % 460, 20 - i % 7, 18 - i % 5);
    }
  };
  navigator.mediaDevices.getUserMedia = () => {
    const track = new MediaStreamTrackGenerator({ kind: "video" });
    const writer = track.writable.getWriter();
    let isMuted = false, number = 0;
    Object.defineProperty(track, "muted", { get: () => isMuted });
    camera.hold = (muted) => {
      isMuted = muted;
      track.dispatchEvent(new Event(muted ? "mute" : "unmute"));
    };
    setInterval(() => {
      if (camera.shows === "nothing" || isMuted) return;
      draw(number++);
      const timestamp = 1000 * performance.now();
      writer.write(new VideoFrame(context.canvas, { timestamp })).catch(() => {}); // it was stopped
    }, 40);
    return Promise.resolve(new MediaStream([track]));
  };
  const camera: FakeCamera = { shows: "nothing", hold: () => {} };
  Object.assign(globalThis, { camera });
}

/** Lets the page's time pass until this trouble is told, over the picture or in place of it. */
async function trouble(page: Page, told: RegExp, place = "#banner"): Promise<void> {
  await page.waitForFunction(([place, told]) => {
    passTime(500);
    return document.querySelector("#state[data-state=troubled]") &&
      new RegExp(told).test(document.querySelector(place)!.textContent!.trim());
  }, [place, told.source]);
  assert.equal(await page.textContent("#state"), "Waiting");
  for (const each of ["#banner", "#waiting"]) {
    assert.equal(await page.isVisible(each), each === place, each);
  }
}

inPage(
  "a camera that shows nothing says why, and goes on by itself",
  DESKTOP,
  async (page) => {
    await movableClock(page);
    await page.addInitScript(installCamera);
    await page.goto(server.url);
    await page.click("#start");
    const shot = async (kind: string) =>
      page.screenshot({ path: await screenshotPath(`trouble-${kind}`) });

    await trouble(page, /^The camera is on, but no picture comes\. .*by itself/, "#waiting");
    await shot("no-picture");
    await page.evaluate(() => camera.shows = "scene");
    await isLive(page);
    await pointsAbove(page, 20);
    assert.equal(await page.isHidden("#banner"), true);

    await page.evaluate(() => camera.hold(true));
    await trouble(page, /^The camera is held back\. .*by itself/);
    await shot("held-back");
    await page.evaluate(() => camera.hold(false));
    await isLive(page);

    await page.evaluate(() => camera.shows = "nothing");
    await trouble(page, /^The camera's picture stands still\. .*Stop and Start/);
    await shot("frozen");
    await page.evaluate(() => camera.shows = "black");
    await trouble(page, /^The camera's picture is black\. .*cover/);
    await shot("black");
    await page.evaluate(() => camera.shows = "scene");
    await isLive(page);
    await pointsAbove(page, 20);
    assert.equal(await page.isHidden("#banner"), true);
  },
);

inPage("a machine without a camera has none in every browser", DESKTOP, async (page) => {
  await page.addInitScript(() => {
    navigator.mediaDevices.enumerateDevices = () => Promise.resolve([]);
    // WebKit's, which is no Error everywhere
    navigator.mediaDevices.getUserMedia = () =>
      Promise.reject({
        name: "OverconstrainedError",
        message: "Invalid constraint",
        constraint: "",
      });
  });
  await page.goto(server.url);
  await page.click("#start");
  await page.waitForSelector("#state[data-state=error]");
  assert.equal(await page.textContent("#notice-title"), "No camera was found");
});

inPage("a browser that lets no video start has not refused the camera", DESKTOP, async (page) => {
  await page.addInitScript(() => {
    const { play } = HTMLMediaElement.prototype;
    let refusals = 0;
    HTMLMediaElement.prototype.play = function () {
      if (refusals++ > 0) return play.call(this);
      return Promise.reject(new DOMException("no gesture", "NotAllowedError"));
    };
  });
  await page.goto(server.url);
  await page.click("#start");
  await page.waitForSelector("#state[data-state=error]");
  assert.match((await page.textContent("#notice-title"))!, /did not let the video start/);
  await page.screenshot({ path: await screenshotPath("no-autoplay-1280") });
  await page.click("#retry");
  await isLive(page);
});

/** Has canvases give noise until the page is allowed to read them. */
function protectCanvases(): void {
  const { getImageData } = OffscreenCanvasRenderingContext2D.prototype;
  OffscreenCanvasRenderingContext2D.prototype.getImageData = function (...area) {
    const image = getImageData.apply(this, area);
    if (!(globalThis as { isAllowed?: boolean }).isAllowed) {
      image.data.forEach((_, i, data) => data[i] = 255 * Math.random());
    }
    return image;
  };
}

for (const [name, view] of Object.entries({ 1280: DESKTOP, 390: PHONE })) {
  inPage(`a browser that protects canvases is told of, ${name}`, view, async (page) => {
    await page.route("**/capture-worker.js", async (route) => {
      const response = await route.fetch();
      const body = `(${protectCanvases})();${await response.text()}`;
      await route.fulfill({ response, body });
    });
    await page.addInitScript(protectCanvases);
    await page.goto(`${server.url}/?source=sample&autostart=1`);
    await page.waitForSelector("#state[data-state=error]");
    assert.match((await page.textContent("#notice-title"))!, /gives noise instead of the picture/);
    assert.match((await page.textContent("#notice-text"))!, /Firefox.*Brave/);
    await page.screenshot({ path: await screenshotPath(`noise-${name}`) });
    const isWhole = await page.evaluate(() => {
      const [stage, card] = ["#stage", "#notice"]
        .map((id) => document.querySelector(id)!.getBoundingClientRect());
      return card.top >= stage.top && card.bottom <= stage.bottom;
    });
    assert.ok(isWhole, "the notice is cut off");
    await page.evaluate(() => Object.assign(globalThis, { isAllowed: true }));
    await page.click("#retry"); // on the page's own thread, where only workers get noise
    await pointsAbove(page, 20);
  });
}
