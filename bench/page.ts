/**
 * What the page costs in a real browser, `deno task bench:page`: painted frames
 * a second with WebGL and with the 2D canvas, the page's main thread for each
 * frame, first paint and first points. There is no GPU in the browser of the
 * tests: WebGL runs on SwiftShader there, a renderer on the CPU.
 */
import type { Browser, Page } from "playwright-core";
import { startBrowser } from "../test/lib/browser.ts";
import { start } from "../test/lib/running.ts";
import { makeClip } from "./clip.ts";
import { composing } from "./page_composing.ts";
import { mainThread } from "./page_main_thread.ts";
import { paintedPerSecond } from "./page_painting.ts";

const POINTS = [500, 10_000];

await using server = {
  ...await start(),
  [Symbol.asyncDispose]: () => server.stop().then(() => {}),
};
/** A camera that shows something to follow. */
const camera = await Deno.makeTempFile({ suffix: ".mjpeg" });
await Deno.writeFile(camera, ReadableStream.from(makeClip(640, 480).jpegs));
await using browser: Browser = await startBrowser(camera);

async function inPage(body: (page: Page) => Promise<void>): Promise<void> {
  const page = await browser.newPage({
    viewport: { width: 1280, height: 800 },
    permissions: ["camera"],
  });
  try {
    await body(page);
  } finally {
    await page.close();
  }
}

await inPage(async (page) => {
  const { firstPaint, firstPoints, perFrame, frames, points } = await mainThread(page, server.url);
  console.log(`first paint           ${firstPaint.toFixed(0)} ms`);
  console.log(`first points          ${firstPoints.toFixed(0)} ms after Start`);
  console.log(
    `main thread a frame   ${
      perFrame.toFixed(2)
    } ms (640 × 480, ${points} points, ${frames} frames)`,
  );
});
for (const points of POINTS) {
  const composed = composing(points);
  console.log(
    `composing       ${String(points).padStart(6)} points, trails of 12: ` +
      `${composed.at(0.5).toFixed(2)} ms a frame, at best ${composed.at(0).toFixed(2)} ms`,
  );
}
for (const surface of ["webgl", "2d"] as const) {
  for (const points of POINTS) {
    await inPage(async (page) => {
      const { perSecond, renderer } = await paintedPerSecond(page, server.url, surface, points);
      console.log(
        `painting ${surface.padEnd(5)} ${String(points).padStart(6)} points, trails of 12: ` +
          `${perSecond.toFixed(0)} frames/s (${renderer})`,
      );
    });
  }
}
await Deno.remove(camera);
