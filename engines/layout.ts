/**
 * The structs of `native/include/lkstream.h`, under its own names: where each field is, in bytes.
 * They are the same on every 64-bit machine; a test compares them with the header.
 */
import type { DetectOptions, EngineCounters, FlowOptions } from "../tracking/engine.ts";

/** The header's LK_ABI_VERSION that these structs are of. */
export const ABI_VERSION = 3;

export const STRUCTS = {
  image: { bytes: 32, at: { data: 0, bytes: 8, format: 12, width: 16, height: 20, stride: 24 } },
  flow_options: {
    bytes: 28,
    at: {
      ...{ win_width: 0, win_height: 4, max_level: 8, max_count: 12 },
      ...{ epsilon: 16, min_eig_threshold: 20, flags: 24 },
    },
  },
  detect_options: {
    bytes: 28,
    at: {
      ...{ max_corners: 0, quality_level: 4, min_distance: 8, block_size: 12 },
      ...{ gradient_size: 16, use_harris: 20, k: 24 },
    },
  },
  points: {
    bytes: 56,
    at: {
      ...{ points: 0, guesses: 8, next_points: 16, status: 24, errors: 32, fb_distances: 40 },
      n: 48,
    },
  },
  corners: {
    bytes: 32,
    at: { avoid: 0, corners: 8, scores: 16, avoid_count: 24, capacity: 28 },
  },
  windows: {
    bytes: 56,
    at: {
      ...{ points: 0, found: 8, pixels: 16, warps: 24, residuals: 32 },
      ...{ n: 40, win_width: 44, win_height: 48 },
    },
  },
  frame: { bytes: 20, at: { width: 0, height: 4, reset: 8, decode_ms: 12, track_ms: 16 } },
  detected: { bytes: 8, at: { count: 0, detect_ms: 4 } },
  job: {
    bytes: 248,
    at: {
      ...{ kind: 0, tag: 4, deadline_ms: 8 },
      ...{ image: 16, points: 48, corners: 104, flow: 136, detect: 164, windows: 192 },
    },
  },
  completion: { bytes: 256, at: { tag: 0, status: 4, frame: 8, detected: 28, error: 36 } },
  counters: {
    bytes: 40,
    at: {
      ...{ jpegs_on_gpu: 0, jpegs_on_cpu: 8, jpegs_refused: 16 },
      ...{ devices: 24, failed_devices: 28, sequences: 32 },
    },
  },
} as const;

const { job, image, points, corners, windows, flow_options, detect_options } = STRUCTS;
const { completion, frame, detected, counters } = STRUCTS;

/** lk_kind and lk_format */
const ADVANCE = 0, DETECT = 1, TAKE = 3, COMPARE = 4;
const GREY = 0, JPEG = 1;

/** The library takes no less: smaller ones, which clients may ask for, are 0 in single precision. */
export const LEAST_QUALITY = 1e-30;

/** Grey levels of a picture or a mask, row by row. */
export interface Size {
  width: number;
  height: number;
}

/** Addresses of the lists of an advance, each of `n` points; 0 where there is none. */
export interface FlowLists {
  n: number;
  points: number;
  guesses: number;
  next: number;
  status: number;
  errors: number;
  fb: number;
}

/** Addresses of the lists of a detection. */
export interface CornerLists {
  avoid: number;
  avoidCount: number;
  corners: number;
  capacity: number;
}

/** Addresses of the lists of windows, each of `n` points. */
export interface WindowLists {
  n: number;
  points: number;
  pixels: number;
}

/** The same for a comparison. */
export interface ComparedLists extends WindowLists {
  found: number;
  warps: number;
  residuals: number;
}

/** An lk_job, written anew for each submission, which copies it. */
export class Job {
  readonly view = new DataView(new ArrayBuffer(job.bytes));

  /** @param tag comes back with the completion */
  constructor(readonly tag: number, deadlineMs: number) {
    this.#u32(job.at.tag, tag);
    this.#u32(job.at.deadline_ms, deadlineMs);
  }

  /** @param size of grey levels; null: a JPEG says its own */
  advance(bytes: number, size: Size | null, options: FlowOptions, lists: FlowLists): void {
    this.#u32(job.at.kind, ADVANCE);
    this.#image(bytes, size);
    const list = job.at.points, flow = job.at.flow;
    this.#address(list + points.at.points, lists.points);
    this.#address(list + points.at.guesses, lists.guesses);
    this.#address(list + points.at.next_points, lists.next);
    this.#address(list + points.at.status, lists.status);
    this.#address(list + points.at.errors, lists.errors);
    this.#address(list + points.at.fb_distances, lists.fb);
    this.#u32(list + points.at.n, lists.n);
    this.#u32(flow + flow_options.at.win_width, options.winSize[0]);
    this.#u32(flow + flow_options.at.win_height, options.winSize[1]);
    this.#u32(flow + flow_options.at.max_level, options.maxLevel);
    this.#u32(flow + flow_options.at.max_count, options.maxCount);
    this.#f32(flow + flow_options.at.epsilon, options.epsilon);
    this.#f32(flow + flow_options.at.min_eig_threshold, options.minEigThreshold);
  }

  /** @param mask its size; null: everywhere */
  detect(mask: Size | null, options: DetectOptions, lists: CornerLists): void {
    this.#u32(job.at.kind, DETECT);
    this.#image(mask ? mask.width * mask.height : 0, mask ?? { width: 0, height: 0 });
    const list = job.at.corners, detect = job.at.detect;
    this.#address(list + corners.at.avoid, lists.avoid);
    this.#address(list + corners.at.corners, lists.corners);
    this.#u32(list + corners.at.avoid_count, lists.avoidCount);
    this.#u32(list + corners.at.capacity, lists.capacity);
    this.#u32(detect + detect_options.at.max_corners, options.maxCorners);
    const quality = Math.max(LEAST_QUALITY, options.qualityLevel);
    this.#f32(detect + detect_options.at.quality_level, quality);
    this.#f32(detect + detect_options.at.min_distance, options.minDistance);
    this.#u32(detect + detect_options.at.block_size, options.blockSize);
    this.#u32(detect + detect_options.at.gradient_size, options.gradientSize);
    this.#u32(detect + detect_options.at.use_harris, options.useHarrisDetector ? 1 : 0);
    this.#f32(detect + detect_options.at.k, options.k);
  }

  take(winSize: readonly [number, number], lists: WindowLists): void {
    this.#u32(job.at.kind, TAKE);
    this.#windows(winSize, { ...lists, found: 0, warps: 0, residuals: 0 });
  }

  compare(winSize: readonly [number, number], lists: ComparedLists): void {
    this.#u32(job.at.kind, COMPARE);
    this.#windows(winSize, lists);
  }

  #windows([width, height]: readonly [number, number], lists: ComparedLists): void {
    const list = job.at.windows;
    this.#address(list + windows.at.points, lists.points);
    this.#address(list + windows.at.found, lists.found);
    this.#address(list + windows.at.pixels, lists.pixels);
    this.#address(list + windows.at.warps, lists.warps);
    this.#address(list + windows.at.residuals, lists.residuals);
    this.#u32(list + windows.at.n, lists.n);
    this.#u32(list + windows.at.win_width, width);
    this.#u32(list + windows.at.win_height, height);
  }

  /** Its data is an argument of the submission. */
  #image(bytes: number, size: Size | null): void {
    const at = job.at.image;
    this.#u32(at + image.at.bytes, bytes);
    this.#u32(at + image.at.format, size ? GREY : JPEG);
    this.#u32(at + image.at.width, size?.width ?? 0);
    this.#u32(at + image.at.height, size?.height ?? 0);
    this.#u32(at + image.at.stride, size?.width ?? 0);
  }

  #u32(at: number, value: number): void {
    this.view.setUint32(at, value, true);
  }

  #f32(at: number, value: number): void {
    this.view.setFloat32(at, value, true);
  }

  /** Without a BigInt, which is an object. */
  #address(at: number, address: number): void {
    this.view.setUint32(at, address % 2 ** 32, true);
    this.view.setUint32(at + 4, address / 2 ** 32, true);
  }
}

/** What became of one job: an lk_completion among those that were collected. */
export class Completion {
  static readonly bytes = completion.bytes;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(readonly capacity: number) {
    this.#bytes = new Uint8Array(new ArrayBuffer(capacity * completion.bytes));
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Where the library writes them. */
  get buffer(): Uint8Array<ArrayBuffer> {
    return this.#bytes as Uint8Array<ArrayBuffer>;
  }

  /** Turns to another one. */
  goTo(index: number): this {
    this.#at = index * completion.bytes;
    return this;
  }

  get tag(): number {
    return this.#u32(completion.at.tag);
  }

  get status(): number {
    return this.#view.getInt32(this.#at + completion.at.status, true);
  }

  /** Of an advance; `trackMs` also of windows. */
  get size(): Size {
    const at = completion.at.frame;
    return { width: this.#u32(at + frame.at.width), height: this.#u32(at + frame.at.height) };
  }

  /** There was no frame of this size before. */
  get isFirst(): boolean {
    return this.#u32(completion.at.frame + frame.at.reset) !== 0;
  }

  get decodeMs(): number {
    return this.#f32(completion.at.frame + frame.at.decode_ms);
  }

  get trackMs(): number {
    return this.#f32(completion.at.frame + frame.at.track_ms);
  }

  /** Of a detection. */
  get count(): number {
    return this.#u32(completion.at.detected + detected.at.count);
  }

  get detectMs(): number {
    return this.#f32(completion.at.detected + detected.at.detect_ms);
  }

  /** One sentence, where the status is not 0. */
  get error(): string {
    const text = this.#bytes.subarray(
      this.#at + completion.at.error,
      this.#at + completion.bytes,
    );
    return new TextDecoder().decode(text.subarray(0, text.indexOf(0)));
  }

  #u32(at: number): number {
    return this.#view.getUint32(this.#at + at, true);
  }

  #f32(at: number): number {
    return this.#view.getFloat32(this.#at + at, true);
  }
}

/** Reads an lk_counters. */
export function countersOf(view: DataView): EngineCounters {
  const { at } = counters;
  return {
    jpegsOnGpu: Number(view.getBigUint64(at.jpegs_on_gpu, true)),
    jpegsOnCpu: Number(view.getBigUint64(at.jpegs_on_cpu, true)),
    jpegsRefused: Number(view.getBigUint64(at.jpegs_refused, true)),
    devices: view.getUint32(at.devices, true),
    failedDevices: view.getUint32(at.failed_devices, true),
  };
}
