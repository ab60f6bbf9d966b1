import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import {
  DESKTOP,
  GOVERNOR_OFF,
  inPage,
  isLive,
  seenSoFar,
  seenTracks,
  server,
} from "../lib/page.ts";
import { announced } from "../lib/stage.ts";

declare global {
  /** Cameras that are not there, in the page. */
  var cameras: {
    /** Those that are plugged in, by their names; each id is the name after a #. */
    plugged: string[];
    /** The names of those that were opened, and what each was asked for. */
    opened: string[];
    /** What was set of them since. */
    set: unknown[];
    track: MediaStreamTrack | undefined;
    /** Plugs these in, and no others. */
    plug(...names: string[]): void;
  };
}

/** Puts {@linkcode cameras} into the page, before its scripts run: two of them, with light and zoom. */
function installCameras(): void {
  const devices = navigator.mediaDevices;
  const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
  const context = canvas.getContext("2d")!;
  setInterval(() => {
    for (let i = 0; i < 40; i++) {
      context.fillStyle = `hsl(${i * 77} 60% ${30 + i % 5 * 12}%)`;
      context.fillRect(i % 8 * 40 + performance.now() / 100 % 8, Math.floor(i / 8) * 48, 30, 36);
    }
  }, 33);
  const cameras: typeof globalThis.cameras = {
    plugged: ["Front", "Back"],
    opened: [],
    set: [],
    track: undefined,
    plug(...names) {
      cameras.plugged = names;
      devices.dispatchEvent(new Event("devicechange"));
    },
  };
  globalThis.cameras = cameras;
  devices.enumerateDevices = () =>
    Promise.resolve(cameras.plugged.map((label) => ({
      kind: "videoinput",
      deviceId: `#${label}`,
      label,
      groupId: "",
      toJSON: () => "",
    })));
  devices.getUserMedia = (wish) => {
    const { deviceId } = wish!.video as { deviceId?: { exact: string } };
    const name = deviceId?.exact.slice(1) ?? cameras.plugged[0];
    cameras.opened.push(name);
    const stream = canvas.captureStream(30);
    const [track] = stream.getVideoTracks();
    cameras.track = track;
    Object.defineProperty(track, "label", { value: name });
    track.getSettings = () => ({ deviceId: `#${name}`, frameRate: 30 });
    track.getCapabilities = () =>
      name === "Back" ? { torch: true, zoom: { min: 1, max: 4, step: 0.5 } } as object : {};
    track.applyConstraints = (wish) => {
      cameras.set.push(wish?.advanced?.[0]);
      return Promise.resolve();
    };
    return Promise.resolve(stream);
  };
}

async function goLive(page: Page): Promise<void> {
  await page.addInitScript(installCameras);
  await page.goto(server.url + GOVERNOR_OFF);
  await page.click("#start");
  await isLive(page);
}

/** Waits for results that come from now on. */
async function goesOn(page: Page): Promise<void> {
  await seenTracks(page, 3, await seenSoFar(page));
}

inPage("cameras have names, and are switched while live", DESKTOP, async (page) => {
  await goLive(page);
  const names = page.locator("#source optgroup option");
  assert.deepEqual(await names.allTextContents(), ["Front", "Back"]);
  await page.selectOption("#source", { label: "Back" });
  await page.waitForFunction(() => cameras.opened.length === 2);
  await isLive(page);
  await goesOn(page);
  assert.deepEqual(await page.evaluate(() => cameras.opened), ["Front", "Back"]);
});

inPage("a camera that was unplugged goes on once it is back", DESKTOP, async (page) => {
  await goLive(page);
  await page.selectOption("#source", { label: "Back" });
  await page.waitForFunction(() => cameras.opened.length === 2);
  await isLive(page);
  await page.evaluate(() => {
    cameras.plug("Front");
    cameras.track!.stop();
    cameras.track!.dispatchEvent(new Event("ended"));
  });
  await page.waitForSelector("#state[data-state=error]");
  assert.match(
    (await page.textContent("#notice-text"))!,
    /“Back” was unplugged.*goes on by itself/,
  );
  assert.equal(await page.textContent("#source option:checked"), "Back (unplugged)");
  await page.evaluate(() => cameras.plug("Front", "Back"));
  await isLive(page);
  await goesOn(page);
  assert.equal(await page.evaluate(() => cameras.opened.at(-1)), "Back");
});

inPage("light and zoom are offered where the camera has them", DESKTOP, async (page) => {
  await goLive(page);
  assert.equal(await page.isVisible("#light") || await page.isVisible("#zoom"), false);
  await page.selectOption("#source", { label: "Back" });
  await page.click("#light");
  await page.waitForSelector("#light[aria-pressed=true]");
  await page.fill("#zoom", "2.5");
  await page.click("#light");
  await page.waitForSelector("#light[aria-pressed=false]");
  const set = await page.evaluate(() => cameras.set);
  assert.deepEqual(set, [{ torch: true }, { zoom: 2.5 }, { torch: false }]);
});

/** Hides the page for so long, as it is told by the browser, or shows it. */
function hide(page: Page, hidden: boolean, seconds = 0): Promise<void> {
  return page.evaluate(([hidden, seconds]) => {
    const now = Date.now() + 1000 * seconds;
    Date.now = () => now; // it stands still: so long it was, however busy the machine is
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, [hidden, seconds] as const);
}

inPage("who comes back to the page is told that it saw nothing", DESKTOP, async (page) => {
  await goLive(page);
  await hide(page, true);
  await hide(page, false, 60);
  await announced(page, /background for 60 s.*goes on/);
  await goesOn(page);
});

inPage(
  "a camera that the system took from a hidden page is opened again",
  DESKTOP,
  async (page) => {
    await goLive(page);
    await hide(page, true);
    await page.evaluate(() => cameras.track!.dispatchEvent(new Event("ended")));
    await page.waitForSelector("#state[data-state=error]");
    await hide(page, false, 60);
    await isLive(page);
    await goesOn(page);
  },
);

inPage("the screen stays on while the page is live, and no longer", DESKTOP, async (page) => {
  await page.addInitScript(() => {
    const locks = { taken: 0, released: 0 };
    Object.assign(globalThis, { locks });
    navigator.wakeLock.request = () => {
      locks.taken++;
      return Promise.resolve(
        { release: () => void locks.released++ } as unknown as WakeLockSentinel,
      );
    };
  });
  const locks = () =>
    page.evaluate(() => (globalThis as unknown as { locks: Record<string, number> }).locks);
  await goLive(page);
  assert.deepEqual(await locks(), { taken: 1, released: 0 });
  await hide(page, true); // when the browser ends it
  await hide(page, false);
  assert.deepEqual(await locks(), { taken: 2, released: 0 });
  await page.click("#stop");
  assert.deepEqual(await locks(), { taken: 2, released: 1 });
});
