import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type { PointColumns } from "../client/sdk/mod.ts";
import type {} from "../client/page/events.ts";
import { LOST_REASONS } from "../protocol/mod.ts";
import {
  DESKTOP,
  GOVERNOR_OFF,
  inPage,
  isLive,
  pointsAbove,
  seenSoFar,
  seenTracks,
  server,
  watchTracks,
} from "./lib/page.ts";

declare global {
  var hovers: ({ id: number; x: number; y: number } | null)[];
  var painted: number;
  /** Points of the latest result. */
  var points: PointColumns;
  var video: Blob;
}

/** Follows the sample, with the points of the latest result at hand. */
async function followSample(page: Page): Promise<void> {
  await page.goto(`${server.url}${GOVERNOR_OFF}&source=sample&autostart=1`);
  await watchTracks(page);
  await keepPoints(page);
  await pointsAbove(page, 20, 10_000);
  await nextPainted(page);
}

/** Drops what the sample shows at these seconds, as images by these numbers, on the stage. */
function dropImages(page: Page, images: Record<number, number>, width = 320): Promise<void> {
  return page.evaluate(async ([images, width]) => {
    const { openSample } = await import(`${location.origin}/lkstream.js`);
    const sample = openSample({ width, height: width * 3 / 4 });
    const dropped = new DataTransfer();
    for (const [number, seconds] of Object.entries(images)) {
      sample.draw(seconds);
      const png = await new Promise<Blob>((done) => sample.picture.toBlob(done));
      dropped.items.add(new File([png], `frame-${number}.png`, { type: "image/png" }));
    }
    dropped.items.add(new File(["text"], "read-me.txt", { type: "text/plain" }));
    sample.close();
    const drop = new DragEvent("drop", { dataTransfer: dropped, bubbles: true, cancelable: true });
    document.querySelector("#stage")!.dispatchEvent(drop);
  }, [images, width] as const);
}

/** Follows a still, where what is added stays where it is; the place of a corner in it. */
async function followStill(page: Page): Promise<number[]> {
  await page.goto(server.url + GOVERNOR_OFF);
  await watchTracks(page);
  await keepPoints(page);
  await dropImages(page, { 1: 3 }, 640);
  await pointsAbove(page, 20, 10_000);
  await nextPainted(page);
  return await page.evaluate(() => [...points.xy]);
}

function keepPoints(page: Page): Promise<void> {
  return page.evaluate(() =>
    document.addEventListener("lkstream:tracks", ({ detail }) => {
      globalThis.points = detail.points;
    })
  );
}

/** Waits until a result is on the canvas: what is not seen cannot be pointed at. */
function nextPainted(page: Page): Promise<void> {
  return page.evaluate(() =>
    new Promise<void>((done) =>
      document.addEventListener("lkstream:painted", () => done(), { once: true })
    )
  );
}

/** The place in the window of one in a frame of 640 × 480. */
function inWindow(page: Page, x: number, y: number): Promise<{ x: number; y: number }> {
  return page.evaluate(([x, y]) => {
    const touch = document.querySelector("#touch")!;
    touch.scrollIntoView({ block: "center", behavior: "instant" });
    const { left, top, width, height } = touch.getBoundingClientRect();
    const scale = Math.min(width / 640, height / 480);
    return {
      x: left + width / 2 + (x + 0.5 - 320) * scale,
      y: top + height / 2 + (y + 0.5 - 240) * scale,
    };
  }, [x, y]);
}

async function clickAt(page: Page, x: number, y: number): Promise<void> {
  const at = await inWindow(page, x, y);
  await page.mouse.click(at.x, at.y);
}

async function drag(page: Page, from: number[], to: number[]): Promise<void> {
  const start = await inWindow(page, from[0], from[1]), end = await inWindow(page, to[0], to[1]);
  await page.mouse.move(start.x, start.y);
  await page.mouse.down();
  await page.mouse.move((start.x + end.x) / 2, (start.y + end.y) / 2);
  await page.mouse.move(end.x, end.y);
  await page.mouse.up();
}

const EDITS = ["#polygon", "#undo", "#clear-regions", "#clear-points"];

/** Turns automatic detection off and ends all points: those to come are the test's own. */
async function emptyStage(page: Page): Promise<void> {
  await page.evaluate(() => document.querySelector<HTMLDetailsElement>("#options")!.open = true);
  await page.getByLabel("enabled", { exact: true }).uncheck();
  await page.click("#clear-points");
  await page.waitForFunction(() => points.id.length === 0);
}

function announced(page: Page, text: RegExp): Promise<unknown> {
  return page.waitForFunction(
    (source) => new RegExp(source).test(document.querySelector("#announcer")!.textContent!),
    text.source,
  );
}

/** Whether all live points lie in this box, give or take a pixel of movement. */
function allIn(page: Page, box: [x0: number, y0: number, x1: number, y1: number]) {
  return page.waitForFunction(([x0, y0, x1, y1]) => {
    const { id, xy } = points;
    return id.length > 0 && id.every((_, i) =>
      xy[2 * i] >= x0 - 1 && xy[2 * i] <= x1 + 1 &&
      xy[2 * i + 1] >= y0 - 1 && xy[2 * i + 1] <= y1 + 1
    );
  }, box);
}

inPage(
  "the point under the pointer is told on every frame, and that none is",
  DESKTOP,
  async (page) => {
    await followSample(page);
    await page.evaluate(() => {
      globalThis.hovers = [];
      globalThis.painted = 0;
      document.addEventListener("lkstream:hover", ({ detail }) => {
        hovers.push(detail);
      });
      document.addEventListener("lkstream:painted", ({ detail: { ms } }) => {
        if (ms >= 0 && ms < 5000) globalThis.painted++;
      });
    });
    await page.waitForFunction(() => painted > 2);
    await page.waitForFunction(() => {
      const stage = document.querySelector("#touch")!;
      const { left, top, width, height } = stage.getBoundingClientRect();
      const scale = Math.min(width / 640, height / 480);
      const clientX = left + width / 2 + (points.xy[0] + 0.5 - 320) * scale;
      const clientY = top + height / 2 + (points.xy[1] + 0.5 - 240) * scale;
      stage.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, bubbles: true }));
      return hovers.filter((hover) => hover !== null).length > 3;
    });
    const found = await page.evaluate(() => hovers.filter((hover) => hover !== null));
    assert.ok(found.every(({ x, y }) => x >= 0 && x < 640 && y >= 0 && y < 480));
    await page.evaluate(() =>
      document.querySelector("#stage")!.dispatchEvent(new PointerEvent("pointerleave"))
    );
    await page.waitForFunction(() => hovers.at(-1) === null);
  },
);

for (const mirrored of [false, true]) {
  inPage(
    `a click adds a point where it is, and Alt-click removes it${mirrored ? ", mirrored too" : ""}`,
    DESKTOP,
    async (page) => {
      const [x, y] = await followStill(page);
      await emptyStage(page);
      if (mirrored) {
        await page.getByRole("heading", { name: "Drawing" }).click();
        await page.check("#draw-mirrored");
      }
      const seenX = mirrored ? 639 - x : x;
      await clickAt(page, seenX, y);
      await page.waitForFunction(() => points.id.length === 1);
      const added = await page.evaluate(() => [...points.xy]);
      assert.ok(Math.hypot(added[0] - x, added[1] - y) < 1, `${added} was added at ${[x, y]}`);
      await page.keyboard.down("Alt");
      await clickAt(page, seenX + 3, y + 3);
      await page.keyboard.up("Alt");
      await page.waitForFunction(() => points.id.length === 0);
      const frames = await page.evaluate(() => seen);
      const codes = frames.flatMap(({ lost }) => lost.reasons);
      assert.ok(codes.some((code) => LOST_REASONS[code - 1] === "removed"));
      await page.click("#undo"); // of the removal
      await page.waitForFunction(() => points.id.length === 1);
      await page.click("#undo"); // of the addition: its point has another id by now
      await page.waitForFunction(() =>
        document.querySelector<HTMLButtonElement>("#undo")!.disabled
      );
    },
  );
}

inPage("a finger adds a point, and pressed long it removes the nearest", {
  ...DESKTOP,
  hasTouch: true,
}, async (page) => {
  const [x, y] = await followStill(page);
  await emptyStage(page);
  const at = await inWindow(page, x, y);
  const client = await page.context().newCDPSession(page);
  const touch = async (ms: number) => {
    await client.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [at] });
    await page.waitForTimeout(ms);
    await client.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  };
  await touch(50);
  await page.waitForFunction(() => points.id.length === 1);
  await touch(900);
  await page.waitForFunction(() => points.id.length === 0);
  await announced(page, /Point removed/);
});

inPage(
  "a drag keeps points in its box, a polygon in its corners, and undo lifts both",
  DESKTOP,
  async (page) => {
    await followSample(page);
    await drag(page, [100, 100], [300, 260]);
    await allIn(page, [100, 100, 300, 260]);
    await page.click("#undo");
    await page.waitForFunction(() => points.xy.some((x, i) => i % 2 === 0 && x > 320));
    assert.equal(await page.isDisabled("#clear-regions"), true);
    await page.click("#polygon");
    for (const [x, y] of [[320, 40], [600, 40], [600, 440], [320, 440]]) await clickAt(page, x, y);
    await clickAt(page, 320, 440);
    await allIn(page, [320, 40, 600, 440]);
    assert.equal(await page.getAttribute("#polygon", "aria-pressed"), "false");
    await page.click("#clear-regions");
    await page.waitForFunction(() => points.xy.some((x, i) => i % 2 === 0 && x < 300));
  },
);

inPage(
  "a region stays where it is in the picture when frames change their size",
  DESKTOP,
  async (page) => {
    await followStill(page);
    await drag(page, [100, 100], [500, 380]);
    await allIn(page, [100, 100, 500, 380]);
    await page.selectOption("#resolution", { label: "320 × 240" });
    await page.waitForFunction(() => seen.at(-1)!.size.join() === "320,240");
    await allIn(page, [50, 50, 250, 190]);
    await page.waitForFunction(() => points.id.length > 20);
  },
);

inPage("all of it works by keys, and is said aloud", DESKTOP, async (page) => {
  const [x, y] = await followStill(page);
  await emptyStage(page);
  await page.focus("#touch");
  // The crosshair begins in the middle, and moves by 8 pixels, with Shift by one.
  const [across, down] = [Math.round(x) - 320, Math.round(y) - 240];
  for (
    const [by, less, more] of [[across, "ArrowLeft", "ArrowRight"], [down, "ArrowUp", "ArrowDown"]]
  ) {
    const key = Number(by) < 0 ? less : more, steps = Math.abs(Number(by));
    for (let i = 0; i < steps >> 3; i++) await page.keyboard.press(`${key}`);
    for (let i = 0; i < steps % 8; i++) await page.keyboard.press(`Shift+${key}`);
  }
  await announced(page, new RegExp(`^${Math.round(x)}, ${Math.round(y)}`));
  await page.keyboard.press("Enter");
  await announced(page, new RegExp(`Point added at ${Math.round(x)}, ${Math.round(y)}`));
  await page.waitForFunction(() => points.id.length === 1);
  await page.keyboard.press("Control+z");
  await page.waitForFunction(() => points.id.length === 0);
  await announced(page, /Added point removed/);
  await page.keyboard.press("Escape");
  await page.getByLabel("enabled", { exact: true }).check();
  await page.focus("#touch");
  await page.keyboard.press("m");
  await announced(page, /Region begins at 320, 240/);
  for (let i = 0; i < 20; i++) await page.keyboard.press("ArrowRight");
  for (let i = 0; i < 20; i++) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("m");
  await announced(page, /Region of 4 corners/);
  await allIn(page, [320, 240, 480, 400]);
  await page.keyboard.press("r");
  await announced(page, /Regions removed/);
  const presses = () => page.getAttribute("#polygon", "aria-pressed");
  await page.keyboard.press("p");
  await page.keyboard.press("Enter");
  for (const [key, corner] of [["ArrowLeft", /^Corner 2 at /], ["ArrowUp", /^Corner 3 at /]]) {
    for (let i = 0; i < 10; i++) await page.keyboard.press(`${key}`);
    await page.keyboard.press("Enter");
    await page.waitForTimeout(600); // where the crosshair rests is not said over it
    await announced(page, corner as RegExp);
  }
  await page.keyboard.press("m");
  await announced(page, /Region of 3 corners/);
  assert.equal(await presses(), "false");
  await page.keyboard.press("r");
  await page.keyboard.press("p");
  assert.equal(await presses(), "true");
  await page.keyboard.press("Escape");
  assert.equal(await presses(), "false");
  await page.keyboard.press("Delete");
  await announced(page, /Point removed|No point is near/);
  await page.keyboard.press("c");
  await announced(page, /All points cleared/);
  await page.keyboard.press("?");
  await page.waitForSelector("#help[open]");
  await page.keyboard.press("Escape");
  await page.waitForSelector("#help", { state: "hidden" });
});

/** The colours on the canvas, of pixels that are painted over and over. */
function colours(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>("#overlay")!;
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d")!;
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    const counts = new Map<string, number>();
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3] < 255) continue;
      const colour = data.subarray(i, i + 3).join();
      counts.set(colour, (counts.get(colour) ?? 0) + 1);
    }
    return [...counts].filter(([, count]) => count > 20).map(([colour]) => colour);
  });
}

inPage(
  "what is drawn, and in which colours, is chosen, and the legend tells it",
  DESKTOP,
  async (page) => {
    await followSample(page);
    await page.selectOption("#mode", "low-latency"); // points alone are on the canvas
    await page.getByRole("heading", { name: "Drawing" }).click();
    const shown = async (isRight: (colours: string[]) => boolean, what: string) => {
      const until = performance.now() + 10_000;
      while (!isRight(await colours(page))) {
        assert.ok(performance.now() < until, `${what}: ${await colours(page)}`);
      }
    };
    await shown((colours) => colours.length > 0, "points by age");
    await page.selectOption("#draw-colour", "id");
    await shown((colours) => colours.length > 15, "a colour for each id");
    assert.match((await page.textContent("#legend"))!, /Each id its own colour/);
    await page.selectOption("#draw-colour", "error");
    assert.match((await page.textContent("#legend"))!, /Error, grey levels\s*0\s*24\+/);
    await page.uncheck("#draw-points");
    await page.uncheck("#draw-lost");
    await page.fill("#draw-trail", "0");
    await shown((colours) => colours.length === 0, "nothing");
    assert.equal(await page.isHidden("#legend-lost"), true);
    await page.fill("#draw-arrows", "20");
    await shown((colours) => colours.length > 0, "arrows");
  },
);

/** Records a second of a still; how far the video is from it at the points, in grey levels. */
async function recordedOff(page: Page): Promise<number> {
  await page.click("#record");
  await seenTracks(page, 15, await seenSoFar(page));
  await page.click("#record");
  await page.waitForSelector('#record-files a[download$=".csv"]');
  return await page.evaluate(async () => {
    const still = document.querySelector<HTMLCanvasElement>("#stage > canvas:not(#overlay)")!;
    const link = document.querySelector<HTMLAnchorElement>('#record-files a[download$=".webm"]')!;
    const video = Object.assign(document.createElement("video"), { src: link.href, muted: true });
    await video.play();
    const greys = [still, video].map((picture) => {
      const context = new OffscreenCanvas(640, 480).getContext("2d")!;
      context.drawImage(picture, 0, 0, 640, 480);
      return ([x, y]: number[]) => context.getImageData(Math.round(x), Math.round(y), 1, 1).data;
    });
    const offs = [...points.id].flatMap((_, i) => {
      const [still, recorded] = greys.map((at) => at([...points.xy.subarray(2 * i, 2 * i + 2)]));
      return [0, 1, 2].map((channel) => Math.abs(still[channel] - recorded[channel]));
    });
    return offs.reduce((sum, off) => sum + off) / offs.length;
  });
}

inPage("a video is recorded with what is drawn, or of the picture alone", DESKTOP, async (page) => {
  await followStill(page);
  await page.getByRole("heading", { name: "Record" }).click();
  const drawn = await recordedOff(page);
  await page.uncheck("#record-drawing");
  const alone = await recordedOff(page);
  assert.ok(alone < drawn / 2, `${alone} grey levels off, ${drawn} with what is drawn`);
});

/** Makes a video of the sample in the page, `seconds` long, and keeps it as `video`. */
function makeVideo(page: Page, seconds: number): Promise<void> {
  return page.evaluate(async (seconds) => {
    const { openSample } = await import(`${location.origin}/lkstream.js`);
    const sample = openSample({ width: 320, height: 240 });
    const recorder = new MediaRecorder(sample.picture.captureStream(), { mimeType: "video/webm" });
    const chunks: Blob[] = [];
    recorder.ondataavailable = ({ data }) => chunks.push(data);
    recorder.start();
    await new Promise((done) => setTimeout(done, 1000 * seconds));
    await new Promise((done) => {
      recorder.onstop = done;
      recorder.stop();
    });
    sample.close();
    globalThis.video = new Blob(chunks, { type: "video/webm" });
  }, seconds);
}

/** Chooses a kind of files and, in the dialog, these: texts or the `video`, by their names. */
async function choose(page: Page, kind: string, files: Record<string, string | null>) {
  page.once("filechooser", () => {}); // or it is closed at once
  await page.selectOption("#source", kind);
  await page.waitForSelector("#file-input", { state: "attached" });
  await page.evaluate((files) => {
    const chosen = new DataTransfer();
    for (const [name, text] of Object.entries(files)) {
      chosen.items.add(new File([text ?? video], name, { type: text === null ? video.type : "" }));
    }
    const input = document.querySelector<HTMLInputElement>("#file-input")!;
    input.files = chosen.files;
    input.dispatchEvent(new Event("change"));
  }, files);
}

inPage("a video file plays, is held, and begins anew at its end", DESKTOP, async (page) => {
  await page.goto(server.url + GOVERNOR_OFF);
  await watchTracks(page);
  await keepPoints(page);
  await makeVideo(page, 1.5);
  await choose(page, "video", { "clip.webm": null });
  await isLive(page);
  await pointsAbove(page, 10, 10_000);
  await page.waitForFunction(() => seen.filter(({ reset }) => reset).length >= 3); // two rounds
  await page.click("#hold");
  await page.waitForTimeout(500); // what is under way comes to its end
  const before = await seenSoFar(page);
  await page.waitForTimeout(700);
  assert.equal(await seenSoFar(page), before);
  await page.click("#hold");
  await seenTracks(page, 3, before);
  await page.click("#stop");
  assert.equal(await page.locator("#stage video").count(), 0);
});

inPage("what is no video is explained, with what helps", DESKTOP, async (page) => {
  await page.goto(server.url + GOVERNOR_OFF);
  await choose(page, "video", { "no.webm": "this is text" });
  await page.waitForSelector("#state[data-state=error]");
});

inPage(
  "images play at the rate, in the order of their numbers, each sent once",
  DESKTOP,
  async (page) => {
    await page.goto(server.url + GOVERNOR_OFF);
    await watchTracks(page);
    await page.selectOption("#rate", "5");
    await dropImages(page, { 10: 0.5, 9: 0.45, 1: 0.05, 2: 0.1 });
    await isLive(page);
    const started = performance.now();
    const before = await seenSoFar(page);
    await seenTracks(page, 10, before);
    const seconds = (performance.now() - started) / 1000;
    assert.ok(seconds > 1.5, `10 images at 5 a second took ${seconds} s`);
    assert.match((await page.textContent("#size"))!, /320 × 240/);
    await page.click("#hold"); // a canvas that changes no more is not sent again
    await page.waitForTimeout(500);
    const held = await seenSoFar(page);
    await page.waitForTimeout(700);
    assert.equal(await seenSoFar(page), held);
    const order = await page.evaluate(async () => {
      const { openImages } = await import(`${location.origin}/lkstream.js`);
      const canvas = new OffscreenCanvas(8, 8);
      canvas.getContext("2d");
      const png = await canvas.convertToBlob();
      const names = ["a10.png", "a9.png", "a1.png"];
      const images = await openImages(names.map((name) => new File([png], name, png)));
      images.close();
      return images.files.map(({ name }: File) => name);
    });
    assert.deepEqual(order, ["a1.png", "a9.png", "a10.png"]);
  },
);

inPage("the screen is shared, its end is told, and so is why it is not", DESKTOP, async (page) => {
  await page.addInitScript(() => {
    navigator.mediaDevices.getDisplayMedia = async () => {
      const { openSample } = await import(`${location.origin}/lkstream.js`);
      const stream: MediaStream = openSample().picture.captureStream();
      Object.assign(globalThis, { stream });
      return stream;
    };
  });
  await page.goto(server.url + GOVERNOR_OFF);
  await page.selectOption("#source", "screen");
  await page.click("#start");
  await pointsAbove(page, 10, 10_000);
  await page.evaluate(() => {
    const { stream } = globalThis as unknown as { stream: MediaStream };
    stream.getTracks()[0].dispatchEvent(new Event("ended"));
    navigator.mediaDevices.getDisplayMedia = () =>
      Promise.reject(new DOMException("denied", "NotAllowedError"));
  });
  await page.waitForSelector("#state[data-state=error]");
  assert.match((await page.textContent("#notice-title"))!, /ended/);
  await page.click("#retry");
  await page.waitForFunction(() =>
    /not shared/.test(document.querySelector("#notice-title")!.textContent!)
  );
});

/** The text of the file that a link in the record panel offers. */
async function offered(page: Page, extension: string): Promise<string> {
  const link = page.locator(`#record-files a[download$="${extension}"]`);
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  return await Deno.readTextFile(await download.path());
}

inPage("a recording is NDJSON, CSV and a video, and is replayed over it", DESKTOP, async (page) => {
  await page.goto(server.url + GOVERNOR_OFF);
  for (const button of EDITS) assert.equal(await page.isDisabled(button), true, button);
  await watchTracks(page);
  await keepPoints(page);
  await makeVideo(page, 2);
  await choose(page, "video", { "clip.webm": null });
  await pointsAbove(page, 10, 10_000);
  await page.getByRole("heading", { name: "Record" }).click();
  const before = await seenSoFar(page);
  await page.click("#record");
  await seenTracks(page, 45, before);
  await page.click("#record");
  await page.waitForSelector('#record-files a[download$=".csv"]');
  const ndjson = await offered(page, ".ndjson");
  const [header, ...results] = ndjson.trim().split("\n").map((line) => JSON.parse(line));
  const during = await page.evaluate((before) => seen.slice(before), before);
  assert.equal(header.type, "recording");
  assert.equal(header.origin, 0);
  assert.ok(results.length >= 40);
  assert.deepEqual(results[0].points.id, during.find(({ seq }) => seq === results[0].seq)!.ids);
  assert.ok(results.every(({ timestamp }) => timestamp >= 0 && timestamp < 3000)); // in the video
  const [names, ...rows] = (await offered(page, ".csv")).trim().split("\n");
  assert.equal(names, "seq,timestamp,id,x,y,dx,dy,error,fb,age,lost");
  const live = rows.map((row) => row.split(",")).filter((row) => row[10] === "");
  assert.equal(live.length, results.reduce((sum, { points }) => sum + points.id.length, 0));
  assert.equal(Number(live[0][3]), results[0].points.x[0]);
  const plays = await page.evaluate(async () => {
    const link = document.querySelector<HTMLAnchorElement>('#record-files a[download$=".webm"]')!;
    const video = Object.assign(document.createElement("video"), { src: link.href, muted: true });
    await video.play();
    return video.videoWidth;
  });
  assert.ok(plays > 200);
  const [png] = await Promise.all([page.waitForEvent("download"), page.click("#save-png")]);
  const signature = (await Deno.readFile(await png.path())).subarray(1, 4);
  assert.equal(new TextDecoder().decode(signature), "PNG");

  await page.click("#stop");
  const at = await seenSoFar(page);
  await choose(page, "recording", { "tracks.ndjson": ndjson, "clip.webm": null });
  const replayed = await seenTracks(page, 10, at);
  const byId = new Map(results.map(({ seq, points }) => [seq, points.id]));
  assert.equal(await page.textContent("#state"), "Replay");
  for (const { seq, ids } of replayed) assert.deepEqual(ids, byId.get(seq));
  for (const button of EDITS) assert.equal(await page.isDisabled(button), true, button);
  await page.focus("#touch");
  await page.keyboard.press("c");
  await announced(page, /Nothing can be edited/);
  await page.click("#stop");
  await choose(page, "recording", {
    "tracks.ndjson": `${JSON.stringify(header)}\n{"type":"x"}\n`,
    "clip.webm": null,
  });
  await page.waitForSelector("#state[data-state=error]");
  assert.match((await page.textContent("#notice-text"))!, /Line 2/);
});
