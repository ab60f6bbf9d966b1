import assert from "node:assert/strict";
import { buffer, text } from "node:stream/consumers";
import type { Page } from "playwright-core";
import { jpegSize, type Tracks } from "../../protocol/mod.ts";
import { readMcap } from "../lib/mcap_file.ts";
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
import { decodeBy } from "../lib/protobuf.ts";
import {
  announced,
  choose,
  EDITS,
  followSample,
  followStill,
  makeVideo,
  nextPainted,
} from "../lib/stage.ts";

/** Records some frames of a still; how far the video's last is from it at the points, in grey levels. */
async function recordedOff(page: Page): Promise<number> {
  await page.click("#record");
  await seenTracks(page, 6, await seenSoFar(page));
  await page.click("#record");
  await page.waitForSelector('#record-files a[download$=".csv"]');
  return await page.evaluate(async () => {
    const still = document.querySelector<HTMLCanvasElement>("#stage > canvas:not(#overlay)")!;
    const link = document.querySelector<HTMLAnchorElement>('#record-files a[download$=".webm"]')!;
    const video = Object.assign(document.createElement("video"), { src: link.href, muted: true });
    await new Promise((ended) => {
      video.onended = ended;
      void video.play();
    });
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

/** The text of the file that a link in the record panel offers. */
async function offered(page: Page, extension: string): Promise<string> {
  const link = page.locator(`#record-files a[download$="${extension}"]`);
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  return await text(await download.createReadStream()); // which a shared browser gives too, unlike a path
}

inPage("a recording is NDJSON, CSV and a video, and is replayed over it", DESKTOP, async (page) => {
  await page.goto(server.url + GOVERNOR_OFF);
  for (const button of EDITS) assert.equal(await page.isDisabled(button), true, button);
  await makeVideo(page, 1);
  await choose(page, "video", { "clip.webm": null });
  await pointsAbove(page, 10);
  await nextPainted(page); // before, there is nothing to record
  await page.getByRole("heading", { name: "Record" }).click();
  const before = await seenSoFar(page);
  await page.click("#record");
  await page.waitForSelector("#record[aria-pressed=true]"); // those seen before it are not in it
  await seenTracks(page, 10, await seenSoFar(page));
  await page.click("#record");
  await page.waitForSelector('#record-files a[download$=".csv"]');
  const ndjson = await offered(page, ".ndjson");
  const [header, ...results] = ndjson.trim().split("\n").map((line) => JSON.parse(line));
  const during = await page.evaluate((before) => seen.slice(before), before);
  assert.equal(header.type, "recording");
  assert.equal(header.origin, 0);
  assert.ok(results.length >= 9);
  assert.deepEqual(results[0].points.id, during.find(({ seq }) => seq === results[0].seq)!.ids);
  assert.ok(results.every(({ timestamp }) => timestamp >= 0 && timestamp < 2000)); // in the video
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
  const signature = (await buffer(await png.createReadStream())).subarray(1, 4);
  assert.equal(new TextDecoder().decode(signature), "PNG");

  await page.click("#stop");
  const at = await seenSoFar(page);
  const later = [ // as of a camera, whose clock began before its recording
    { ...header, origin: 5000 },
    ...[0, 10_000].flatMap((later) =>
      // and its video was gone through twice
      results.map((result) => ({
        ...result,
        seq: result.seq + later,
        timestamp: result.timestamp + 5000,
      }))
    ),
  ].map((line) => `${JSON.stringify(line)}\n`).join("");
  await choose(page, "recording", { "tracks.ndjson": later, "clip.webm": null });
  const replayed = await seenTracks(page, 5, at);
  const byId = new Map(results.map(({ seq, points }) => [seq, points.id]));
  assert.equal(await page.textContent("#state"), "Replay");
  for (const { seq, ids } of replayed) assert.deepEqual(ids, byId.get(seq));
  await page.waitForFunction(() => seen.at(-1)!.seq >= 10_000);
  for (const button of EDITS) assert.equal(await page.isDisabled(button), true, button);
  await page.focus("#touch");
  await page.keyboard.press("c");
  await announced(page, /Nothing can be edited/);
  await page.click("#record");
  await seenTracks(page, 3, await seenSoFar(page));
  await page.click("#record");
  await page.waitForSelector('#record-files a[download$=".ndjson"]');
  const [again] = (await offered(page, ".ndjson")).split("\n").map((line) =>
    JSON.parse(line || "{}")
  );
  assert.equal(again.origin, 5000); // it belongs to the same video
  await page.click("#stop");
  await choose(page, "recording", {
    "tracks.ndjson": `${JSON.stringify(header)}\n{"type":"x"}\n`,
    "clip.webm": null,
  });
  await page.waitForSelector("#state[data-state=error]");
  assert.match((await page.textContent("#notice-text"))!, /Line 2/);
});

/** The tracks and the picture, recorded for so many results. */
async function record(page: Page, results: number): Promise<string> {
  await page.getByRole("heading", { name: "Record" }).click();
  await page.uncheck("#record-drawing");
  await page.click("#record");
  await seenTracks(page, results, await seenSoFar(page));
  await page.click("#record");
  await page.waitForSelector('#record-files a[download$=".csv"]');
  await page.evaluate(async () => {
    const link = document.querySelector<HTMLAnchorElement>('#record-files a[download$=".webm"]')!;
    globalThis.video = await (await fetch(link.href)).blob();
  });
  return await offered(page, ".ndjson");
}

inPage("a recording is replayed over the video recorded with it", {
  ...DESKTOP,
  bypassCSP: true, // to read the recorded video back
}, async (page) => {
  await followSample(page);
  const ndjson = await record(page, 10);
  const [, ...results] = ndjson.trim().split("\n").map((line) => JSON.parse(line));
  for (const [i, { at }] of results.entries()) assert.ok(i === 0 || at > results[i - 1].at);
  await page.click("#stop");
  const before = await seenSoFar(page);
  await choose(page, "recording", { "tracks.ndjson": ndjson, "any name.webm": null });
  await announced(page, /“any name\.webm” has neither the name/);
  const replayed = await seenTracks(page, 8, before);
  const ids = new Map(results.map(({ seq, points }) => [seq, points.id]));
  for (const { seq, ids: shown } of replayed) assert.deepEqual(shown, ids.get(seq));
  await page.click("#stop");
  assert.equal(await page.textContent("#points"), "0");
});

inPage("a recording of another video is told", DESKTOP, async (page) => {
  await page.goto(server.url + GOVERNOR_OFF);
  await makeVideo(page, 0.5);
  const [header, result] = [
    { type: "recording", version: 1, source: "other.webm", origin: 0, date: "" },
    await oneResult(page),
  ];
  const ndjson = [header, { ...result, timestamp: 1e6 }].map((line) => JSON.stringify(line));
  await choose(page, "recording", { "tracks.ndjson": ndjson.join("\n"), "clip.webm": null });
  await page.waitForSelector("#state[data-state=error]");
  assert.match((await page.textContent("#notice-title"))!, /not of this video/);
});

/** A result in the JSON form of the wire. */
function oneResult(page: Page): Promise<Record<string, unknown>> {
  return page.evaluate(async () => {
    const { capture, connect, openSample, tracksToJson } = await import(
      `${location.origin}/lkstream.js`
    );
    using sample = openSample();
    using connection = connect(location.origin);
    capture(sample.picture, connection);
    return await new Promise((done) =>
      connection.on("tracks", (tracks: Tracks) => done(tracksToJson(tracks)))
    );
  });
}

inPage("what is chosen while a recording is read comes instead of it", DESKTOP, async (page) => {
  await page.addInitScript(() => {
    const { stream } = Blob.prototype;
    Blob.prototype.stream = function () {
      const slow = new TransformStream({
        async transform(chunk, controller) {
          await new Promise((later) => addEventListener("read-on", later, { once: true }));
          controller.enqueue(chunk);
        },
      });
      return stream.call(this).pipeThrough(slow);
    };
  });
  await page.goto(server.url + GOVERNOR_OFF);
  await makeVideo(page, 0.5);
  const header = '{"type":"recording","version":1,"source":"clip.webm","origin":0,"date":""}';
  const result = JSON.stringify(await oneResult(page));
  await choose(page, "recording", {
    "tracks.ndjson": `${header}\n${result}\n`,
    "clip.webm": null,
  });
  await page.waitForFunction(() => /Reading/.test(document.body.innerText));
  await page.selectOption("#source", "sample");
  await isLive(page);
  await page.evaluate(() => dispatchEvent(new Event("read-on")));
  await seenTracks(page, 5, await seenSoFar(page));
  assert.equal(await page.textContent("#state"), "Live");
  assert.equal(await page.locator("#stage > canvas:not(#overlay)").count(), 1); // the sample's
});

inPage(
  "frames are recorded as MCAP, for other viewers, where that is asked for",
  DESKTOP,
  async (page) => {
    await followStill(page);
    await page.getByRole("heading", { name: "Record" }).click();
    const record = async () => {
      await page.click("#record");
      await seenTracks(page, 4, await seenSoFar(page));
      await page.click("#record");
      await page.waitForSelector('#record-files a[download$=".csv"]');
    };
    await record();
    assert.equal(await page.locator('#record-files a[download$=".mcap"]').count(), 0);
    assert.ok(!await isLoaded(page, "mcap.js"), "who does not record it does not load it");
    await page.check("#record-frames");
    await record();
    const link = page.locator('#record-files a[download$=".mcap"]');
    const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
    const bytes = new Uint8Array(await buffer(await download.createReadStream()));
    const messages = readMcap(bytes);
    const of = (topic: string) => messages.filter((one) => one.topic === `/lkstream/${topic}`);
    const frames = Number(/: (\d+) frames/.exec((await page.textContent("#record-status"))!)![1]);
    for (const topic of ["image", "points", "tracks"]) {
      assert.equal(
        of(topic).length,
        frames,
        topic,
      );
    }
    const { schema, data, logTime } = of("image")[0];
    const jpeg = new Uint8Array(decodeBy(schema.data, schema.name, data).data);
    const { width, height } = JSON.parse(new TextDecoder().decode(of("tracks")[0].data));
    assert.deepEqual(jpegSize(jpeg), { width, height });
    const minutes = (Date.now() - Number(logTime / 1_000_000n)) / 60_000;
    assert.ok(minutes >= 0 && minutes < 60, "it has the time of day");
    await download.delete();
  },
);

function isLoaded(page: Page, name: string): Promise<boolean> {
  return page.evaluate(
    (name) =>
      performance.getEntriesByType("resource").some((entry) => entry.name.endsWith(`/${name}`)),
    name,
  );
}
