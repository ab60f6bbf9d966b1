import type { Page } from "playwright-core";
import { startBrowser } from "../lib/browser.ts";
import type { BrowserKind, Place, Tab } from "./tab.ts";

/** The Chromium that the tests bring; as a phone it has a finger. */
export function chromium(as: "desktop" | "phone"): BrowserKind {
  const hasTouch = as === "phone";
  const viewport = hasTouch ? { width: 390, height: 664 } : { width: 1280, height: 800 };
  return {
    name: hasTouch ? "Chromium as a phone" : "Chromium",
    missing: "apt-get install libnss3 libnspr4",
    async open() {
      const browser = await startBrowser();
      const page = await browser.newPage({
        permissions: ["camera"],
        viewport,
        hasTouch,
        isMobile: hasTouch,
      });
      return {
        version: browser.version().split(".")[0],
        hasTouch,
        tab: new ChromiumTab(page, hasTouch),
        close: () => browser.close(),
      };
    },
  };
}

class ChromiumTab implements Tab {
  constructor(readonly page: Page, readonly hasTouch: boolean) {}

  async goto(url: string) {
    await this.page.goto(url);
  }

  evaluate(expression: string) {
    return this.page.evaluate(expression);
  }

  click(selector: string) {
    return this.hasTouch ? this.page.tap(selector) : this.page.click(selector);
  }

  async drag(...places: Place[]) {
    if (this.hasTouch) return await this.#swipe(places);
    const { mouse } = this.page;
    await mouse.move(places[0].x, places[0].y);
    await mouse.down();
    for (const { x, y } of places.slice(1)) await mouse.move(x, y);
    await mouse.up();
  }

  async #swipe([from, ...further]: Place[]) {
    const client = await this.page.context().newCDPSession(this.page);
    const send = (type: "touchStart" | "touchMove" | "touchEnd", touchPoints: Place[]) =>
      client.send("Input.dispatchTouchEvent", { type, touchPoints });
    await send("touchStart", [from]);
    for (const place of further) await send("touchMove", [place]);
    await send("touchEnd", []);
  }

  screenshot() {
    return this.page.screenshot();
  }
}
