import puppeteer, { type Page } from "puppeteer-core";
import { type BrowserKind, findProgram, type Place, type Tab } from "./tab.ts";

/** A camera that nobody has to allow. */
const PREFERENCES = {
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
};

/** Firefox by WebDriver BiDi. */
export const firefox: BrowserKind = {
  name: "Firefox",
  missing: "apt-get install firefox-esr, or set FIREFOX to the program",
  async open() {
    const executablePath = findProgram("FIREFOX", ["/usr/bin/firefox-esr", "/usr/bin/firefox"]);
    if (!executablePath) return undefined;
    const browser = await puppeteer.launch({
      browser: "firefox",
      executablePath,
      extraPrefsFirefox: PREFERENCES,
      defaultViewport: { width: 1280, height: 800 },
    });
    return {
      version: (await browser.version()).replace(/^firefox\//, "").split(".")[0],
      hasTouch: false,
      tab: new FirefoxTab(await browser.newPage()),
      close: () => browser.close(),
    };
  },
};

class FirefoxTab implements Tab {
  constructor(readonly page: Page) {}

  async goto(url: string) {
    await this.page.goto(url);
  }

  evaluate(expression: string) {
    return this.page.evaluate(expression);
  }

  click(selector: string) {
    return this.page.click(selector);
  }

  async drag(...places: Place[]) {
    const { mouse } = this.page;
    await mouse.move(places[0].x, places[0].y);
    await mouse.down();
    for (const { x, y } of places.slice(1)) await mouse.move(x, y);
    await mouse.up();
  }

  screenshot() {
    return this.page.screenshot();
  }
}
