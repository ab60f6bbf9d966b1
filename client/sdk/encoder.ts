/** A picture for the worker. */
export interface EncodeRequest {
  bitmap: ImageBitmap;
  /** 0 to 1. */
  quality: number;
}

/** The picture back, and what it became. */
export interface EncodeReply {
  bitmap: ImageBitmap;
  jpeg: Uint8Array<ArrayBuffer>;
}

/** Makes JPEGs, one at a time. A picture handed in comes back with its JPEG. */
export interface Encoder extends Disposable {
  readonly thread: "worker" | "main";
  encode(request: EncodeRequest): Promise<EncodeReply>;
}

/** How long a worker may take to start. */
const START_MS = 3000;

/** An encoder in a worker where this browser and this page's origin allow it, else in the page. */
export async function openEncoder(workerUrl: URL): Promise<Encoder> {
  try {
    return await WorkerEncoder.open(workerUrl);
  } catch {
    return new PageEncoder();
  }
}

class WorkerEncoder implements Encoder {
  readonly thread = "worker";
  readonly #worker: Worker;
  #fail: (error: Error) => void = () => {};

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.onerror = () => this.#fail(new Error("Cannot encode a frame: the worker failed"));
  }

  /** Fails where the worker is of another origin, cannot be loaded, or cannot write JPEG. */
  static open(url: URL): Promise<WorkerEncoder> {
    const worker = new Worker(url, { type: "module", name: "lkstream capture" });
    const { promise, resolve, reject } = Promise.withResolvers<WorkerEncoder>();
    const timer = setTimeout(reject, START_MS);
    worker.onmessage = ({ data: able }) => able ? resolve(new WorkerEncoder(worker)) : reject();
    worker.onerror = reject;
    promise.catch(() => worker.terminate()).finally(() => clearTimeout(timer));
    return promise;
  }

  encode({ bitmap, quality }: EncodeRequest): Promise<EncodeReply> {
    const { promise, resolve, reject } = Promise.withResolvers<EncodeReply>();
    this.#fail = reject;
    this.#worker.onmessage = ({ data }: MessageEvent<EncodeReply | string>) => {
      if (typeof data === "string") reject(new Error(`Cannot encode a frame: ${data}`));
      else resolve(data);
    };
    this.#worker.postMessage({ bitmap, quality } satisfies EncodeRequest, [bitmap]);
    return promise;
  }

  [Symbol.dispose](): void {
    this.#fail(new Error("Cannot encode a frame: the capture was closed"));
    this.#worker.terminate();
  }
}

class PageEncoder implements Encoder {
  readonly thread = "main";
  readonly #canvas = document.createElement("canvas");
  readonly #context = this.#canvas.getContext("2d", { alpha: false, willReadFrequently: true })!;

  async encode({ bitmap, quality }: EncodeRequest): Promise<EncodeReply> {
    const canvas = this.#canvas;
    if (canvas.width !== bitmap.width) canvas.width = bitmap.width;
    if (canvas.height !== bitmap.height) canvas.height = bitmap.height;
    this.#context.drawImage(bitmap, 0, 0);
    const blob = await new Promise<Blob | null>((resolve) => {
      canvas.toBlob(resolve, "image/jpeg", quality);
    });
    if (!blob) throw new Error(`Cannot encode a frame of ${bitmap.width}×${bitmap.height} pixels`);
    return { bitmap, jpeg: new Uint8Array(await blob.arrayBuffer()) };
  }

  [Symbol.dispose](): void {
    this.#canvas.width = this.#canvas.height = 0; // Safari frees its memory only so
  }
}
