import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { LOST_REASONS } from "../protocol/mod.ts";
import { INSECURE_HOST, screenshotPath } from "./lib/browser.ts";
import {
  browser,
  DESKTOP,
  GOVERNOR_OFF,
  inPage,
  isLive,
  PHONE,
  pointsAbove,
  seenSoFar,
  seenTracks,
  server,
  watchTracks,
} from "./lib/page.ts";
import { start } from "./lib/running.ts";

/** A camera whose every picture carries its number, and a gate that holds back its results. */
interface Coded {
  /** The picture's number, its size being known; NaN where none can be read. */
  numberOf(picture: CanvasImageSource, width: number, height: number): number;
  /** The pixels of the overlay that are painted: the others, if any, are bars beside the frame. */
  drawn(): OffscreenCanvas;
  /** Turns the camera, as one turns a phone. */
  turn(): void;
  /** Whether `getUserMedia` waits for `allow`. */
  asks: boolean;
  allow: () => void;
  holds: boolean;
  /** Results that were held back, oldest first. */
  held: { seq: number; ids: number[]; xy: number[]; release(): void }[];
  /** Number in each frame that was sent, by its seq. */
  sent: Map<number, Promise<number>>;
}
declare const coded: Coded;

/** Puts {@linkcode Coded} into the page, before its scripts run. */
function installCoded(): void {
  const BITS = 12, SQUARE = 40;
  const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
  const context = canvas.getContext("2d", { alpha: false })!;
  let number = 0;
  /** A mosaic that moves between two rows of squares, each of which spells the number. All is grey. */
  const draw = () => {
    number++;
    context.fillStyle = "#404040";
    context.fillRect(0, 0, canvas.width, canvas.height);
    const x = 160 + 100 * Math.sin(number / 50);
    for (let i = 0; i < 48; i++) {
      const grey = 110 + (i * 89 + 31) % 140;
      context.fillStyle = `rgb(${grey},${grey},${grey})`;
      context.fillRect(x + i % 8 * 24, 150 + Math.floor(i / 8) * 24, 20 - i % 7, 18 - i % 5);
    }
    for (let bit = 0; bit < BITS; bit++) {
      context.fillStyle = number >> bit & 1 ? "#fff" : "#000";
      context.fillRect(bit * SQUARE, 0, SQUARE, SQUARE);
      context.fillRect(bit * SQUARE, canvas.height - SQUARE, SQUARE, SQUARE);
    }
  };
  draw();
  setInterval(draw, 33);

  const numberOf: Coded["numberOf"] = (picture, width, height) => {
    const copy = new OffscreenCanvas(width, height).getContext("2d")!;
    copy.drawImage(picture, 0, 0, width, height);
    const [above, below] = [0, height - SQUARE].map((y) => {
      let number = 0;
      for (let bit = 0; bit < BITS; bit++) {
        const { data } = copy.getImageData(bit * SQUARE + 10, y + 10, SQUARE - 20, SQUARE - 20);
        let sum = 0;
        for (let i = 0; i < data.length; i += 4) sum += data[i];
        const mean = sum / (data.length / 4);
        if (mean > 70 && mean < 185) return NaN;
        if (mean > 128) number |= 1 << bit;
      }
      return number;
    });
    return above === below ? above : NaN;
  };

  const drawn: Coded["drawn"] = () => {
    const overlay = document.querySelector<HTMLCanvasElement>("#overlay")!;
    const { width, height } = overlay;
    const all = new OffscreenCanvas(width, height).getContext("2d")!;
    all.drawImage(overlay, 0, 0);
    const bar = ({ data }: ImageData) => {
      let length = 0;
      while (length < data.length / 4 && data[4 * length + 3] < 128) length++;
      return length;
    };
    const x = bar(all.getImageData(0, height >> 1, width >> 1, 1));
    const y = bar(all.getImageData(width >> 1, 0, 1, height >> 1));
    const inner = new OffscreenCanvas(Math.max(1, width - 2 * x), Math.max(1, height - 2 * y));
    inner.getContext("2d")!.drawImage(overlay, -x, -y);
    return inner;
  };

  const coded: Coded = {
    numberOf,
    drawn,
    turn: () => [canvas.width, canvas.height] = [canvas.height, canvas.width],
    asks: false,
    allow: () => {},
    holds: false,
    held: [],
    sent: new Map(),
  };
  Object.assign(globalThis, { coded });
  navigator.mediaDevices.getUserMedia = async () => {
    if (coded.asks) await new Promise<void>((allowed) => coded.allow = allowed);
    return canvas.captureStream(30);
  };

  globalThis.WebSocket = class extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      let receive: ((event: MessageEvent) => void) | null = null;
      Object.defineProperty(this, "onmessage", { set: (handler) => receive = handler });
      this.addEventListener("message", (event) => {
        if (!coded.holds || typeof event.data === "string") return receive?.(event);
        const n = new DataView(event.data).getUint32(20, true);
        coded.held.push({
          seq: new DataView(event.data).getUint32(4, true),
          ids: [...new Uint32Array(event.data, 64, n)],
          xy: [...new Float32Array(event.data, 64 + 4 * n, 2 * n)],
          release: () => receive?.(event),
        });
      });
    }
    override send(data: string | Uint8Array<ArrayBuffer>): void {
      super.send(data);
      if (typeof data === "string") return;
      const seq = new DataView(data.buffer).getUint32(4, true);
      const bitmap = createImageBitmap(new Blob([data.subarray(16)]));
      coded.sent.set(seq, bitmap.then((it) => numberOf(it, it.width, it.height)));
    }
  } as typeof WebSocket;
}

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
    const until = performance.now() + 3000;
    while (coded.numberOf(coded.drawn(), 640, 480) !== sent && performance.now() < until) {
      await repainted();
    }
    for (let i = 0; i < 3; i++) await repainted(); // it must stay so
    const drawn = coded.drawn();
    const { width, height } = drawn;
    const { data } = drawn.getContext("2d")!.getImageData(0, 0, width, height);
    let dots = 0;
    for (let i = 0; i < xy.length; i += 2) {
      const x = Math.floor((xy[i] + 0.5) * width / 640);
      const y = Math.floor((xy[i + 1] + 0.5) * height / 480);
      const rgb = data.subarray(4 * (y * width + x), 4 * (y * width + x) + 3);
      if (Math.max(...rgb) - Math.min(...rgb) > 50) dots++; // all else is grey
    }
    const video = document.querySelector("video")!;
    return {
      sent,
      overlay: coded.numberOf(drawn, 640, 480),
      live: coded.numberOf(video, 640, 480),
      dotted: dots / (xy.length / 2),
    };
  });
}

/** The share of the overlay's pixels that are painted. */
function paintedShare(page: Page): Promise<number> {
  return page.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>("#overlay")!;
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d")!;
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, i) => i % 4 === 3 && value > 0).length / (data.length / 4);
  });
}

inPage(
  "Start shows points of the fake camera within 3 s, with engine and latency",
  DESKTOP,
  async (page) => {
    await page.goto(server.url);
    await watchTracks(page);
    await page.screenshot({ path: await screenshotPath("idle-1280") });
    const started = performance.now();
    await page.click("#start");
    await pointsAbove(page, 0, 3000);
    console.log(`    first points ${Math.round(performance.now() - started)} ms after Start`);
    await isLive(page);
    await page.waitForFunction(() => /\d/.test(document.querySelector("#rtt")!.textContent!));
    const { engine } = await (await fetch(`${server.url}/v1/info`)).json();
    assert.ok((await page.textContent("#engine"))!.includes(engine.name));
    const frames = await seenTracks(page, 15);
    await page.screenshot({ path: await screenshotPath("live-1280") });
    frames.reduce((before, now) => {
      assert.ok(now.seq > before.seq, `${now.seq} came after ${before.seq}`);
      return now;
    });
    await page.click("#stop");
    await page.waitForSelector("#state[data-state=idle]");
  },
);

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
      while (drawn.length < 10) drawn.push(await drawNext(page));
      for (const { sent, overlay, dotted } of drawn) {
        assert.equal(overlay, sent);
        assert.ok(dotted > 0.9, `${dotted} of the points have a dot at their place`);
      }
      assert.equal(new Set(drawn.map(({ sent }) => sent)).size, 10);
      // or the live picture would do as well
      assert.ok(drawn.every(({ live, sent }) => live !== sent), JSON.stringify(drawn));
    },
  );
}

inPage(
  "a turned camera is drawn as it was sent: with its sides, whole",
  DESKTOP,
  async (page) => {
    await page.addInitScript(installCoded);
    await page.goto(server.url + GOVERNOR_OFF);
    await watchTracks(page);
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
    await watchTracks(page);
    await isLive(page);
    await pointsAbove(page, 20, 10_000);
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

inPage("low-latency mode draws points alone, over the live picture", DESKTOP, async (page) => {
  await page.goto(`${server.url}/?source=sample&autostart=1`);
  await watchTracks(page);
  await pointsAbove(page, 20, 10_000);
  await page.selectOption("#mode", "low-latency");
  await seenTracks(page, 5, await seenSoFar(page));
  const painted = await paintedShare(page);
  assert.ok(painted > 0.001 && painted < 0.5, `${painted} of the canvas is painted`);
});

inPage("ids live on while the picture moves", DESKTOP, async (page) => {
  await page.goto(`${server.url}/?source=sample`);
  await watchTracks(page);
  await page.click("#start");
  await pointsAbove(page, 20, 10_000);
  const frames = await seenTracks(page, 30);
  const last = new Set(frames.at(-1)!.ids);
  const tenBefore = frames.at(-11)!.ids;
  const kept = tenBefore.filter((id) => last.has(id)).length;
  assert.ok(kept > tenBefore.length / 2, `${kept} of ${tenBefore.length} ids lived for 10 frames`);
});

inPage("a changed option is in force at once, in the same session", DESKTOP, async (page) => {
  await page.goto(`${server.url}/?source=sample&autostart=1`);
  await watchTracks(page);
  await pointsAbove(page, 150, 10_000);
  await page.click("#options > summary");
  const before = await seenSoFar(page);
  const input = page.getByLabel("minDistance", { exact: true });
  await input.fill("200");
  await input.press("Enter");
  await page.waitForFunction(() => seen.at(-1)!.ids.length < 50);
  const after = await seenTracks(page, 5, before);
  after.reduce((a, b) => (assert.ok(b.seq > a.seq && !b.reset), b)); // no new session
  const old = (await page.evaluate((at) => seen[at].ids, before - 1)) as number[];
  assert.ok(after.at(-1)!.ids.some((id) => old.includes(id)));
});

inPage("fits a phone", PHONE, async (page) => {
  await page.goto(server.url);
  await page.screenshot({ path: await screenshotPath("idle-390") });
  await page.click("#start");
  await isLive(page);
  await page.waitForFunction(() => /\d/.test(document.querySelector("#rtt")!.textContent!));
  await page.screenshot({ path: await screenshotPath("live-390") });
  const { scroll, client } = await page.evaluate(() => ({
    scroll: document.documentElement.scrollWidth,
    client: document.documentElement.clientWidth,
  }));
  assert.ok(scroll <= client, `the page is ${scroll} px wide on a screen of ${client}`);
});

inPage(
  "no camera, or none allowed, is explained with a way on",
  { ...DESKTOP, permissions: [] },
  async (page) => {
    await page.addInitScript(() => {
      navigator.mediaDevices.getUserMedia = () =>
        Promise.reject(new DOMException("denied", "NotAllowedError"));
    });
    await page.goto(server.url);
    await page.click("#start");
    await page.waitForSelector("#notice:not([hidden])");
    assert.match((await page.textContent("#notice"))!, /camera/i);
    await page.screenshot({ path: await screenshotPath("denied-1280") });
    await page.click("#use-sample");
    await pointsAbove(page, 0, 10_000);
  },
);

inPage("whatever the camera fails with is told in words", DESKTOP, async (page) => {
  await page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = () =>
      Promise.reject((globalThis as unknown as { failure: unknown }).failure);
  });
  await page.goto(server.url);
  for (
    const [name, title] of [
      ["NotFoundError", /No camera was found/],
      ["NotReadableError", /does not deliver pictures/],
      ["OverconstrainedError", /can do what was asked/],
      ["SecurityError", /may not use cameras/],
      ["StrangeError", /cannot be opened: on purpose/],
    ] as const
  ) {
    await page.evaluate((name) => {
      // as in browsers where an OverconstrainedError is no Error
      const failure = name === "OverconstrainedError"
        ? { name, message: "", constraint: "deviceId" }
        : new DOMException("on purpose", name);
      Object.assign(globalThis, { failure });
    }, name);
    await page.click(name === "NotFoundError" ? "#start" : "#retry");
    await page.waitForSelector("#state[data-state=error]");
    assert.match((await page.textContent("#notice-title"))!, title);
    assert.ok((await page.textContent("#notice-text"))!.length > 10);
  }
});

inPage("a camera is used though the list of cameras cannot be had", DESKTOP, async (page) => {
  await page.addInitScript(() => {
    navigator.mediaDevices.enumerateDevices = () => Promise.reject(new Error("on purpose"));
  });
  await page.goto(server.url);
  await page.click("#start");
  await isLive(page);
});

inPage(
  "an insecure page says why it has no camera, and shows the sample",
  DESKTOP,
  async (page) => {
    const port = 8000 + Math.floor(50_000 * Math.random());
    const origin = `http://${INSECURE_HOST}:${port}`;
    const named = await start({ port, args: ["--allow-origin", origin] });
    try {
      await page.goto(origin);
      assert.equal(await page.evaluate(() => isSecureContext), false);
      await page.click("#start");
      await page.waitForSelector("#notice:not([hidden])");
      assert.match((await page.textContent("#notice-title"))!, /secure/);
      assert.ok((await page.textContent("#notice-text"))!.includes(`http://localhost:${port}`));
      await page.click("#use-sample");
      await isLive(page);
    } finally {
      await named.stop();
    }
  },
);

inPage(
  "a capture repeats a reset that was not taken",
  DESKTOP,
  async (page) => {
    await page.goto(server.url);
    const { resets, errors } = await page.evaluate(async () => {
      const { capture, openSample } = await import(`${location.origin}/lkstream.js`);
      const sample = openSample({ width: 64, height: 48 });
      const outcomes = ["throws", null, 7, 8, "throws", 9];
      const resets: boolean[] = [];
      let errors = 0;
      await new Promise<void>((done) => {
        const capturing = capture(sample.picture, {
          state: { name: "open" },
          free: 2,
          send(_jpeg: Uint8Array, { reset }: { reset: boolean }) {
            resets.push(reset);
            const outcome = outcomes.shift()!;
            if (outcomes.length === 0) done(capturing.close());
            if (outcome === "throws") throw new Error("on purpose");
            return outcome;
          },
        }, { maxRate: 5 });
        capturing.on("error", () => errors++);
      });
      sample.close();
      return { resets, errors };
    });
    assert.deepEqual(resets, [true, true, true, false, false, false]);
    assert.equal(errors, 2);
  },
);

Deno.test("browser: a server that restarts is found again by itself", async () => {
  let own = await start();
  const page = await browser.newPage({ permissions: ["camera"], ...DESKTOP });
  try {
    await page.goto(own.url);
    await page.click("#start");
    await pointsAbove(page, 0, 5000);
    await isLive(page);
    await own.stop();
    await page.waitForSelector("#state[data-state=reconnecting]");
    await page.screenshot({ path: await screenshotPath("reconnecting-1280") });
    own = await start({ port: Number(new URL(own.url).port) });
    await isLive(page, 20_000);
    await pointsAbove(page, 0, 5000);
  } finally {
    await page.close();
    await own.stop();
  }
});

Deno.test("browser: with a token in its address the page connects, and takes it out of the address", async () => {
  const own = await start({ args: ["--token", "s3cret"] });
  const page = await browser.newPage(DESKTOP);
  try {
    await page.goto(`${own.url}/?source=sample&autostart=1`);
    await page.waitForSelector("#notice:not([hidden])");
    assert.match((await page.textContent("#notice"))!, /token/i);
    await page.goto(`${own.url}/?token=wrong&source=sample&autostart=1`);
    await page.waitForSelector("#notice:not([hidden])");
    assert.match((await page.textContent("#notice"))!, /\?token=TOKEN/);
    await page.goto(`${own.url}/?token=s3cret&source=sample&autostart=1`);
    await pointsAbove(page, 0, 10_000);
    assert.ok(!page.url().includes("s3cret"));
  } finally {
    await page.close();
    await own.stop();
  }
});
