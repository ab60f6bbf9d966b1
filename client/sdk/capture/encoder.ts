import { deferred } from "../deferred.ts";
import type { Encoder, EncodeReply, EncodeRequest } from "./encoding.ts";
import { JpegCanvas } from "./jpeg_canvas.ts";
import { QuickerEncoder } from "./quicker_encoder.ts";
import { givesPixelsBack } from "./read_back.ts";

/** How long a worker may take to start. */
const START_MS = 3000;

/** In a page; elsewhere, this is a worker itself. */
const isPage = typeof document === "object";

/**
 * An encoder that leaves the page's thread alone: in a worker where the page allows it and the
 * worker's file is found and no slower, else right here. So too where only workers get noise from
 * their canvases.
 */
export async function openEncoder(): Promise<Encoder> {
  const worker = isPage ? await openWorker() : undefined;
  if (worker?.isTrue) return new QuickerEncoder(worker, () => new LocalEncoder());
  worker?.[Symbol.dispose]();
  return new LocalEncoder();
}

async function openWorker(): Promise<Encoder | undefined> {
  let source: string | undefined;
  try {
    const url = new URL("./capture-worker.js", import.meta.url);
    source = url.origin === location.origin ? undefined : importing(url);
    return await WorkerEncoder.open(source ?? url);
  } catch { // some bundles do not know their address either
    return undefined;
  } finally {
    if (source) URL.revokeObjectURL(source);
  }
}

/** A script of this page's origin, as a worker's has to be, that imports that one. */
function importing(url: URL): string {
  const script = `import ${JSON.stringify(url.href)};`;
  return URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
}

class WorkerEncoder implements Encoder {
  readonly thread = "worker";
  readonly #worker: Worker;
  #fail: (error: Error) => void = () => {};

  private constructor(worker: Worker, readonly isTrue: boolean) {
    this.#worker = worker;
    const fail = () => this.#fail(new Error("Cannot encode a frame: the worker failed"));
    worker.onerror = fail;
    worker.addEventListener("messageerror", fail); // Chromium has no `onmessageerror` here
  }

  /** Fails where the worker cannot be loaded. */
  static open(url: URL | string): Promise<WorkerEncoder> {
    const worker = new Worker(url, { type: "module", name: "lkstream capture" });
    const { promise, resolve, reject } = deferred<WorkerEncoder>();
    const timer = setTimeout(reject, START_MS);
    worker.onmessage = ({ data }) => resolve(new WorkerEncoder(worker, data));
    worker.onerror = reject;
    promise.catch(() => worker.terminate()).finally(() => clearTimeout(timer));
    return promise;
  }

  encode(request: EncodeRequest): Promise<EncodeReply> {
    const { promise, resolve, reject } = deferred<EncodeReply>();
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
  readonly isTrue = givesPixelsBack();
  readonly #canvas = new JpegCanvas();

  encode(request: EncodeRequest): Promise<EncodeReply> {
    return this.#canvas.encode(request);
  }

  [Symbol.dispose](): void {
    this.#canvas[Symbol.dispose]();
  }
}
