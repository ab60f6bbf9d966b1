import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import type * as sdk from "../../client/sdk/mod.ts";
import { endInTime, openBrowser } from "../lib/browser.ts";
import { defaultServer } from "../lib/running.ts";
import { Throttle } from "../lib/throttle.ts";

let browser: Browser;
let server: Awaited<ReturnType<typeof defaultServer>>;

Deno.test.beforeAll(async () => {
  server = await defaultServer();
  browser = await openBrowser();
});

Deno.test.afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

/** A test in a page of the server that is not lkstream's own, and that logs no error. */
function inPage(name: string, body: (page: Page) => Promise<void>): void {
  Deno.test(`sdk in a browser: ${name}`, async () => {
    const options = { permissions: ["camera"], bypassCSP: true };
    await using page = endInTime(await browser.newPage(options));
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(`${error}`));
    await page.goto(`${server.url}/healthz`);
    await body(page);
    assert.deepEqual(errors, []);
  });
}

/** What came of a source that was attached. */
interface Outcome {
  points: number;
  width: number;
  height: number;
  times: sdk.FrameTimes;
  thread: string | null;
}

for (const kind of ["video", "canvas", "track", "track that has to be played"] as const) {
  inPage(`a ${kind} is attached, its frames are tracked and timed`, async (page) => {
    const outcome = await page.evaluate(async (kind): Promise<Outcome> => {
      if (/played/.test(kind)) Reflect.deleteProperty(globalThis, "MediaStreamTrackProcessor");
      const { capture, connect, openCamera, openSample }: typeof sdk = await import(
        `${location.origin}/lkstream.js`
      );
      const source = kind === "canvas"
        ? openSample({ width: 320, height: 240 })
        : await openCamera({ width: 320, height: 240 });
      document.body.append(source.picture);
      const { picture } = source;
      const track = () =>
        ((picture as HTMLVideoElement).srcObject as MediaStream).getVideoTracks()[0];
      const connection = connect(location.origin);
      const capturing = capture(/track/.test(kind) ? track() : picture, connection, {
        maxRate: 20,
      });
      const outcome = await new Promise<Outcome>((resolve) => {
        let latest: sdk.Tracks;
        connection.on("tracks", (tracks) => latest = tracks);
        connection.on("frame", (times) => {
          const { width, height, points } = latest;
          const { thread } = capturing.measured();
          if (times.seq !== latest.seq) throw new Error("the times of another frame");
          // soon: a worker that is slow, as this machine may be, is not used for long
          if (times.seq >= 2) resolve({ points: points.id.length, width, height, times, thread });
        });
      });
      capturing.close();
      capturing.close();
      if (/track/.test(kind) && track().readyState !== "live") {
        throw new Error("the track was ended");
      }
      source.close();
      connection.close();
      return outcome;
    }, kind);
    const { points, width, height, times, thread } = outcome;
    assert.ok(points > 0);
    assert.deepEqual([width, height, thread], [320, 240, "worker"]);
    // A video's frame is taken without a copy, in less than the clock tells.
    assert.equal(typeof times.capture, "number");
    assert.ok(times.capture! >= 0 && times.encode! > 0 && times.decode > 0);
    const { network, queue, decode, track, detect, other, roundTrip } = times;
    const sum = network + queue + decode + track + detect + other;
    assert.ok(Math.abs(sum - roundTrip) < 0.1, `${sum} of ${roundTrip} ms`);
  });
}

/** Chromium has it; the platform's types do not know it. */
declare const MediaStreamTrackGenerator: {
  new (init: { kind: "video" }): MediaStreamTrack & { writable: WritableStream<VideoFrame> };
};

for (const kind of ["video", "video of an older browser", "track"] as const) {
  inPage(`a turned ${kind} is sent upright`, async (page) => {
    const sent = await page.evaluate(async (kind) => {
      const lying = new OffscreenCanvas(320, 240); // its left is above when it is turned
      const context = lying.getContext("2d")!;
      for (const [x, colour] of [[0, "#fff"], [160, "#000"]] as const) {
        context.fillStyle = colour;
        context.fillRect(x, 0, 160, 240);
      }
      if (/older/.test(kind)) { // where a frame of a turned video lies
        Reflect.deleteProperty(VideoFrame.prototype, "rotation");
        globalThis.VideoFrame = new Proxy(VideoFrame, {
          construct: (frame, [picture, init = { timestamp: 0 }]) =>
            new frame(picture instanceof HTMLVideoElement ? lying : picture, init),
        });
      }
      const turned = new MediaStreamTrackGenerator({ kind: "video" });
      const writer = turned.writable.getWriter();
      const writing = setInterval(() => {
        const timestamp = 1000 * performance.now();
        writer.write(new VideoFrame(lying, { timestamp, rotation: 90 } as VideoFrameInit));
      }, 50);
      const video = Object.assign(document.createElement("video"), { muted: true });
      video.srcObject = new MediaStream([turned]);
      await video.play();

      const { capture }: typeof sdk = await import(`${location.origin}/lkstream.js`);
      let capturing: sdk.Capture;
      const jpeg = await new Promise<Uint8Array<ArrayBuffer>>((send) => {
        const connection = { state: { name: "open" }, free: 1, send } as unknown as sdk.Connection;
        capturing = capture(kind === "track" ? turned : video, connection);
      });
      capturing!.close();
      clearInterval(writing);
      const picture = await createImageBitmap(new Blob([jpeg]));
      const { width, height } = picture;
      const seen = new OffscreenCanvas(width, height).getContext("2d")!;
      seen.drawImage(picture, 0, 0);
      const greyAt = (x: number, y: number) => seen.getImageData(x, y, 1, 1).data[0];
      return { width, height, above: greyAt(200, 20), below: greyAt(20, height - 20) };
    }, kind);
    assert.deepEqual([sent.width, sent.height], [240, 320]);
    assert.ok(sent.above > 240 && sent.below < 15, JSON.stringify(sent));
  });
}

inPage("a page of another origin encodes in a worker too", async (page) => {
  await page.goto(`${server.url.replace("127.0.0.1", "localhost")}/healthz`);
  const { thread, start } = await page.evaluate(async (origin) => {
    const { capture, openSample }: typeof sdk = await import(`${origin}/lkstream.js`);
    const sample = openSample({ width: 64, height: 48 });
    document.body.append(sample.picture);
    let capturing: sdk.Capture;
    const jpeg = await new Promise<Uint8Array>((send) => {
      const connection = { state: { name: "open" }, free: 1, send } as unknown as sdk.Connection;
      capturing = capture(sample.picture, connection);
    });
    const { thread } = capturing!.measured();
    capturing!.close();
    sample.close();
    return { thread, start: [...jpeg.subarray(0, 2)] };
  }, server.url);
  assert.deepEqual([thread, start], ["worker", [0xff, 0xd8]]);
});

inPage(
  "where only workers get noise from their canvases, the page's thread encodes",
  async (page) => {
    await page.route("**/capture-worker.js", async (route) => {
      const response = await route.fetch();
      const noise = `OffscreenCanvasRenderingContext2D.prototype.getImageData =
      (x, y, width, height) => new ImageData(width, height);`;
      await route.fulfill({ response, body: noise + await response.text() });
    });
    const thread = await page.evaluate(async () => {
      const { capture, openSample }: typeof sdk = await import(`${location.origin}/lkstream.js`);
      const sample = openSample({ width: 64, height: 48 });
      document.body.append(sample.picture);
      let capturing: sdk.Capture;
      await new Promise((send) => {
        const connection = { state: { name: "open" }, free: 1, send } as unknown as sdk.Connection;
        capturing = capture(sample.picture, connection);
      });
      const { thread } = capturing!.measured();
      capturing!.close();
      sample.close();
      return thread;
    });
    assert.equal(thread, "main");
  },
);

inPage("a canvas that gives noise is told once, and nothing of it is sent", async (page) => {
  const { errors, sent } = await page.evaluate(async () => {
    const { capture, openSample, SourceError }: typeof sdk = await import(
      `${location.origin}/lkstream.js`
    );
    globalThis.Worker = class {
      constructor() {
        throw new DOMException("not here", "SecurityError");
      }
    } as unknown as typeof Worker;
    OffscreenCanvasRenderingContext2D.prototype.getImageData = (_x, _y, width, height) =>
      new ImageData(width, height);
    const sample = openSample({ width: 64, height: 48 });
    document.body.append(sample.picture);
    let sent = 0;
    const send = () => sent++;
    const connection = { state: { name: "open" }, free: 1, send } as unknown as sdk.Connection;
    const capturing = capture(sample.picture, connection);
    const errors: string[] = [];
    capturing.on("error", (error) => {
      errors.push(`${error instanceof SourceError && error.reason}: ${error.message}`);
    });
    for (let frames = 0; frames < 20; frames++) await new Promise(requestAnimationFrame);
    capturing.close();
    sample.close();
    return { errors, sent };
  });
  assert.deepEqual(errors, ["CanvasNoise: The browser gives noise instead of the picture"]);
  assert.equal(sent, 0);
});

/** Runs in a worker: attaches what it is sent, answers with the first outcome. */
const WORKER = `
  onmessage = async ({ data: { origin, source } }) => {
    try {
      const { capture, connect } = await import(origin + "/lkstream.js");
      const connection = connect(origin);
      connection.on("error", (error) => postMessage({ error: String(error) }));
      if (source instanceof OffscreenCanvas) {
        const context = source.getContext("2d");
        const draw = () => {
          for (let i = 0; i < 60; i++) {
            context.fillStyle = "#" + (i * 7919 % 4096).toString(16).padStart(3, "0");
            context.fillRect(i * 89 % 300, i * 53 % 220, 18, 14);
          }
          requestAnimationFrame(draw);
        };
        draw();
      }
      const capturing = capture(source, connection);
      connection.on("tracks", ({ seq, points, width, height }) => {
        if (seq < 3) return;
        const { thread } = capturing.measured();
        capturing.close();
        connection.close();
        postMessage({ points: points.id.length, width, height, thread });
      });
    } catch (error) {
      postMessage({ error: String(error) });
    }
  };`;

inPage("in a worker, an OffscreenCanvas is attached", async (page) => {
  const outcome = await page.evaluate(async (script) => {
    const worker = new Worker(URL.createObjectURL(new Blob([script])));
    const source = new OffscreenCanvas(320, 240);
    const outcome = new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data));
    worker.postMessage({ origin: location.origin, source }, [source]);
    return await outcome as Partial<Outcome> & { error?: string };
  }, WORKER);
  assert.equal(outcome.error, undefined);
  assert.deepEqual([outcome.width, outcome.height, outcome.thread], [320, 240, "worker"]);
  assert.ok(outcome.points! > 0);
});

inPage(
  "a source that is held or slow goes on, what went on unseen or was moved begins anew",
  async (page) => {
    const follows = await page.evaluate(async () => {
      const { watchFrames }: typeof sdk = await import(`${location.origin}/lkstream.js`);
      const repaints: FrameRequestCallback[] = [];
      globalThis.requestAnimationFrame = (callback) => repaints.push(callback);
      let frames: VideoFrameRequestCallback[] = [];
      HTMLVideoElement.prototype.requestVideoFrameCallback = (callback) => frames.push(callback);

      /** Watches `source` and tells of each of `acts` what is said of a frame, if one comes. */
      const watch = (source: sdk.Picture, acts: (() => void)[]) => {
        repaints.length = frames.length = 0;
        let told: boolean[] = [];
        using _ = watchFrames(source, (_now, _timestamp, follows) => told.push(follows));
        return acts.map((act) => {
          told = [];
          act();
          return told;
        });
      };
      const repaint = (now: number, number?: number) => () => {
        if (number !== undefined) canvas.dataset.frame = `${number}`;
        for (const callback of repaints.splice(0)) callback(now);
      };
      const frame = (now: number, place = 0) => () => {
        const shown = frames;
        frames = [];
        for (const callback of shown) {
          callback(now, { mediaTime: place } as VideoFrameCallbackMetadata);
        }
      };
      const leap = (target: EventTarget, type: string, next: () => void) => () => {
        target.dispatchEvent(new Event(type));
        next();
      };
      const hide = (next: () => void) => leap(document, "visibilitychange", next);
      const canvas = document.createElement("canvas");
      const file = document.createElement("video"), camera = document.createElement("video");
      camera.srcObject = new MediaStream();
      const seek = (next: () => void) => leap(file, "seeking", next);
      return {
        // repainted all the time, then not while the page was hidden
        canvas: watch(canvas, [
          repaint(0),
          repaint(16),
          repaint(3000),
          repaint(9000),
          repaint(9016),
        ]),
        // of few frames, then held: its page was hidden first without a new frame and then with many
        numbered: watch(canvas, [
          repaint(0, 1),
          repaint(2000, 1),
          repaint(4000, 2),
          repaint(9000, 2),
          repaint(9016, 3),
          repaint(19_000, 50),
          repaint(19_016, 51),
        ]),
        // of few frames, held, hidden as it was held, moved a little, moved far, begun again, hidden
        file: watch(file, [
          frame(0, 0),
          frame(5000, 5),
          frame(60_000, 5.1),
          hide(frame(120_000, 5.2)),
          seek(frame(121_000, 6)),
          seek(frame(180_000, 30)),
          frame(180_033, 30.03),
          seek(frame(180_066, 0)),
          frame(180_100, 0.03),
          hide(frame(200_000, 20)),
          frame(200_033, 20.03),
        ]),
        // of a screen where nothing moves, hidden for a moment, for long
        live: watch(camera, [
          frame(0),
          frame(9000),
          hide(frame(9100)),
          hide(frame(19_000)),
          frame(19_033),
        ]),
      };
    });
    const [yes, no] = [[true], [false]];
    assert.deepEqual(follows, {
      canvas: [no, yes, yes, no, yes],
      numbered: [no, [], yes, [], yes, no, yes],
      file: [no, yes, yes, yes, yes, no, yes, no, yes, no, yes],
      live: [no, yes, yes, no, yes],
    });
  },
);

inPage("what does not follow is sent with a reset, and nothing else is", async (page) => {
  const resets = await page.evaluate(async () => {
    const { capture }: typeof sdk = await import(`${location.origin}/lkstream.js`);
    let repaint: FrameRequestCallback = () => {};
    globalThis.requestAnimationFrame = (callback) => (repaint = callback, 0);
    const canvas = document.createElement("canvas");
    canvas.getContext("2d");
    const resets: (boolean | undefined)[] = [];
    let sent = () => {};
    const connection = {
      state: { name: "open" },
      free: 2,
      send: (_: Uint8Array, { reset }: { reset?: boolean }) => (resets.push(reset), sent(), 0),
    } as unknown as sdk.Connection;
    const capturing = capture(canvas, connection, { keepFrames: false });
    for (const now of [0, 1000, 2000, 9000, 9500]) {
      await new Promise<void>((resolve) => {
        sent = resolve;
        repaint(now);
      });
      await new Promise((resolve) => setTimeout(resolve)); // it is ready for the next
    }
    capturing.close();
    return resets;
  });
  assert.deepEqual(resets, [true, false, false, true, false]);
});

inPage("images that decode slowly come one by one, after Pause and Play too", async (page) => {
  const { shown, atOnce, open } = await page.evaluate(async () => {
    const { openImages }: typeof sdk = await import(`${location.origin}/lkstream.js`);
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    /** Each image is known by its height. */
    const files = await Promise.all([1, 2, 3, 4].map(async (height) => {
      const canvas = new OffscreenCanvas(8, height);
      canvas.getContext("2d");
      return new File([await canvas.convertToBlob()], `${height}.png`, { type: "image/png" });
    }));
    const decoded: ImageBitmap[] = [], shown: number[] = [];
    let decoding = 0, atOnce = 0;
    const { createImageBitmap } = globalThis;
    globalThis.createImageBitmap = async (file: ImageBitmapSource) => {
      atOnce = Math.max(atOnce, ++decoding);
      const image = await createImageBitmap(file);
      decoded.push(image);
      await pause(image.height % 2 === 1 ? 120 : 20); // some take longer than the rate, some do not
      decoding--;
      shown.push(image.height);
      return image;
    };
    const images = await openImages(files, { rate: 20 });
    while (shown.length < 4 || decoding === 0) await pause(5);
    images.pause();
    images.play();
    while (shown.length < 12 || decoding === 0) await pause(5);
    images.close();
    while (decoding > 0) await pause(5);
    await pause(0);
    return { shown: shown.slice(0, 12), atOnce, open: decoded.filter(({ width }) => width > 0) };
  });
  assert.deepEqual(shown, [1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]);
  assert.equal(atOnce, 1);
  assert.deepEqual(open, []);
});

inPage(
  "a video that cannot be opened, and one that may not start, say each what helps",
  async (page) => {
    const [unreadable, soundOnly, refused] = await page.evaluate(async () => {
      const { openVideo }: typeof sdk = await import(`${location.origin}/lkstream.js`);
      const open = (file = new Blob(["text"])) =>
        openVideo(file).catch((error: sdk.SourceError) => error);
      const unreadable = await open() as sdk.SourceError;
      const audio = new AudioContext();
      const recorder = new MediaRecorder(audio.createMediaStreamDestination().stream);
      recorder.start();
      setTimeout(() => recorder.stop(), 300);
      const { data } = await new Promise<BlobEvent>((done) => recorder.ondataavailable = done);
      await audio.close();
      const soundOnly = await open(data) as sdk.SourceError;
      HTMLMediaElement.prototype.play = () =>
        Promise.reject(new DOMException("no gesture", "NotAllowedError"));
      const refused = await open() as sdk.SourceError;
      return [unreadable, soundOnly, refused].map(({ reason, message, remedy }) => ({
        reason,
        message,
        remedy,
      }));
    });
    for (const { message, remedy } of [unreadable, soundOnly]) {
      assert.match(message, /does not play this kind/);
      assert.match(remedy, /ffmpeg/);
    }
    assert.equal(refused.reason, "NotAllowedError");
    assert.match(refused.message, /did not let the video start/);
    assert.doesNotMatch(refused.remedy, /ffmpeg/);
  },
);

inPage("the governor brings a real capture under its target over a slow link", async (page) => {
  const link = await Throttle.open(new URL(server.url), { delayMs: 5, bytesPerMs: 125 });
  try {
    await page.goto(`${link.url}/healthz`);
    const { reasons, quality, roundTrips } = await page.evaluate(async () => {
      const { capture, connect, govern, openSample }: typeof sdk = await import(
        `${location.origin}/lkstream.js`
      );
      const sample = openSample({ width: 640, height: 480 });
      const connection = connect(location.origin);
      const capturing = capture(sample.picture, connection, { maxRate: 15 });
      const governor = govern(capturing, connection, { targetMs: 300 });
      const reasons: string[] = [];
      let roundTrips: number[] = [];
      governor.on("change", ({ reason }) => {
        reasons.push(reason);
        roundTrips = [];
      });
      await new Promise<void>((resolve) =>
        connection.on("frame", ({ roundTrip }) => {
          roundTrips.push(roundTrip);
          const fast = roundTrips.slice(-12).filter((ms) => ms < 300);
          if (reasons.length > 0 && fast.length >= 9) resolve();
        })
      );
      const { quality } = governor.state;
      governor.close();
      capturing.close();
      sample.close();
      connection.close();
      return { reasons, quality, roundTrips };
    });
    assert.match(reasons[0], /^Lowered the JPEG quality/);
    assert.ok(quality < 0.8, `${quality}, ${roundTrips}`);
  } finally {
    await link.close();
  }
});
