import assert from "node:assert/strict";
import { INSECURE_HOST, screenshotPath } from "../lib/browser.ts";
import { freePort } from "../lib/free_port.ts";
import { DESKTOP, inPage, isLive, pointsAbove, server } from "../lib/page.ts";
import { start } from "../lib/running.ts";

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
    await pointsAbove(page, 0);
  },
);

inPage("whatever the camera fails with is told in words", DESKTOP, async (page) => {
  await page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = () =>
      Promise.reject((globalThis as unknown as { failure: unknown }).failure);
  });
  await page.goto(server.url);
  for (
    const [name, title] of [
      ["NotFoundError", /No camera was found/],
      ["NotReadableError", /does not deliver pictures/],
      ["OverconstrainedError", /can do what was asked/],
      ["SecurityError", /may not use cameras/],
      ["StrangeError", /cannot be opened: on purpose/],
    ] as const
  ) {
    await page.evaluate((name) => {
      // as in browsers where an OverconstrainedError is no Error
      const failure = name === "OverconstrainedError"
        ? { name, message: "", constraint: "deviceId" }
        : new DOMException("on purpose", name);
      Object.assign(globalThis, { failure });
    }, name);
    await page.click(name === "NotFoundError" ? "#start" : "#retry");
    await page.waitForSelector("#state[data-state=error]");
    assert.match((await page.textContent("#notice-title"))!, title);
    assert.ok((await page.textContent("#notice-text"))!.length > 10);
  }
});

inPage("a camera is used though the list of cameras cannot be had", DESKTOP, async (page) => {
  await page.addInitScript(() => {
    navigator.mediaDevices.enumerateDevices = () => Promise.reject(new Error("on purpose"));
  });
  await page.goto(server.url);
  await page.click("#start");
  await isLive(page);
});

inPage(
  "an insecure page says why it has no camera, and shows the sample",
  DESKTOP,
  async (page) => {
    const port = freePort();
    const origin = `http://${INSECURE_HOST}:${port}`;
    const named = await start({ port, args: ["--allow-origin", origin] });
    try {
      await page.goto(origin);
      assert.equal(await page.evaluate(() => isSecureContext), false);
      await page.click("#start");
      await page.waitForSelector("#notice:not([hidden])");
      assert.match((await page.textContent("#notice-title"))!, /secure/);
      assert.ok((await page.textContent("#notice-text"))!.includes(`http://localhost:${port}`));
      await page.click("#use-sample");
      await isLive(page);
    } finally {
      await named.stop();
    }
  },
);
