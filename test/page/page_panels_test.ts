import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type { Tracks } from "../../protocol/mod.ts";
import { screenshotPath } from "../lib/browser.ts";
import { DESKTOP, inPage, isLive, pointsAbove, seenTracks, server } from "../lib/page.ts";

const LIVE = "/?source=sample&autostart=1";

/** Opens the page on the sample, and waits until it is live; no governor, which a loaded machine would set to work. */
async function openLive(page: Page, fragment = ""): Promise<void> {
  await page.goto(`${server.url}${LIVE}&governor=off${fragment}`);
  await isLive(page);
  await pointsAbove(page, 20);
}

/** Waits for the next results of which `test` holds. */
async function nextTracks(page: Page, test: (tracks: Tracks) => boolean): Promise<void> {
  await page.evaluate(
    (source) =>
      new Promise<void>((done) => {
        const test = new Function(`return ${source}`)() as (tracks: Tracks) => boolean;
        document.addEventListener("lkstream:tracks", function check({ detail }: CustomEvent) {
          if (!test(detail)) return;
          document.removeEventListener("lkstream:tracks", check as EventListener);
          done();
        } as EventListener);
      }),
    test.toString(),
  );
}

/** Waits until this share of a canvas's pixels is not grey. */
async function becomesColoured(page: Page, canvas: string, share: number): Promise<void> {
  await page.waitForFunction(([canvas, share]) => {
    const element = document.querySelector<HTMLCanvasElement>(canvas)!;
    const { width, height } = element;
    const { data } = element.getContext("2d")!.getImageData(0, 0, width, height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) {
      const rgb = data.subarray(i, i + 3);
      if (data[i + 3] > 0 && Math.max(...rgb) - Math.min(...rgb) > 50) count++;
    }
    return count > share * width * height;
  }, [canvas, share] as const);
}

/** What the page shows of a point that is seen from near. */
interface Near {
  /** Its err, as the page computes it, and as the server told it. */
  here: number;
  told: number;
  /** The grey levels of its window before and now. */
  windows: number[][];
  checks: number;
}

/**
 * Looks at whichever point moves furthest, and at another when that is lost or slow, until one is
 * seen that moves by 2 px or more.
 */
function seeMovingPoint(page: Page): Promise<Near> {
  return page.evaluate(() =>
    new Promise((done) => {
      const find = (selector: string) => document.querySelector(selector)!;
      const greys = (selector: string) => {
        const canvas = find(selector) as HTMLCanvasElement;
        const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
        return Array.from(data.filter((_, i) => i % 4 === 0));
      };
      let looksAt: number | undefined;
      let before = "";
      document.addEventListener("lkstream:tracks", function check(event) {
        const { id, dxy, error } = (event as CustomEvent<Tracks>).detail.points;
        const moved = (i: number) => Math.hypot(dxy[2 * i], dxy[2 * i + 1]);
        const text = find("#err-here").textContent!;
        const i = looksAt === undefined ? -1 : id.indexOf(looksAt);
        if (i < 0 || moved(i) < 2) {
          const furthest = [...id.keys()].reduce((a, b) => moved(b) > moved(a) ? b : a, 0);
          looksAt = id[furthest];
          before = text;
          const detail = { id: looksAt };
          document.dispatchEvent(new CustomEvent("lkstream:hover", { detail }));
          return;
        }
        const here = /: ([\d.]+) grey/.exec(text);
        const isShown = find("#inspected").textContent!.startsWith(`Point ${looksAt},`);
        if (!isShown || !here || text === before) return;
        document.removeEventListener("lkstream:tracks", check);
        done({
          here: Number(here[1]),
          told: error[i],
          windows: ["#window-then", "#window-now"].map(greys),
          checks: document.querySelectorAll("#checks tr").length,
        });
      });
    })
  );
}

const text = (page: Page, selector: string) =>
  page.textContent(selector).then((text) => text ?? "");

inPage("a link's options are in force from the first frame, what is wrong is told", {
  ...DESKTOP,
  permissions: ["clipboard-read", "clipboard-write"],
}, async (page) => {
  const link = "#detect.maxCorners=40&flow.winSize=16x15";
  await page.goto(`${server.url}/?token=s3cret&source=sample${link}&flow.maxLevel=99&speed=1`);
  await page.waitForSelector("#link-problems:not([hidden])");
  const problems = await page.locator("#link-problems p").allTextContents();
  assert.equal(problems.length, 2);
  assert.match(problems[0], /^Cannot set flow\.maxLevel to 99: allowed are/);
  assert.match(problems[1], /^Cannot set speed/);
  const window = page.locator("#option-flow-winSize"); // its steps are whole pixels, even or odd
  assert.ok(await window.evaluate((input: HTMLInputElement) => input.checkValidity()));
  await page.click("#start");
  const [first] = await seenTracks(page, 1);
  assert.ok(first.ids.length > 10 && first.ids.length <= 40, `${first.ids.length} points`);
  await page.click("#copy-link");
  await page.waitForFunction(() => document.querySelector("#link-copied")!.textContent);
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(copied, `${server.url}/${link}`);
});

inPage("a source that is none is told, and no camera is opened", DESKTOP, async (page) => {
  await page.goto(`${server.url}/?source=foo&autostart=1`);
  await page.waitForSelector("#link-problems:not([hidden])");
  assert.equal(
    await text(page, "#link-problems"),
    "Cannot set source to “foo”: allowed are camera, sample",
  );
  assert.equal(await page.inputValue("#source"), "camera");
  assert.equal(await page.getAttribute("#state", "data-state"), "idle"); // it starts before it has loaded
});

inPage("where nothing may be copied, the link is shown", DESKTOP, async (page) => {
  await page.addInitScript(() => {
    Object.defineProperty(navigator, "clipboard", { value: undefined });
  });
  await page.goto(`${server.url}/#detect.maxCorners=40`);
  await page.click("#options > summary");
  await page.click("#copy-link");
  assert.equal(await page.inputValue("#link"), `${server.url}/#detect.maxCorners=40`);
});

inPage("a preset changes the options of the running session", DESKTOP, async (page) => {
  await openLive(page);
  await page.click("#options > summary");
  const preset = page.getByRole("button", { name: "OpenCV tutorial" });
  await preset.click();
  await page.waitForSelector("#presets [aria-pressed=true]:text('OpenCV tutorial')");
  assert.equal(await page.inputValue("#option-detect-qualityLevel"), "0.3");
  await nextTracks(page, ({ points }) => points.fb.length > 0 && points.fb.every(Number.isNaN));
  await page.reload(); // the address keeps them
  await isLive(page);
  assert.equal(await page.inputValue("#option-flow-maxCount"), "10");
  await page.click("#options > summary");
  await page.getByRole("button", { name: "Default" }).click();
  await page.waitForFunction(() => location.hash === "");
});

inPage("options are in force where the address cannot follow", DESKTOP, async (page) => {
  await page.addInitScript(() => {
    history.replaceState = () => {
      throw new DOMException("More than 100 in 30 seconds", "SecurityError"); // as Safari does
    };
  });
  await openLive(page);
  await page.click("#options > summary");
  await page.getByRole("button", { name: "OpenCV tutorial" }).click();
  await nextTracks(page, ({ points }) => points.fb.length > 0 && points.fb.every(Number.isNaN));
});

inPage("the thresholds act at once, by keyboard too", DESKTOP, async (page) => {
  await openLive(page);
  await page.click("#understand > summary");
  const slider = page.getByRole("slider", { name: "err: lose points above" });
  assert.equal(await slider.getAttribute("aria-valuetext"), "off");
  await slider.focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("PageUp"); // by a tenth of the range
  const [at, end] = [await slider.inputValue(), await slider.getAttribute("max")];
  assert.equal(Number(at), Number(end) / 10);
  for (let i = 0; i < 10; i++) await page.keyboard.press("ArrowRight");
  const limit = parseFloat((await slider.getAttribute("aria-valuetext"))!);
  assert.ok(limit > 0 && limit < 2, `${limit} grey levels`);
  await nextTracks(page, ({ lost }) => lost.reason.includes(3));
  await nextTracks(page, ({ points }) => points.error.every((error) => error < 2));
  const { width, height } = (await slider.boundingBox())!;
  await slider.click({ position: { x: width / 2, y: height / 2 } });
  assert.match((await slider.getAttribute("aria-valuetext"))!, /^3[0-4](\.\d)? grey levels$/);
  await page.getByRole("switch", { name: "err: lose points above the threshold" }).uncheck();
  await page.waitForFunction(() => !location.hash.includes("maxError"));
  await nextTracks(page, ({ points }) => points.error.some((error) => error > 2));
  const bars = page.getByRole("img", { name: /^err of \d+ points: median [\d.]+ grey levels/ });
  assert.equal(await bars.count(), 1);
});

inPage(
  "a point is seen from near: its windows, its checks, and why it is lost",
  DESKTOP,
  async (page) => {
    // The sample's time goes on by 0.1 s more at each result, so that points move by some
    // pixels from one to the next on every machine.
    await page.addInitScript(() => {
      const { requestAnimationFrame } = globalThis;
      let ahead = 0;
      globalThis.requestAnimationFrame = (callback) =>
        requestAnimationFrame((now) => callback(now + ahead));
      document.addEventListener("lkstream:tracks", () => ahead += 100);
    });
    await openLive(page, "#detect.maxCorners=60");
    await page.click("#understand > summary");
    const title = () => text(page, "#inspected");
    await page.waitForFunction(() =>
      /^Point \d/.test(document.querySelector("#inspected")!.textContent!)
    );
    const before = await title();
    await page.click("#next-point");
    await page.waitForFunction(
      (before) => !document.querySelector("#inspected")!.textContent!.startsWith(before),
      `${before.split(",")[0]},`,
    );
    const { here, told, windows, checks } = await seeMovingPoint(page);
    // The server's windows have been JPEG; wrong windows would differ by tens of grey levels.
    assert.ok(Math.abs(here - told) < 4, `${here} here, ${told} told`);
    for (const grey of windows) {
      assert.equal(grey.length, 21 * 21);
      assert.ok(Math.max(...grey) - Math.min(...grey) > 20, "a corner has contrast");
    }
    assert.equal(checks, 6);
    await (await page.$("#understand"))!.screenshot({
      path: await screenshotPath("understand-1280"),
    });
    const slider = page.getByRole("slider", { name: "err: lose points above" });
    await slider.focus();
    await page.keyboard.press("Home");
    await page.waitForFunction(() => {
      const verdict = document.querySelector("#verdict")!.textContent!;
      if (verdict.startsWith("Lost")) document.querySelector<HTMLElement>("#next-point")!.click();
      return verdict === "Lost: high error."; // another one may have been lost otherwise
    });
  },
);

inPage("the point under the pointer is the one that is seen from near", DESKTOP, async (page) => {
  await openLive(page);
  await page.click("#understand > summary");
  await page.evaluate(() => {
    document.addEventListener("lkstream:hover", (event) => {
      const { detail } = event as CustomEvent<{ id: number } | null>;
      document.body.dataset.hovered = `${detail?.id ?? ""}`;
    });
  });
  const { x, y, width, height } = (await page.locator("#overlay").boundingBox())!;
  let off: number | null = null;
  for (let i = 1; off === null; i++) {
    assert.ok(i < 200, "no point is under the pointer anywhere");
    await page.mouse.move(x + width * (i % 40) / 40, y + height * (0.3 + i % 5 / 10));
    if (!await page.getAttribute("body", "data-hovered")) continue;
    await page.waitForFunction(() => { // the panel shows it, unless it is gone
      const id = document.body.dataset.hovered;
      return !id || document.querySelector("#inspected")!.textContent!.startsWith(`Point ${id},`);
    });
    off = await ringOff(page);
  }
  assert.ok(off < 1, `the ring is ${off} px off the point`);
  await page.click("#understand > summary");
  await page.waitForSelector(".point-mark", { state: "hidden" });
});

/** How far the ring is from the hovered point, in CSS pixels; null where there is none, or not in the panel. */
function ringOff(page: Page): Promise<number | null> {
  return page.evaluate(() =>
    new Promise<number | null>((done) => {
      document.addEventListener("lkstream:tracks", (event) => {
        const { points, width, height } = (event as CustomEvent<Tracks>).detail;
        const id = document.body.dataset.hovered;
        const i = points.id.indexOf(Number(id));
        const title = document.querySelector("#inspected")!.textContent!;
        if (i < 0 || !title.startsWith(`Point ${id},`)) return done(null);
        const ring = document.querySelector(".point-mark")!.getBoundingClientRect();
        const stage = document.querySelector("#overlay")!.getBoundingClientRect();
        // The frame is as large as it fits, in the middle.
        const scale = Math.min(stage.width / width, stage.height / height);
        const right = (points.xy[2 * i] + 0.5 - width / 2) * scale;
        const down = (points.xy[2 * i + 1] + 0.5 - height / 2) * scale;
        done(Math.hypot(
          stage.x + stage.width / 2 + right - (ring.x + ring.width / 2),
          stage.y + stage.height / 2 + down - (ring.y + ring.height / 2),
        ));
      }, { once: true });
    })
  );
}

inPage("each stage of the latency is told and plotted", DESKTOP, async (page) => {
  await openLive(page);
  await page.click("#time > summary");
  await page.waitForFunction(() => document.querySelector("#time-total")!.textContent !== "–");
  const { stages, total } = await page.evaluate(() => ({ // at once: they go on changing
    stages: Array.from(
      document.querySelectorAll("#stages tr"),
      (row) => [...row.children].map((cell) => cell.textContent!),
    ),
    total: parseFloat(document.querySelector("#time-total")!.textContent!),
  }));
  assert.deepEqual(
    stages.map(([name]) => name),
    "capture encode uplink queue decode track detect other downlink draw".split(" "),
  );
  const ms = stages.map(([, mean]) => parseFloat(mean));
  for (const name of ["encode", "decode", "track", "draw"]) {
    const at = stages.findIndex(([stage]) => stage === name);
    assert.ok(ms[at] > 0, `${name} takes ${ms[at]} ms`);
  }
  const sum = ms.reduce((sum, each) => sum + each);
  assert.ok(Math.abs(sum - total) <= 0.05 * ms.length + 0.05, `${sum} ms are not ${total} ms`);
  await becomesColoured(page, "#time-plot", 0.01);
});

inPage("bytes a second and the median flow are told", DESKTOP, async (page) => {
  await openLive(page);
  await page.click("#flow > summary");
  await page.waitForFunction(() =>
    /\d kB\/s/.test(document.querySelector("#bytes-up")!.textContent!)
  );
  assert.match(await text(page, "#bytes-down"), /^[\d,]+ kB\/s$/);
  await page.waitForFunction(() =>
    /px (left|right)/.test(document.querySelector("#flow-text")!.textContent!)
  );
  const arrow = await page.getAttribute("#flow-arrow g", "transform");
  assert.match(arrow!, /^rotate\(-?[\d.]+\) scale\((0\.0*[1-9]|1)/);
  await becomesColoured(page, "#flow-plot", 0.001);
});

inPage(
  "under a target that is too low the governor lowers what is sent, and lets go when switched off",
  DESKTOP,
  async (page) => {
    await page.goto(`${server.url}${LIVE}`);
    await isLive(page);
    await page.click("#governor > summary");
    const quality = () => text(page, "#governor-quality");
    const target = page.getByLabel("Target");
    await target.fill("0");
    await target.press("Enter");
    assert.match(
      await text(page, "#governor-error"),
      /^Cannot set the target to “0”: allowed are 1 to/,
    );
    await target.fill("1");
    await target.press("Enter");
    assert.equal(await text(page, "#governor-error"), "");
    await page.waitForFunction(() => {
      return /^Lowered the/.test(document.querySelector("#governor-reason")!.textContent!);
    });
    assert.notEqual(await quality(), "80 %");
    await page.getByRole("switch", { name: "On" }).uncheck();
    assert.equal(await quality(), "80 %");
    assert.equal(await text(page, "#governor-reason"), "The governor is switched off.");
    await page.click("#stop");
    assert.equal(await quality(), "–");
  },
);

inPage(
  "the governor stays below a limit that is changed, and is switched off whatever its target reads",
  DESKTOP,
  async (page) => {
    await page.goto(`${server.url}${LIVE}`);
    await isLive(page);
    await page.click("#governor > summary");
    await page.selectOption("#rate", { label: "10 / s" });
    assert.equal(await text(page, "#governor-rate"), "10 / s");
    await page.fill("#governor-target", "");
    await page.getByRole("switch", { name: "On" }).uncheck();
    assert.equal(await text(page, "#governor-rate"), "10 / s");
    await page.waitForFunction(() =>
      /switched off/.test(document.querySelector("#governor-reason")!.textContent!)
    );
  },
);

inPage("the address can begin with the governor off", DESKTOP, async (page) => {
  await page.goto(`${server.url}${LIVE}&governor=off`);
  await isLive(page);
  await page.click("#governor > summary");
  assert.equal(await page.getByRole("switch", { name: "On" }).isChecked(), false);
  await page.waitForFunction(() => {
    return document.querySelector("#governor-reason")!.textContent ===
      "The governor is switched off.";
  });
});
