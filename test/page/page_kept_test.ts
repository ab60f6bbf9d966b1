import assert from "node:assert/strict";
import {
  browser,
  DESKTOP,
  GOVERNOR_OFF,
  inPage,
  isLive,
  pointsAbove,
  server,
} from "../lib/page.ts";
import { endInTime } from "../lib/browser.ts";
import { freePort } from "../lib/free_port.ts";
import { start } from "../lib/running.ts";
import { followSample } from "../lib/stage.ts";

Deno.test("browser: the manifest names the page, and icons that are there", async () => {
  const manifest = await (await fetch(`${server.url}/manifest.webmanifest`)).json();
  assert.deepEqual([manifest.display, manifest.start_url], ["standalone", "/"]);
  for (const { src, type, sizes } of manifest.icons) {
    const response = await fetch(server.url + src);
    assert.equal(response.headers.get("content-type"), type);
    const bytes = new DataView(await response.arrayBuffer());
    if (type === "image/png") assert.equal(sizes, `${bytes.getUint32(16)}x${bytes.getUint32(20)}`);
  }
});

Deno.test("browser: a page that was kept says that the server is away, and waits for it", async () => {
  const port = freePort();
  let own = await start({ port });
  const page = endInTime(await browser.newPage(DESKTOP));
  try {
    await page.goto(`${own.url}/?source=sample`);
    await page.evaluate(() => navigator.serviceWorker.ready);
    await own.stop();
    await page.reload();
    await page.waitForSelector("#banner:not([hidden])");
    assert.match((await page.textContent("#banner"))!, /server is away/);
    await page.click("#start");
    await page.waitForSelector("#state[data-state=reconnecting]");
    own = await start({ port });
    await isLive(page);
  } finally {
    await page.close();
    await own.stop();
  }
});

inPage("the picture is shown on the full screen, and back", DESKTOP, async (page) => {
  await page.goto(`${server.url}${GOVERNOR_OFF}&source=sample&autostart=1`);
  await pointsAbove(page, 20);
  await isLive(page);
  await page.click("#full-screen");
  await page.waitForFunction(() => document.fullscreenElement?.id === "stage");
  const size = await page.evaluate(() => {
    const { clientWidth, clientHeight } = document.querySelector("#stage")!;
    return [clientWidth - innerWidth, clientHeight - innerHeight];
  });
  assert.deepEqual(size, [0, 0]);
  await page.click("#full-screen");
  await page.waitForFunction(() => document.fullscreenElement === null);
});

inPage("a recording is shared as far as the browser shares such files", DESKTOP, async (page) => {
  await page.addInitScript(() => {
    const isKnown = (data?: ShareData) =>
      data!.files!.every(({ name }) => /(webm|csv)$/.test(name));
    navigator.canShare = isKnown;
    navigator.share = (data) => {
      Object.assign(globalThis, { shared: data!.files!.map(({ name }) => name) });
      return Promise.resolve();
    };
  });
  await followSample(page);
  await page.getByRole("heading", { name: "Record" }).click();
  assert.equal(await page.isVisible("#share"), false);
  await page.click("#record");
  await page.waitForFunction(() =>
    parseInt(document.querySelector("#record-status")!.textContent!) >= 6
  );
  await page.click("#record");
  await page.waitForSelector("#record-files a[download$='.csv']");
  await page.click("#share");
  const shared = await page.evaluate(() => (globalThis as unknown as { shared: string[] }).shared);
  assert.deepEqual(shared.map((name) => name.split(".").at(-1)), ["webm", "csv"]);
});
