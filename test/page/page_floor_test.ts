import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import {
  DESKTOP,
  inPage,
  isLive,
  pointsAbove,
  seenSoFar,
  seenTracks,
  server,
} from "../lib/page.ts";

/** Runs in the page and in its workers before their own scripts. */
async function beforeScripts(page: Page, script: string): Promise<void> {
  await page.addInitScript(script);
  await page.route(/-worker\.js$/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${script};${await response.text()}` });
  });
}

/** What came after the oldest browsers that are supported, by the expressions that delete it. */
const YOUNGER = [
  "URL.canParse",
  "Promise.withResolvers",
  "Promise.try",
  "Array.fromAsync",
  "Object.groupBy",
  "Map.groupBy",
  "Symbol.dispose",
  "Symbol.asyncDispose",
  "Uint8Array.fromBase64",
  "Uint8Array.prototype.toHex",
  "AbortSignal.any",
  "Set.prototype.union",
  "ArrayBuffer.prototype.transfer",
  "Iterator.prototype.map",
  "Iterator.prototype.filter",
  "Iterator.prototype.some",
  "Iterator.prototype.toArray",
  "globalThis.VideoFrame",
  "globalThis.MediaStreamTrackProcessor",
  "globalThis.HTMLVideoElement?.prototype.requestVideoFrameCallback",
].map((path) => `try { delete ${path} } catch {}`).join(";");

inPage("the oldest supported browsers follow camera and sample", DESKTOP, async (page) => {
  await beforeScripts(page, YOUNGER);
  await page.goto(server.url);
  assert.equal(await page.evaluate(() => "canParse" in URL || "try" in Promise), false);
  await page.click("#start");
  await pointsAbove(page, 0);
  await seenTracks(page, 3);
  await page.click("#stop");
  await page.selectOption("#source", "sample");
  await page.click("#start");
  await isLive(page);
  await seenTracks(page, 3, await seenSoFar(page));
  await page.getByRole("heading", { name: "Record" }).click();
  await page.click("#record");
  await page.waitForFunction(() =>
    /^[1-9]/.test(document.querySelector("#record-status")!.textContent!)
  );
  await page.click("#record");
  await page.waitForSelector("#record-files a[download$='.ndjson']");
});

for (
  const [name, script] of [
    ["toSorted", "delete Array.prototype.toSorted"],
    ["OffscreenCanvas", "delete globalThis.OffscreenCanvas"],
    [":has()", "CSS.supports = () => false"],
  ]
) {
  inPage(`a browser without ${name} is told that it is too old`, DESKTOP, async (page) => {
    await page.addInitScript(script);
    await page.goto(server.url);
    const told = await page.textContent("#welcome[role=alert]");
    assert.match(told!, /too old.*Chrome.*110.*Firefox 121.*Safari 16\.4/s);
    assert.equal(await page.locator("button:visible, select:visible").count(), 0);
  });
}

inPage("a camera is followed where the browser tells of no frame", DESKTOP, async (page) => {
  await page.addInitScript(() => {
    HTMLVideoElement.prototype.requestVideoFrameCallback = () => 1; // as WebKit does at times
  });
  await page.goto(server.url);
  await page.click("#start");
  await seenTracks(page, 3);
});
