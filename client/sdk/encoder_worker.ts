/// <reference lib="webworker" />
import type { EncodeReply, EncodeRequest } from "./encoder.ts";
import { JpegCanvas } from "./jpeg_canvas.ts";

/** The worker that turns pictures into JPEGs, off the page's thread. It first says that it can. */
const worker = globalThis as unknown as DedicatedWorkerGlobalScope;
const canvas = new JpegCanvas();

worker.onmessage = async ({ data: { bitmap, quality } }: MessageEvent<EncodeRequest>) => {
  try {
    const jpeg = await canvas.encode(bitmap, quality);
    // The picture goes back: what is drawn under a result is what was sent.
    const reply: EncodeReply = { bitmap, jpeg };
    worker.postMessage(reply, [bitmap, jpeg.buffer]);
  } catch (error) {
    bitmap.close();
    worker.postMessage(String(error));
  }
};

worker.postMessage("ready");
