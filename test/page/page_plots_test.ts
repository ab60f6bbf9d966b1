import assert from "node:assert/strict";
import { DESKTOP, GOVERNOR_OFF, inPage, pointsAbove, server } from "../lib/page.ts";

declare global {
  /** Names of values that were written beside a plot, and where each began. */
  var written: { text: string; left: number }[];
}

inPage("plots name values of a second and more as a whole", DESKTOP, async (page) => {
  await page.addInitScript(() => {
    globalThis.written = [];
    const { fillText } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.fillText = function (text: string, x: number, y: number) {
      if (text.endsWith(" ms")) written.push({ text, left: x - this.measureText(text).width });
      fillText.call(this, text, x, y);
    };
    globalThis.WebSocket = class extends WebSocket { // answers take long
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        Object.defineProperty(this, "onmessage", {
          set: (receive) =>
            this.addEventListener("message", (event) => {
              setTimeout(receive, typeof event.data === "string" ? 0 : 1200, event);
            }),
        });
      }
    } as typeof WebSocket;
  });
  await page.goto(`${server.url}${GOVERNOR_OFF}&source=sample&autostart=1`);
  await pointsAbove(page, 20);
  await page.getByRole("heading", { name: "Where the time goes" }).click();
  await page.waitForFunction(() => written.some(({ text }) => /^\d{4,} ms$/.test(text)));
  const cut = await page.evaluate(() => written.filter(({ left }) => left < 0));
  assert.deepEqual(cut, []);
});
