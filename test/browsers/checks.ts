/** What matters to a user, tried in one browser after the other. */
import assert from "node:assert/strict";
import { installCoded } from "../lib/coded_camera.ts";
import { freePort } from "../lib/free_port.ts";
import { type Running, start } from "../lib/running.ts";
import { type OpenBrowser, run, type Tab, until } from "./tab.ts";

declare global {
  /** What the page threw, in the page. */
  var thrown: string[];
  /** Blobs that the page made addresses of, in the page. */
  var blobs: Blob[];
}

/** Where the checks are done. */
export interface Site {
  server: Running;
  /** Starts the server again on its port. */
  restart(): Promise<void>;
  /** A page of another origin that uses the SDK; it puts the number of points into its title. */
  elsewhere: string;
}

/** Fails, or says what the browser cannot do although the page works. */
export type Check = (browser: OpenBrowser, site: Site) => Promise<string | void>;

export const CHECKS: Record<string, Check> = {
  "loads without an error": async ({ tab }, { server }) => {
    await open(tab, server.url);
    await until(tab, () => document.querySelectorAll("#source option").length > 3);
  },

  "sample, live": async ({ tab }, { server }) => {
    await open(tab, `${server.url}/?governor=off&source=sample&autostart=1`);
    await pointsAbove(tab, 20);
    await until(tab, () => /\d/.test(document.querySelector("#rtt")!.textContent!));
  },

  "camera, live": async ({ tab }, { server }) => {
    await open(tab, `${server.url}/?governor=off`);
    await tab.click("#start");
    await pointsAbove(tab, 0);
    await until(tab, () => document.querySelector("#state")!.textContent === "Live");
    // more than the first few frames
    await until(tab, () => Number(document.querySelector("#fps-out")!.textContent) >= 3);
  },

  "points on the frame they are of": async ({ tab }, { server }) => {
    await open(tab, `${server.url}/?governor=off`);
    await tab.evaluate(`(${installCoded})()`);
    await run(tab, () => void (coded.holds = true));
    await tab.click("#start");
    for (let i = 0; i < 5; i++) {
      const drawn = await drawNext(tab);
      assert.equal(drawn.overlay, drawn.sent, "another frame is drawn");
      assert.ok(drawn.dotted > 0.9, `${drawn.dotted} of the points have a dot at their place`);
    }
  },

  "panels": async ({ tab }, { server }) => {
    await openSample(tab, server);
    await tab.click("#time > summary");
    await until(tab, () => /\d ms/.test(document.querySelector("#time-total")!.textContent!));
    await until(tab, () => {
      const plot = document.querySelector<HTMLCanvasElement>("#time-plot")!;
      return plot.width > 100 &&
        plot.getContext("2d")!.getImageData(0, 0, plot.width, plot.height).data.some((v) => v > 0);
    });
  },

  "an option": async ({ tab }, { server }) => {
    await openSample(tab, server);
    await tab.click("#options > summary");
    await run(tab, () => {
      const input = document.querySelector<HTMLInputElement>("#option-detect-minDistance")!;
      input.value = "200";
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
    await until(tab, () => Number(document.querySelector("#points")!.textContent) < 60);
  },

  "a region": async ({ tab, hasTouch }, { server }) => {
    await openSample(tab, server);
    if (hasTouch) await tab.click("#box");
    const [from, to] = await run(tab, () => {
      scrollTo(0, 0);
      const { left, top, width, height } = document.querySelector("#touch")!
        .getBoundingClientRect();
      return [0.2, 0.7].map((share) => ({ x: left + share * width, y: top + share * height }));
    });
    await tab.drag(from, { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 }, to);
    await until(tab, () => document.querySelector("#shapes .edges")!.getAttribute("d"));
  },

  "recording and replay": async ({ tab }, { server }) => {
    await openSample(tab, server);
    await run(tab, () => {
      globalThis.blobs = [];
      const create = URL.createObjectURL;
      URL.createObjectURL = (blob) => (blobs.push(blob as Blob), create(blob));
      document.querySelector("#record")!.closest("details")!.open = true;
      document.querySelector<HTMLInputElement>("#record-drawing")!.click();
    });
    await tab.click("#record");
    await until(
      tab,
      () => parseInt(document.querySelector("#record-status")!.textContent!) >= 20,
    );
    await tab.click("#record");
    await until(tab, () => document.querySelector("#record-files a[download$='.csv']"));
    const names = await run(tab, () =>
      Array.from(
        document.querySelectorAll<HTMLAnchorElement>("#record-files a"),
        (link) => link.download,
      ));
    const status = await run(tab, () => document.querySelector("#record-status")!.textContent);
    if (/recorded no video/.test(status!)) return "tracks alone: it records no video";
    await run(tab, (names) => {
      const dropped = new DataTransfer();
      for (const [i, name] of names.entries()) {
        if (!name.endsWith(".csv")) {
          dropped.items.add(new File([blobs[i]], name, { type: blobs[i].type }));
        }
      }
      const drop = new DragEvent("drop", {
        dataTransfer: dropped,
        bubbles: true,
        cancelable: true,
      });
      document.querySelector("#stage")!.dispatchEvent(drop);
    }, names);
    await until(tab, () => document.querySelector("#state")!.textContent === "Replay");
  },

  "reconnects": async ({ tab }, site) => {
    await openSample(tab, site.server);
    await site.server.stop();
    await until(tab, () => document.querySelector("#state")!.textContent === "Reconnecting");
    await site.restart();
    await until(tab, () => document.querySelector("#state")!.textContent === "Live");
  },

  "the SDK in a page of another origin": async ({ tab }, { elsewhere }) => {
    await tab.goto(elsewhere);
    await until(tab, () => Number(document.title) > 20);
  },
};

/** Does one check, and sees that the page threw nothing meanwhile. */
export async function tried(check: Check, browser: OpenBrowser, site: Site): Promise<string> {
  const remark = await check(browser, site);
  const thrown = await run(browser.tab, () => globalThis.thrown ?? []);
  assert.deepEqual(thrown, []);
  await browser.tab.goto("about:blank");
  return remark ?? "yes";
}

/** A server, and a page of another origin that it lets in. */
export async function openSite(): Promise<Site & { close(): Promise<void> }> {
  const port = freePort();
  const page = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () =>
      new Response(PAGE.replaceAll("SERVER", `http://127.0.0.1:${port}`), {
        headers: { "Content-Type": "text/html" },
      }),
  );
  const elsewhere = `http://localhost:${page.addr.port}`;
  const begin = () => start({ port, args: ["--allow-origin", elsewhere] });
  const site = {
    server: await begin(),
    elsewhere,
    async restart() {
      site.server = await begin();
    },
    async close() {
      await site.server.stop();
      await page.shutdown();
    },
  };
  return site;
}

const PAGE = `<!doctype html><title>0</title><script type="module">
  import { capture, connect, openSample } from "SERVER/lkstream.js";
  const sample = openSample({ width: 320, height: 240 });
  document.body.append(sample.picture);
  const connection = connect("SERVER");
  capture(sample.picture, connection);
  connection.on("tracks", ({ points }) => document.title = points.id.length);
</script><body></body>`;

async function open(tab: Tab, url: string): Promise<void> {
  await tab.goto(url);
  await run(tab, () => {
    globalThis.thrown = [];
    addEventListener("error", ({ message }) => thrown.push(message));
    addEventListener("unhandledrejection", ({ reason }) => thrown.push(String(reason)));
  });
}

async function openSample(tab: Tab, server: Running): Promise<void> {
  await open(tab, `${server.url}/?governor=off&source=sample&autostart=1`);
  await pointsAbove(tab, 20);
}

function pointsAbove(tab: Tab, least: number) {
  return until(
    tab,
    (least) => Number(document.querySelector("#points")!.textContent) > least,
    least,
  );
}

/** Lets one result through, and looks at what becomes of it on the overlay. */
function drawNext(tab: Tab) {
  return run(tab, async () => {
    const soon = () => new Promise((done) => setTimeout(done, 30));
    const until = performance.now() + 10_000;
    while (coded.held.length === 0 && performance.now() < until) await soon();
    const { seq, xy, release } = coded.held.shift()!;
    const sent = (await coded.sent.get(seq))!;
    release();
    while (coded.numberOf(coded.drawn(), 640, 480) !== sent && performance.now() < until) {
      await soon();
    }
    await new Promise((done) => setTimeout(done, 600)); // new points have grown
    const drawn = coded.drawn();
    return { sent, overlay: coded.numberOf(drawn, 640, 480), dotted: coded.dotted(drawn, xy) };
  });
}
