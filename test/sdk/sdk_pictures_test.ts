import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type * as sdk from "../../client/sdk/mod.ts";
import { inPage, server } from "../lib/page.ts";

/** What the tests find in the page. */
interface Watched {
  /** Every picture that came to be on the page's thread. */
  pictures: (ImageBitmap | VideoFrame)[];
  /** Of those, how many are neither closed nor given away. */
  countOpen(): number;
  /** The same in the latest worker: how many came to be there, and how many are open. */
  countInWorker(): Promise<{ made: number; open: number }>;
  /** A connection that takes this many frames and fails to take some; `full` once it has them. */
  makeConnection(frames: number): { connection: sdk.Connection; full: Promise<void> };
}
declare const watched: Watched;

/**
 * Notes every picture that comes to be in a thread, by whichever way. One that is
 * closed, or was given to another thread, has no size any more.
 */
function watchPictures(): void {
  const { VideoFrame, createImageBitmap, BroadcastChannel } = globalThis;
  const pictures: Watched["pictures"] = [];
  const note = <T>(it: T): T => {
    if (it instanceof VideoFrame || it instanceof ImageBitmap) pictures.push(it);
    return it;
  };
  const { clone } = VideoFrame.prototype;
  const { read } = ReadableStreamDefaultReader.prototype;
  VideoFrame.prototype.clone = function () {
    return note(clone.call(this));
  };
  ReadableStreamDefaultReader.prototype.read = async function () {
    const result = await read.call(this);
    note(result.value);
    return result;
  };
  globalThis.VideoFrame = new Proxy(VideoFrame, {
    construct: (frame, [...args]: ConstructorParameters<typeof VideoFrame>) =>
      note(new frame(...args)),
  });
  globalThis.createImageBitmap = async (...args: unknown[]) =>
    note(await createImageBitmap(...args as [ImageBitmapSource]));
  const countOpen = () =>
    pictures.filter((it) => (it instanceof VideoFrame ? it.displayWidth : it.width) > 0).length;

  if (typeof document === "undefined") {
    addEventListener("message", ({ data }) => note(data.image));
    const channel = new BroadcastChannel("pictures");
    channel.onmessage = () => channel.postMessage({ made: pictures.length, open: countOpen() });
    return;
  }
  addEventListener("kept", (event) => note((event as CustomEvent).detail));
  const countInWorker = () =>
    new Promise((resolve) => {
      const channel = new BroadcastChannel("pictures");
      channel.onmessage = ({ data }) => resolve(data);
      channel.postMessage("count");
    });
  Object.assign(globalThis, { watched: { pictures, countOpen, countInWorker } });
}

/** Puts {@linkcode Watched} into a page and the workers it starts, which first run `inWorker`. */
async function watch(page: Page, inWorker = ""): Promise<void> {
  await page.goto(`${server.url}/healthz`);
  await page.evaluate(`(${watchPictures})()`);
  await page.evaluate((first) => {
    globalThis.Worker = class extends Worker {
      constructor(url: string | URL, options?: WorkerOptions) {
        const script = `${first}; await import("${url}");`;
        super(URL.createObjectURL(new Blob([script], { type: "text/javascript" })), options);
        this.addEventListener("message", ({ data: { picture } }) => {
          if (picture) dispatchEvent(new CustomEvent("kept", { detail: picture }));
        });
      }
    };
    watched.makeConnection = (frames) => {
      const { promise: full, resolve, reject } = Promise.withResolvers<void>();
      setTimeout(() => reject(new Error("the frames did not come")), 30_000);
      let seq = 0;
      const connection = {
        state: { name: "open" },
        free: 2,
        send() {
          if (++seq === 5) throw new Error("on purpose");
          if (seq < frames) return seq % 3 === 1 ? null : seq;
          connection.free = 0;
          resolve();
          return seq;
        },
      };
      return { connection: connection as unknown as sdk.Connection, full };
    };
  }, `(${watchPictures})(); ${inWorker}`);
}

for (const kind of ["video", "track", "canvas", "video, without a worker"] as const) {
  inPage(`sdk: each picture of a ${kind} is closed`, { bypassCSP: true }, async (page) => {
    await watch(page);
    const counted = await page.evaluate(async (kind) => {
      if (kind === "video, without a worker") Reflect.deleteProperty(globalThis, "Worker");
      const { capture, openCamera, openSample }: typeof sdk = await import(
        `${location.origin}/lkstream.js`
      );
      const source = kind === "canvas" ? openSample() : await openCamera();
      const attached = kind === "track"
        ? (source as sdk.Camera).stream.getVideoTracks()[0]
        : source.picture;
      // so few that the worker is not judged yet: this machine may be slow
      const { connection, full } = watched.makeConnection(6);
      const capturing = capture(attached, connection);
      await full;
      const { thread } = capturing.measured();
      const inWorker = thread === "worker" ? await watched.countInWorker() : null;
      capturing.close();
      source.close();
      return { thread, inWorker, made: watched.pictures.length, open: watched.countOpen() };
    }, kind);
    const { thread, inWorker, made, open } = counted;
    assert.ok(made >= 12, `${made} pictures were seen`); // taken and kept, of each frame
    assert.equal(open, 0);
    assert.equal(thread, /without/.test(kind) ? "main" : "worker");
    if (inWorker) assert.ok(inWorker.made >= 12, `${inWorker.made} pictures were seen there`);
    assert.equal(inWorker?.open ?? 0, 0);
  });
}

inPage(
  "sdk: closed before its worker has started, it is done",
  { bypassCSP: true },
  async (page) => {
    await watch(page, "await new Promise((resolve) => setTimeout(resolve, 300))");
    const { made, open, posted } = await page.evaluate(async () => {
      const { capture, openCamera }: typeof sdk = await import(`${location.origin}/lkstream.js`);
      let posted = 0;
      const terminated = new Promise<void>((resolve) =>
        Worker.prototype.terminate = () => resolve()
      );
      Worker.prototype.postMessage = () => posted++;
      using camera = await openCamera();
      const capturing = capture(camera.picture, watched.makeConnection(2).connection);
      while (watched.pictures.length === 0) await new Promise(requestAnimationFrame);
      capturing.close();
      await terminated;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return { made: watched.pictures.length, open: watched.countOpen(), posted };
    });
    assert.deepEqual({ made, open, posted }, { made: 1, open: 0, posted: 0 });
  },
);

inPage(
  "sdk: a bundle without an address encodes on the page's thread",
  { bypassCSP: true },
  async (page) => {
    await watch(page);
    const { thread, message, made, open } = await page.evaluate(async () => {
      const text = await (await fetch("/lkstream.js")).text();
      const bundle = text.replace("import.meta.url", "undefined");
      const { capture, openCamera }: typeof sdk = await import(
        URL.createObjectURL(new Blob([bundle], { type: "text/javascript" }))
      );
      using camera = await openCamera();
      const { connection, full } = watched.makeConnection(2);
      const capturing = capture(camera.picture, connection);
      await full;
      const { thread } = capturing.measured();
      capturing.close();

      // and where that cannot be either, it is told
      Reflect.deleteProperty(globalThis, "OffscreenCanvas");
      const failing = capture(camera.picture, watched.makeConnection(2).connection);
      const { message } = await new Promise<Error>((resolve) => failing.on("error", resolve));
      failing.close();
      return { thread, message, made: watched.pictures.length, open: watched.countOpen() };
    });
    assert.equal(thread, "main");
    assert.match(message, /OffscreenCanvas/);
    assert.ok(made > 0);
    assert.equal(open, 0);
  },
);

for (const side of ["page", "worker"] as const) {
  inPage(`sdk: a message that the ${side} cannot read is an error, and the next frame goes`, {
    bypassCSP: true,
  }, async (page) => {
    await watch(
      page,
      side === "page" ? "" : `addEventListener("message", (event) => {
        event.stopImmediatePropagation();
        dispatchEvent(new MessageEvent("messageerror"));
      }, { once: true })`,
    );
    const messages = await page.evaluate(async (side) => {
      const { capture, openCamera }: typeof sdk = await import(`${location.origin}/lkstream.js`);
      if (side === "page") {
        const { postMessage } = Worker.prototype;
        Worker.prototype.postMessage = function () {
          Worker.prototype.postMessage = postMessage;
          this.dispatchEvent(new MessageEvent("messageerror"));
        };
      }
      using camera = await openCamera();
      const { connection, full } = watched.makeConnection(3);
      using capturing = capture(camera.picture, connection);
      const messages: string[] = [];
      capturing.on("error", ({ message }) => messages.push(message));
      await full;
      return messages;
    }, side);
    assert.deepEqual(messages, [
      side === "page"
        ? "Cannot encode a frame: the worker failed"
        : "Cannot encode a frame: the worker cannot read it",
    ]);
  });
}
