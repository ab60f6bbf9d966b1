import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { DESKTOP, inPage } from "../lib/page.ts";
import { followSample } from "../lib/stage.ts";

declare global {
  var hovers: ({ id: number; x: number; y: number } | null)[];
  var painted: number;
}

inPage(
  "the point under the pointer is told on every frame, and that none is",
  DESKTOP,
  async (page) => {
    await followSample(page);
    await page.evaluate(() => {
      globalThis.hovers = [];
      globalThis.painted = 0;
      document.addEventListener("lkstream:hover", ({ detail }) => {
        hovers.push(detail);
      });
      document.addEventListener("lkstream:painted", ({ detail: { ms } }) => {
        if (ms >= 0 && ms < 5000) globalThis.painted++;
      });
    });
    await page.waitForFunction(() => painted > 2);
    await page.waitForFunction(() => {
      const stage = document.querySelector("#touch")!;
      const { left, top, width, height } = stage.getBoundingClientRect();
      const scale = Math.min(width / 640, height / 480);
      const clientX = left + width / 2 + (points.xy[0] + 0.5 - 320) * scale;
      const clientY = top + height / 2 + (points.xy[1] + 0.5 - 240) * scale;
      stage.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, bubbles: true }));
      return hovers.filter((hover) => hover !== null).length > 3;
    });
    const found = await page.evaluate(() => hovers.filter((hover) => hover !== null));
    assert.ok(found.every(({ x, y }) => x >= 0 && x < 640 && y >= 0 && y < 480));
    await page.evaluate(() =>
      document.querySelector("#stage")!.dispatchEvent(new PointerEvent("pointerleave"))
    );
    await page.waitForFunction(() => hovers.at(-1) === null);
  },
);

/** The colours on the canvas, of pixels that are painted over and over. */
function colours(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>("#overlay")!;
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d")!;
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    const counts = new Map<string, number>();
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3] < 255) continue;
      const colour = data.subarray(i, i + 3).join();
      counts.set(colour, (counts.get(colour) ?? 0) + 1);
    }
    return [...counts].filter(([, count]) => count > 20).map(([colour]) => colour);
  });
}

inPage(
  "what is drawn, and in which colours, is chosen, and the legend tells it",
  DESKTOP,
  async (page) => {
    await followSample(page);
    await page.selectOption("#mode", "low-latency"); // points alone are on the canvas
    await page.getByRole("heading", { name: "Drawing" }).click();
    const shown = async (isRight: (colours: string[]) => boolean, what: string) => {
      const until = performance.now() + 10_000;
      while (!isRight(await colours(page))) {
        assert.ok(performance.now() < until, `${what}: ${await colours(page)}`);
      }
    };
    await shown((colours) => colours.length > 0, "points by age");
    await page.selectOption("#draw-colour", "id");
    await shown((colours) => colours.length > 15, "a colour for each id");
    assert.match((await page.textContent("#legend"))!, /Each id its own colour/);
    await page.selectOption("#draw-colour", "error");
    assert.match((await page.textContent("#legend"))!, /Error, grey levels\s*0\s*24\+/);
    await page.uncheck("#draw-points");
    await page.uncheck("#draw-lost");
    await page.fill("#draw-trail", "0");
    await shown((colours) => colours.length === 0, "nothing");
    assert.equal(await page.isHidden("#legend-lost"), true);
    await page.fill("#draw-arrows", "20");
    await shown((colours) => colours.length > 0, "arrows");
  },
);
