/// <reference lib="webworker" />
import type { EncodeReply, EncodeRequest } from "./encoder.ts";

/**
 * The worker that turns pictures into JPEGs, off the page's thread. It first says
 * whether this browser can: an OffscreenCanvas that draws and writes JPEG.
 */
const worker = globalThis as unknown as DedicatedWorkerGlobalScope;
const canvas = new OffscreenCanvas(1, 1);
const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true })!;

worker.onmessage = async ({ data }: MessageEvent<EncodeRequest>) => {
  const { bitmap } = data;
  try {
    const jpeg = await encode(data);
    // The picture goes back: what is drawn under a result is what was sent.
    const reply: EncodeReply = { bitmap, jpeg };
    worker.postMessage(reply, [bitmap, jpeg.buffer]);
  } catch (error) {
    bitmap.close();
    worker.postMessage(String(error));
  }
};

async function encode({ bitmap, quality }: EncodeRequest): Promise<Uint8Array<ArrayBuffer>> {
  if (canvas.width !== bitmap.width) canvas.width = bitmap.width;
  if (canvas.height !== bitmap.height) canvas.height = bitmap.height;
  context.drawImage(bitmap, 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality });
  return new Uint8Array(await blob.arrayBuffer());
}

const { type } = await canvas.convertToBlob({ type: "image/jpeg" });
worker.postMessage(type === "image/jpeg");
