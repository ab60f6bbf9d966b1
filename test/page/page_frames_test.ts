import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { LOST_REASONS } from "../../protocol/mod.ts";
import { installCoded } from "../lib/coded_camera.ts";
import {
  DESKTOP,
  GOVERNOR_OFF,
  inPage,
  isLive,
  pointsAbove,
  seenSoFar,
  seenTracks,
  server,
} from "../lib/page.ts";

interface Drawn {
  /** Number of the frame whose tracks were let through. */
  sent: number;
  /** Number on the overlay. */
  overlay: number;
  /** Number that the camera shows meanwhile. */
  live: number;
  /** Share of the points at whose place the overlay has a dot. */
  dotted: number;
}

/** Lets one result through, and looks at what becomes of it on the overlay. */
function drawNext(page: Page): Promise<Drawn> {
  return page.evaluate(async () => {
    const repainted = () => new Promise(requestAnimationFrame);
    while (coded.held.length === 0) await repainted();
    const { seq, xy, release } = coded.held.shift()!;
    const sent = (await coded.sent.get(seq))!;
    release();
    const until = performance.now() + 30_000;
    while (coded.numberOf(coded.drawn(), 640, 480) !== sent && performance.now() < until) {
      await repainted();
    }
    for (let i = 0; i < 3; i++) await repainted(); // it must stay so
    const drawn = coded.drawn();
    const video = document.querySelector("video")!;
    return {
      sent,
      overlay: coded.numberOf(drawn, 640, 480),
      live: coded.numberOf(video, 640, 480),
      dotted: coded.dotted(drawn, xy),
    };
  });
}

/** Has WebGL call its renderer so: the stage paints on a graphics card by WebGL, else on a 2D canvas. */
async function nameRenderer(page: Page, name: string): Promise<void> {
  await page.route("**/stage-worker.js", async (route) => {
    const named = `WebGL2RenderingContext.prototype.getParameter = () => "${name}";`;
    const body = named + await (await route.fetch()).text();
    await route.fulfill({ body, contentType: "text/javascript" });
  });
}

for (const renderer of ["graphics card", "software"]) {
  inPage(
    `each result is drawn with the frame it belongs to, on a ${renderer}`,
    { ...DESKTOP, reducedMotion: "reduce" },
    async (page) => {
      await nameRenderer(page, renderer);
      await page.addInitScript(installCoded);
      await page.goto(server.url + GOVERNOR_OFF);
      await page.evaluate(() => coded.holds = true);
      await page.click("#start");
      const drawn: Drawn[] = [];
      while (drawn.length < 5) drawn.push(await drawNext(page));
      for (const { sent, overlay, dotted } of drawn) {
        assert.equal(overlay, sent);
        assert.ok(dotted > 0.9, `${dotted} of the points have a dot at their place`);
      }
      assert.equal(new Set(drawn.map(({ sent }) => sent)).size, 5);
      // or the live picture would do as well
      assert.ok(drawn.every(({ live, sent }) => live !== sent), JSON.stringify(drawn));
    },
  );
}

inPage(
  "a result that no other follows is drawn whole: its new points grow",
  DESKTOP,
  async (page) => {
    await page.addInitScript(installCoded);
    await page.goto(server.url + GOVERNOR_OFF);
    await page.evaluate(() => coded.holds = true);
    await page.click("#start");
    await page.waitForFunction(() => coded.held.length > 0);
    await page.evaluate(() => coded.held[0].release());
    await page.waitForFunction(() => coded.dotted(coded.drawn(), coded.held[0].xy) > 0.9);
  },
);

inPage(
  "a turned camera is drawn as it was sent: with its sides, whole",
  DESKTOP,
  async (page) => {
    await page.addInitScript(installCoded);
    await page.goto(server.url + GOVERNOR_OFF);
    await page.click("#start");
    for (const [width, height] of [[640, 480], [480, 640], [640, 480]]) {
      await page.waitForFunction(
        (size) => seen.at(-1)?.size.join() === size,
        `${width},${height}`,
      );
      await page.waitForFunction(([width, height]) => {
        const drawn = coded.drawn();
        const isWhole = Math.abs(drawn.width / drawn.height - width / height) < 0.01;
        return isWhole && coded.numberOf(drawn, width, height) > 0;
      }, [width, height]);
      await page.evaluate(() => coded.turn());
    }
  },
);

inPage(
  "another source begins anew, and no result of the one before is shown",
  DESKTOP,
  async (page) => {
    await page.addInitScript(installCoded);
    await page.goto(`${server.url}${GOVERNOR_OFF}&source=sample&autostart=1`);
    await isLive(page);
    await pointsAbove(page, 20);
    await page.evaluate(() => Object.assign(coded, { holds: true, asks: true }));
    await page.waitForFunction(() => coded.held.length === 2);
    await page.selectOption("#source", "camera");
    await page.waitForSelector("#state[data-state=connecting]");
    const before = await seenSoFar(page);
    const old = await page.evaluate(async () => {
      const ids = coded.held.at(-1)!.ids;
      for (const { release } of coded.held.splice(0)) release();
      coded.holds = false;
      for (let i = 0; i < 5; i++) await new Promise(requestAnimationFrame);
      return ids;
    });
    assert.equal(await page.getAttribute("#state", "data-state"), "connecting");
    assert.equal(await seenSoFar(page), before);
    await page.evaluate(() => coded.allow());
    await isLive(page);
    const [first, second] = await seenTracks(page, 2, before);
    assert.deepEqual(first.size, [640, 480]); // or the size alone would reset
    assert.ok(first.reset);
    assert.deepEqual(first.lost.ids.toSorted(), old.toSorted());
    assert.ok(first.lost.reasons.every((reason) => LOST_REASONS[reason - 1] === "reset"));
    assert.ok(!first.ids.some((id) => old.includes(id)));
    assert.ok(!second.reset);
  },
);
