/**
 * The structs of `native/include/lkstream.h`: at which byte each field is, and how one writes and
 * reads them. Nobody else knows an offset; a test holds them against the header.
 */
import type { DetectOptions, EngineCounters, FlowOptions } from "../tracking/engine.ts";

/** Bytes of each struct, and the offsets of its fields. */
export const STRUCTS = {
  lk_image: {
    bytes: 32,
    fields: { data: 0, bytes: 8, format: 12, width: 16, height: 20, stride: 24, unused: 28 },
  },
  lk_points: {
    bytes: 56,
    fields: {
      ...{ points: 0, guesses: 8, next_points: 16, status: 24, errors: 32, fb_distances: 40 },
      ...{ n: 48, unused: 52 },
    },
  },
  lk_corners: {
    bytes: 32,
    fields: { avoid: 0, corners: 8, scores: 16, avoid_count: 24, capacity: 28 },
  },
  lk_flow_options: {
    bytes: 28,
    fields: {
      ...{ win_width: 0, win_height: 4, max_level: 8, max_count: 12, epsilon: 16 },
      ...{ min_eig_threshold: 20, flags: 24 },
    },
  },
  lk_detect_options: {
    bytes: 28,
    fields: {
      ...{ max_corners: 0, quality_level: 4, min_distance: 8, block_size: 12 },
      ...{ gradient_size: 16, use_harris: 20, k: 24 },
    },
  },
  lk_frame: {
    bytes: 20,
    fields: { width: 0, height: 4, reset: 8, decode_ms: 12, track_ms: 16 },
  },
  lk_detected: { bytes: 8, fields: { count: 0, detect_ms: 4 } },
  lk_job: {
    bytes: 192,
    fields: {
      ...{ kind: 0, tag: 4, deadline_ms: 8, unused: 12 },
      ...{ image: 16, points: 48, corners: 104, flow: 136, detect: 164 },
    },
  },
  lk_completion: {
    bytes: 256,
    fields: { tag: 0, status: 4, frame: 8, detected: 28, error: 36 },
  },
  lk_counters: {
    bytes: 40,
    fields: {
      ...{ jpegs_on_gpu: 0, jpegs_on_cpu: 8, jpegs_refused: 16 },
      ...{ devices: 24, failed_devices: 28, sequences: 32, unused: 36 },
    },
  },
} as const;

/** lk_kind */
const ADVANCE = 0;
const DETECT = 1;
/** lk_format */
const GREY = 0;
const JPEG = 1;
/** The library takes no less: smaller ones, which clients may ask for, are 0 in single precision. */
export const LEAST_QUALITY = 1e-30;

const { fields: JOB } = STRUCTS.lk_job;
const { fields: IMAGE } = STRUCTS.lk_image;
const { fields: POINTS } = STRUCTS.lk_points;
const { fields: CORNERS } = STRUCTS.lk_corners;
const { fields: FLOW } = STRUCTS.lk_flow_options;
const { fields: FIND } = STRUCTS.lk_detect_options;
const { fields: FRAME } = STRUCTS.lk_frame;
const { fields: DONE } = STRUCTS.lk_completion;

/** Where the lists of a sequence are, as addresses. */
export interface ListAddresses {
  points: bigint;
  guesses: bigint;
  next: bigint;
  status: bigint;
  errors: bigint;
  fb: bigint;
}

/** What a job is about: a JPEG by its bytes, a grey frame or a mask also by its size. */
export interface ImageSize {
  bytes: number;
  /** Without a size it is a JPEG. */
  size?: { width: number; height: number };
}

/** An lk_job, written anew for each call. Its data is given beside it. */
export class JobStruct {
  readonly bytes = new Uint8Array(STRUCTS.lk_job.bytes);
  readonly #view = new DataView(this.bytes.buffer);

  /** Takes a frame, and follows `n` points of the lists into it. */
  advance(
    image: ImageSize,
    options: FlowOptions,
    n: number,
    lists: ListAddresses,
    guessed: boolean,
  ): void {
    const view = this.#view;
    view.setUint32(JOB.kind, ADVANCE, true);
    this.#image(image);
    view.setBigUint64(JOB.points + POINTS.points, lists.points, true);
    view.setBigUint64(JOB.points + POINTS.guesses, guessed ? lists.guesses : 0n, true);
    view.setBigUint64(JOB.points + POINTS.next_points, lists.next, true);
    view.setBigUint64(JOB.points + POINTS.status, lists.status, true);
    view.setBigUint64(JOB.points + POINTS.errors, lists.errors, true);
    view.setBigUint64(JOB.points + POINTS.fb_distances, options.back ? lists.fb : 0n, true);
    view.setUint32(JOB.points + POINTS.n, n, true);
    view.setUint32(JOB.flow + FLOW.win_width, options.winSize[0], true);
    view.setUint32(JOB.flow + FLOW.win_height, options.winSize[1], true);
    view.setUint32(JOB.flow + FLOW.max_level, options.maxLevel, true);
    view.setUint32(JOB.flow + FLOW.max_count, options.maxCount, true);
    view.setFloat32(JOB.flow + FLOW.epsilon, options.epsilon, true);
    view.setFloat32(JOB.flow + FLOW.min_eig_threshold, options.minEigThreshold, true);
  }

  /** Finds corners, which go where next points go, away from `avoidCount` points. */
  detect(
    mask: ImageSize | null,
    options: DetectOptions,
    avoidCount: number,
    lists: ListAddresses,
  ): void {
    const view = this.#view;
    view.setUint32(JOB.kind, DETECT, true);
    this.#image(mask ?? { bytes: 0, size: { width: 0, height: 0 } });
    view.setBigUint64(JOB.corners + CORNERS.avoid, lists.points, true);
    view.setBigUint64(JOB.corners + CORNERS.corners, lists.next, true);
    view.setUint32(JOB.corners + CORNERS.avoid_count, avoidCount, true);
    view.setUint32(JOB.corners + CORNERS.capacity, options.maxCorners, true);
    view.setUint32(JOB.detect + FIND.max_corners, options.maxCorners, true);
    const quality = Math.max(LEAST_QUALITY, options.qualityLevel);
    view.setFloat32(JOB.detect + FIND.quality_level, quality, true);
    view.setFloat32(JOB.detect + FIND.min_distance, options.minDistance, true);
    view.setUint32(JOB.detect + FIND.block_size, options.blockSize, true);
    view.setUint32(JOB.detect + FIND.gradient_size, options.gradientSize, true);
    view.setUint32(JOB.detect + FIND.use_harris, options.useHarrisDetector ? 1 : 0, true);
    view.setFloat32(JOB.detect + FIND.k, options.k, true);
  }

  #image({ bytes, size }: ImageSize): void {
    const view = this.#view;
    view.setUint32(JOB.image + IMAGE.bytes, bytes, true);
    view.setUint32(JOB.image + IMAGE.format, size ? GREY : JPEG, true);
    view.setUint32(JOB.image + IMAGE.width, size?.width ?? 0, true);
    view.setUint32(JOB.image + IMAGE.height, size?.height ?? 0, true);
    view.setUint32(JOB.image + IMAGE.stride, size?.width ?? 0, true);
  }
}

/** One lk_completion. */
export class CompletionStruct {
  readonly bytes = new Uint8Array(STRUCTS.lk_completion.bytes);
  readonly #view = new DataView(this.bytes.buffer);

  /** Of LK_ADVANCE. */
  frame(): { width: number; height: number; reset: boolean; decodeMs: number; trackMs: number } {
    const view = this.#view;
    return {
      width: view.getUint32(DONE.frame + FRAME.width, true),
      height: view.getUint32(DONE.frame + FRAME.height, true),
      reset: view.getUint32(DONE.frame + FRAME.reset, true) !== 0,
      decodeMs: view.getFloat32(DONE.frame + FRAME.decode_ms, true),
      trackMs: view.getFloat32(DONE.frame + FRAME.track_ms, true),
    };
  }

  /** Of LK_DETECT. */
  detected(): { count: number; detectMs: number } {
    const { count, detect_ms } = STRUCTS.lk_detected.fields;
    return {
      count: this.#view.getUint32(DONE.detected + count, true),
      detectMs: this.#view.getFloat32(DONE.detected + detect_ms, true),
    };
  }

  /** The sentence, where the job failed. */
  error(): string {
    return textOf(this.bytes.subarray(DONE.error));
  }
}

/** What an lk_counters holds. */
export function countersOf(view: DataView): EngineCounters {
  const { fields } = STRUCTS.lk_counters;
  return {
    jpegsOnGpu: Number(view.getBigUint64(fields.jpegs_on_gpu, true)),
    jpegsOnCpu: Number(view.getBigUint64(fields.jpegs_on_cpu, true)),
    jpegsRefused: Number(view.getBigUint64(fields.jpegs_refused, true)),
    devices: view.getUint32(fields.devices, true),
    failedDevices: view.getUint32(fields.failed_devices, true),
  };
}

/** The text up to the final zero. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}
