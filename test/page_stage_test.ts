import assert from "node:assert/strict";
import type {} from "../client/page/events.ts"; // the types of its events
import { DESKTOP, inPage, pointsAbove, server } from "./lib/page.ts";

interface Hover {
  id: number;
  x: number;
  y: number;
  /** Width of the frame that came with it. */
  frame: number | null;
}

inPage(
  "the point under the pointer is told on every frame, and that none is",
  DESKTOP,
  async (page) => {
    await page.goto(`${server.url}/?source=sample&autostart=1`);
    await page.evaluate(() => {
      const hovers: (Hover | null)[] = [];
      Object.assign(globalThis, { hovers, painted: 0 });
      document.addEventListener("lkstream:hover", (event) => {
        const { detail } = event as CustomEvent;
        hovers.push(detail && { ...detail, frame: detail.frame?.width ?? null });
      });
      document.addEventListener(
        "lkstream:tracks",
        ({ detail }) => Object.assign(globalThis, { last: detail.points }),
      );
      document.addEventListener("lkstream:painted", ({ detail }) => {
        if (detail.ms >= 0 && detail.ms < 5000) painted++;
      });
    });
    await pointsAbove(page, 20, 10_000);
    await page.waitForFunction(() => painted > 2);
    await page.waitForFunction(() => {
      const { left, top, width } = document.querySelector("#overlay")!.getBoundingClientRect();
      const scale = width / 640;
      const at = {
        clientX: left + (last.xy[0] + 0.5) * scale,
        clientY: top + (last.xy[1] + 0.5) * scale,
      };
      document.querySelector("#stage")!.dispatchEvent(
        new PointerEvent("pointermove", { ...at, bubbles: true }),
      );
      return hovers.filter((hover) => hover?.frame === 640).length > 3;
    });
    const found = await page.evaluate(() => hovers.filter((hover) => hover !== null));
    assert.ok(found.every(({ x, y }) => x >= 0 && x < 640 && y >= 0 && y < 480));
    await page.evaluate(() =>
      document.querySelector("#stage")!.dispatchEvent(new PointerEvent("pointerleave"))
    );
    await page.waitForFunction(() => hovers.at(-1) === null);
  },
);
declare const hovers: (Hover | null)[];
declare let painted: number;
declare const last: { xy: Float32Array };
