import type { EncodeReply, EncodeRequest } from "./encoding.ts";
import { JpegCanvas } from "./jpeg_canvas.ts";

/** Makes JPEGs, one at a time. */
export interface Encoder extends Disposable {
  readonly thread: "worker" | "main";
  encode(request: EncodeRequest): Promise<EncodeReply>;
}

/** How long a worker may take to start. */
const START_MS = 3000;

/** In a page; elsewhere, this is a worker itself. */
const isPage = typeof document === "object";

/**
 * An encoder that leaves the page's thread alone: in a worker where this page's
 * origin allows it and the worker's file is found, else right here.
 */
export async function openEncoder(): Promise<Encoder> {
  if (!isPage) return new LocalEncoder();
  try {
    return await WorkerEncoder.open(new URL("./capture-worker.js", import.meta.url));
  } catch { // some bundles do not know their address either
    return new LocalEncoder();
  }
}

class WorkerEncoder implements Encoder {
  readonly thread = "worker";
  readonly #worker: Worker;
  #fail: (error: Error) => void = () => {};

  private constructor(worker: Worker) {
    this.#worker = worker;
    const fail = () => this.#fail(new Error("Cannot encode a frame: the worker failed"));
    worker.onerror = fail;
    worker.addEventListener("messageerror", fail); // Chromium has no `onmessageerror` here
  }

  /** Fails where the worker is of another origin or cannot be loaded. */
  static open(url: URL): Promise<WorkerEncoder> {
    const worker = new Worker(url, { type: "module", name: "lkstream capture" });
    const { promise, resolve, reject } = Promise.withResolvers<WorkerEncoder>();
    const timer = setTimeout(reject, START_MS);
    worker.onmessage = () => resolve(new WorkerEncoder(worker));
    worker.onerror = reject;
    promise.catch(() => worker.terminate()).finally(() => clearTimeout(timer));
    return promise;
  }

  encode(request: EncodeRequest): Promise<EncodeReply> {
    const { promise, resolve, reject } = Promise.withResolvers<EncodeReply>();
    this.#fail = reject;
    this.#worker.onmessage = ({ data }: MessageEvent<EncodeReply | string>) => {
      if (typeof data === "string") reject(new Error(`Cannot encode a frame: ${data}`));
      else resolve(data);
    };
    this.#worker.postMessage(request, [request.image]);
    return promise;
  }

  [Symbol.dispose](): void {
    this.#fail(new Error("Cannot encode a frame: the capture was closed"));
    this.#worker.terminate();
  }
}

/** Encodes where it is called. */
class LocalEncoder implements Encoder {
  readonly thread = isPage ? "main" : "worker";
  readonly #canvas = new JpegCanvas();

  encode(request: EncodeRequest): Promise<EncodeReply> {
    return this.#canvas.encode(request);
  }

  [Symbol.dispose](): void {
    this.#canvas[Symbol.dispose]();
  }
}
