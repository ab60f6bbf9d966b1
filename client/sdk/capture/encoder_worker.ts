/// <reference lib="webworker" />
import type { EncodeRequest } from "./encoding.ts";
import { JpegCanvas } from "./jpeg_canvas.ts";
import { givesPixelsBack } from "./read_back.ts";

/** The worker that turns frames into JPEGs, off the page's thread. It first says whether it can. */
const worker = globalThis as unknown as DedicatedWorkerGlobalScope;
const canvas = new JpegCanvas();

worker.onmessage = async ({ data }: MessageEvent<EncodeRequest>) => {
  try {
    const reply = await canvas.encode(data);
    const { picture, jpeg } = reply;
    worker.postMessage(reply, picture ? [picture, jpeg.buffer] : [jpeg.buffer]);
  } catch (error) {
    worker.postMessage(String(error));
  }
};

worker.onmessageerror = () => worker.postMessage("the worker cannot read it");

worker.postMessage(givesPixelsBack());
