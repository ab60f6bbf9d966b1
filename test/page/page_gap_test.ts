/** What is seen of a server that is replaced while the page films. */
import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import type { Page } from "playwright-core";
import { serve } from "../../server/http/server.ts";
import { DEFAULT_LIMITS } from "../../server/limits.ts";
import { openPage, screenshotPath } from "../lib/browser.ts";
import {
  browser,
  DESKTOP,
  GOVERNOR_OFF,
  isLive,
  pointsAbove,
  type Seen,
  seenSoFar,
  seenTracks,
  watchPage,
} from "../lib/page.ts";
import { type Script, ScriptedEngine } from "../lib/scripted.ts";

/** A gap of less is not told of. */
const UNNOTICED_MS = 500;

/** What the engine finds in every frame of the sample: corners that stay. */
const SAMPLE: Script = {
  width: 640,
  height: 480,
  corners: Array.from({ length: 120 }, (_, i) => [40 + i % 12 * 50, 40 + Math.floor(i / 12) * 42]),
};

declare global {
  /** What state and banner said, in the page. */
  var said: string[];
}

/** One port before several servers, one at a time. */
class Front implements AsyncDisposable {
  readonly #open = new Set<Socket>();
  readonly #listener = createServer((client) => {
    const server = connect(this.#port, "127.0.0.1");
    for (const [from, to] of [[client, server], [server, client]]) {
      this.#open.add(from);
      from.on("data", (data) => to.write(data));
      from.on("error", () => {});
      from.on("close", () => {
        this.#open.delete(from);
        to.destroy();
      });
    }
  });
  #port = 0;

  /** @returns where it listens */
  async listen(): Promise<string> {
    await new Promise<void>((listening) => this.#listener.listen(0, "127.0.0.1", listening));
    return `http://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`;
  }

  /** Who connects from now on comes to this server. */
  leadTo(url: string): void {
    this.#port = Number(new URL(url).port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise((closed) => this.#listener.close(closed));
  }
}

/** Collects, in the page, all that state and banner say. */
async function listen(page: Page): Promise<void> {
  await page.evaluate(() => {
    const said: string[] = [];
    Object.assign(globalThis, { said });
    for (const id of ["state", "banner"]) {
      const element = document.getElementById(id)!;
      const note = () => element.hidden || said.push(element.textContent!.trim());
      const options = { childList: true, characterData: true, subtree: true, attributes: true };
      new MutationObserver(note).observe(element, options);
    }
  });
}

/** Begins or ends a recording of tracks alone. */
async function record(page: Page): Promise<void> {
  await page.evaluate(() => {
    document.querySelector<HTMLInputElement>("#record-video")!.checked = false;
    document.querySelector<HTMLButtonElement>("#record")!.click();
  });
}

/** The rows of the recording that has ended. */
async function recordedRows(page: Page): Promise<string[]> {
  const csv = await page.waitForSelector('#record-files a[download$=".csv"]', {
    state: "attached",
  });
  const coming = page.waitForEvent("download");
  await csv.evaluate((link) => (link as HTMLAnchorElement).click());
  const csvText = await text(await (await coming).createReadStream());
  return csvText.trimEnd().split("\n").slice(1);
}

/** The ids of the first result that are in the last one, as a share of those that never ended. */
function keptShare(seen: Seen[]): number {
  const ended = new Set(seen.flatMap(({ lost }) => lost.ids)), last = new Set(seen.at(-1)!.ids);
  const stayed = seen[0].ids.filter((id) => !ended.has(id));
  return stayed.filter((id) => last.has(id)).length / stayed.length;
}

Deno.test("browser: a server that is replaced in a moment is not missed: points and recording go on", async () => {
  // the points of a gap come within it only from an engine that keeps up, which opencv.js may not
  const engine = new ScriptedEngine(() => new Array<Script>(10_000).fill(SAMPLE));
  const begin = () =>
    serve({
      host: "127.0.0.1",
      port: 0,
      engine,
      limits: DEFAULT_LIMITS,
      token: null,
      allowOrigins: [],
      log: () => {},
    });
  const [first, second] = await Promise.all([begin(), begin()]);
  await using front = new Front();
  const url = await front.listen();
  front.leadTo(first.url);
  const page = await openPage(browser, DESKTOP);
  try {
    await watchPage(page);
    await page.goto(`${url}${GOVERNOR_OFF}&source=sample&autostart=1`);
    await isLive(page);
    await pointsAbove(page, 50);
    const before = await seenSoFar(page);
    await listen(page);
    await record(page);
    await seenTracks(page, 5, before);
    front.leadTo(second.url);
    await first.close();
    await page.waitForFunction(() => said.some((text) => text.startsWith("Reconnected")));
    await page.screenshot({ path: await screenshotPath("reconnected") });
    await seenTracks(page, 10, await seenSoFar(page));
    await record(page);
    const seen = await page.evaluate((before) => globalThis.seen.slice(before), before);
    assert.deepEqual(seen.filter(({ reset }) => reset), []);
    assert.ok(seen[0].ids.length > 50);
    assert.equal(keptShare(seen), 1);
    const rows = await recordedRows(page);
    assert.deepEqual(rows.filter((row) => row.endsWith(",reset")), []);
    assert.ok(new Set(rows.map((row) => row.split(",")[0])).size > 15, "frames of both servers");
    const texts = await page.evaluate(() => said);
    const told = texts.filter((text) => /Reconnecting|Connecting/.test(text));
    if (seen.some(({ at }, i) => i > 0 && at - seen[i - 1].at > UNNOTICED_MS)) {
      console.log("This machine is so slow that the page may say that it reconnects");
    } else assert.deepEqual(told, []);
    assert.ok(texts.some((text) => /^Reconnected: \d+ points live on$/.test(text)), `${texts}`);
  } finally {
    await page.close();
    await Promise.all([first.close(), second.close()]);
    await engine.close();
  }
});
