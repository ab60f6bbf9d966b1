import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { GOVERNOR_OFF, pointsAbove, server } from "./page.ts";

declare global {
  /** What {@linkcode makeVideo} made, in the page. */
  var video: Blob;
}

/** Buttons that edit the tracking. */
export const EDITS = ["#box", "#polygon", "#undo", "#clear-regions", "#clear-points"];

/** Follows the sample, with the points of the latest result at hand. */
export async function followSample(page: Page, url = server.url): Promise<void> {
  await page.goto(`${url}${GOVERNOR_OFF}&source=sample&autostart=1`);
  await pointsAbove(page, 20);
  await nextPainted(page);
}

/** Drops what the sample shows at these seconds, as images by these numbers, on the stage. */
export function dropImages(page: Page, images: Record<number, number>, width = 320): Promise<void> {
  return page.evaluate(async ([images, width]) => {
    const { openSample } = await import(`${location.origin}/lkstream.js`);
    const sample = openSample({ width, height: width * 3 / 4 });
    const dropped = new DataTransfer();
    for (const [number, seconds] of Object.entries(images)) {
      sample.draw(seconds);
      const png = await new Promise<Blob>((done) => sample.picture.toBlob(done));
      dropped.items.add(new File([png], `frame-${number}.png`, { type: "image/png" }));
    }
    dropped.items.add(new File(["text"], "read-me.txt", { type: "text/plain" }));
    sample.close();
    const drop = new DragEvent("drop", { dataTransfer: dropped, bubbles: true, cancelable: true });
    document.querySelector("#stage")!.dispatchEvent(drop);
  }, [images, width] as const);
}

/** Follows a still, where what is added stays where it is; the place of a corner in it. */
export async function followStill(page: Page): Promise<number[]> {
  await page.goto(server.url + GOVERNOR_OFF);
  await dropImages(page, { 1: 3 }, 640);
  await pointsAbove(page, 20);
  await nextPainted(page);
  return await page.evaluate(() => [...points.xy]);
}

/** Waits until the latest result, or one after it, is on the canvas: what is not seen cannot be pointed at. */
export function nextPainted(page: Page): Promise<void> {
  return page.evaluate(() =>
    new Promise<void>((done) => {
      const { seq } = seen.at(-1)!;
      document.addEventListener("lkstream:painted", function check({ detail }) {
        if (detail.seq < seq) return;
        document.removeEventListener("lkstream:painted", check);
        done();
      });
    })
  );
}

/** Sees that no result comes while the page is repainted, but for what was under way; how many came until then. */
export async function comesToRest(page: Page): Promise<number> {
  const before = await seenSoFarAfter(page, 10);
  assert.equal(await seenSoFarAfter(page, 10), before);
  return before;
}

function seenSoFarAfter(page: Page, repaints: number): Promise<number> {
  return page.evaluate(async (repaints) => {
    for (let i = 0; i < repaints; i++) await new Promise(requestAnimationFrame);
    return seen.length;
  }, repaints);
}

/** The place in the window of one in a frame of 640 × 480. */
export function inWindow(page: Page, x: number, y: number): Promise<{ x: number; y: number }> {
  return page.evaluate(([x, y]) => {
    const touch = document.querySelector("#touch")!;
    touch.scrollIntoView({ block: "center", behavior: "instant" });
    const { left, top, width, height } = touch.getBoundingClientRect();
    const scale = Math.min(width / 640, height / 480);
    return {
      x: left + width / 2 + (x + 0.5 - 320) * scale,
      y: top + height / 2 + (y + 0.5 - 240) * scale,
    };
  }, [x, y]);
}

/** Makes a video of the sample in the page, `seconds` long, and keeps it as `video`. */
export function makeVideo(page: Page, seconds: number): Promise<void> {
  return page.evaluate(async (seconds) => {
    const { openSample } = await import(`${location.origin}/lkstream.js`);
    const sample = openSample({ width: 320, height: 240 });
    const recorder = new MediaRecorder(sample.picture.captureStream(), { mimeType: "video/webm" });
    const chunks: Blob[] = [];
    recorder.ondataavailable = ({ data }) => chunks.push(data);
    recorder.start();
    await new Promise((done) => setTimeout(done, 1000 * seconds));
    await new Promise((done) => {
      recorder.onstop = done;
      recorder.stop();
    });
    sample.close();
    globalThis.video = new Blob(chunks, { type: "video/webm" });
  }, seconds);
}

/** Chooses a kind of files and, in the dialog, these: texts or the `video`, by their names. */
export async function choose(page: Page, kind: string, files: Record<string, string | null>) {
  page.once("filechooser", () => {}); // or it is closed at once
  await page.selectOption("#source", kind);
  await page.waitForSelector("#file-input", { state: "attached" });
  await page.evaluate((files) => {
    const chosen = new DataTransfer();
    for (const [name, text] of Object.entries(files)) {
      chosen.items.add(new File([text ?? video], name, { type: text === null ? video.type : "" }));
    }
    const input = document.querySelector<HTMLInputElement>("#file-input")!;
    input.files = chosen.files;
    input.dispatchEvent(new Event("change"));
  }, files);
}

/** Waits until the page has said this to a screen reader, whatever it said after it. */
export function announced(page: Page, text: RegExp): Promise<unknown> {
  return page.waitForFunction((source) => {
    const at = announcements.findIndex((said) => new RegExp(source).test(said));
    announcements.splice(0, at + 1);
    return at >= 0;
  }, text.source);
}
