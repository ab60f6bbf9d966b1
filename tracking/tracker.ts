import {
  LOST_REASONS,
  lostCode,
  type LostReason,
  type Options,
  type PointColumns,
  ProtocolError,
  quote,
  type StreamState,
  type Timing,
  type Tracks,
} from "../protocol/mod.ts";
import { Appearance } from "./appearance.ts";
import { crowd } from "./crowding.ts";
import {
  type Advanced,
  flowOptionsOf,
  type FlowSequence,
  type Frame,
  FrameError,
  Status,
} from "./engine.ts";
import { maskCost, maskOf, maskShare, type Region } from "./mask.ts";
import { median } from "./median.ts";
import { append, carryOver, noPoints, pick, pointColumns } from "./points.ts";

/** What a frame brought: tracks without what only the session knows. */
export type Step =
  & Omit<Tracks, "seq" | "timestamp" | "dropped" | "timing">
  & { timing: Pick<Timing, "decode" | "track" | "detect"> };

/** Why each point of the frame under way ends; 0: it lives on. All trackers decide one after the other. */
let reasons = new Uint8Array(0);
const CODES = Object.fromEntries(
  LOST_REASONS.map((reason) => [reason, lostCode(reason)]),
) as Record<LostReason, number>;

/** Ids have 32 bits, and the next one has to be said in a `resume` too. */
const MAX_NEXT_ID = 0xffffffff;

/**
 * Decides which points live: ids, ages, filters, refill. Pure over a
 * {@linkcode FlowSequence}, which knows pixels and no ids. Live points are kept
 * in the order of their ids, so oldest first.
 */
export class Tracker {
  #points = noPoints();
  #nextId = 1;
  /** Points that ended between two frames, told with the next one. */
  #ended: { id: number[]; reason: number[] } = { id: [], reason: [] };
  #size: { width: number; height: number } | null = null;
  #region: Region = [];
  #mask: Uint8Array | null = null;
  #maskCost = 0;
  #framesSinceDetection = Infinity;
  /** The next frame detects whatever the interval says, and is told as a reset. */
  #cleared = false;
  /** The last frame moved the points, and was not told: its detection failed. */
  #untold = false;
  /** The points are those of {@linkcode resume}, and stand on the next frame. */
  #resumed = false;
  /** Of the points, while `filter.appearance` is set. */
  readonly #appearance = new Appearance();

  /** @param maxPoints live points at most, found or added */
  constructor(
    readonly sequence: FlowSequence,
    public options: Options,
    readonly maxPoints: number,
  ) {}

  /** Ids that were given out so far. */
  get found(): number {
    return this.#nextId - 1;
  }

  /** Points that live now. */
  get live(): number {
    return this.#points.id.length;
  }

  /**
   * What another tracker needs to go on as this one would: see {@linkcode resume}. A copy.
   * Before the first detection, `sinceDetection` is as large as it can be.
   */
  get state(): StreamState {
    const { id, xy, dxy, age } = this.#points;
    return {
      nextId: this.#nextId,
      sinceDetection: Math.min(this.#framesSinceDetection, 0xffffffff),
      points: { id: id.slice(), xy: xy.slice(), dxy: dxy.slice(), age: age.slice() },
    };
  }

  /**
   * Goes on with a stream that another tracker, here or elsewhere, began. Its points stand on the
   * next frame: that one is made current, and nothing is followed into it.
   *
   * @returns how many points live
   * @throws {ProtocolError} `bad_message` after a frame or a `resume`, `limit` past `maxPoints`;
   * then nothing has changed.
   */
  resume({ nextId, sinceDetection, points }: StreamState): number {
    if (this.#size || this.#resumed) {
      const after = this.#size ? "a frame was processed" : "a resume";
      throw new ProtocolError(
        "bad_message",
        `Cannot resume after ${after}: allowed is once, before the first frame`,
      );
    }
    const n = points.id.length;
    if (n > this.maxPoints) {
      throw new ProtocolError(
        "limit",
        `Cannot resume with ${n} points: allowed are ${this.maxPoints} in all`,
      );
    }
    this.#points = { ...pointColumns(n), ...points };
    this.#nextId = nextId;
    this.#framesSinceDetection = sinceDetection;
    this.#resumed = true;
    return n;
  }

  /**
   * Follows the live points into `frame`, filters them and finds new ones.
   *
   * @param asFirst end every point and begin anew
   * @throws {FrameError} where the frame cannot be used; then nothing has changed.
   * @throws {EngineError} where the engine failed; the next frame is a first one.
   */
  async process(frame: Frame, asFirst = false): Promise<Step> {
    const anew = asFirst || this.#untold;
    const stands = this.#resumed && !anew;
    const before = anew || stands ? noPoints() : this.#points;
    const advanced = await this.#advance(frame, before);
    this.#untold = true;
    this.#resumed = false;
    this.#resize(advanced);
    const restarted = !stands && (anew || !advanced.continues);
    const isComparing = this.options.filter.appearance !== null && !restarted;
    const compareMs = isComparing ? await this.#compare(before, advanced) : 0;
    const survivors = stands
      ? this.#keep(this.#points, (i) => this.#cannotStand(advanced, i))
      : this.#carryOver(before, advanced, restarted);
    const reset = restarted || (this.#cleared && survivors.id.length === 0);
    this.#points = survivors;

    const due = stands ? this.live === 0 : this.#isDetectionDue(restarted);
    const detection = due ? await this.#refill() : null;
    const keepMs = this.options.filter.appearance === null ? 0 : await this.#keepWindows();
    const lost = this.#takeEnded();
    this.#cleared = this.#untold = false;
    return {
      width: advanced.width,
      height: advanced.height,
      detected: detection !== null,
      reset,
      flow: stands ? null : medianFlow(survivors),
      points: this.#told(),
      lost,
      timing: {
        decode: advanced.decodeMs,
        track: advanced.trackMs + compareMs + keepMs,
        detect: detection?.detectMs ?? 0,
      },
    };
  }

  /**
   * Adds points of the last processed frame, to be tracked from it on.
   *
   * @param xy pixels, inside that frame
   * @returns their ids, in the order given
   * @throws {ProtocolError} `bad_message` before the first frame or outside of it, `limit` past
   * `maxPoints`, or past twice as many with those that have ended and are still to be told.
   */
  add(xy: readonly (readonly [number, number])[]): number[] {
    if (!this.#size) {
      throw new ProtocolError("bad_message", "Cannot add points before a frame was processed");
    }
    const { width, height } = this.#size;
    // as they are kept: rounding may put one beside the frame, and it would be lost at once
    const outside = xy.find(([x, y]) => !isInside(Math.fround(x), Math.fround(y), width, height));
    if (outside) {
      throw new ProtocolError(
        "bad_message",
        `Cannot add a point at ${quote(outside)}: allowed are x from -0.5 to below ` +
          `${width - 0.5} and y from -0.5 to below ${height - 0.5}`,
      );
    }
    if (this.live + xy.length > this.maxPoints) {
      throw new ProtocolError(
        "limit",
        `Cannot add ${xy.length} points to ${this.live}: allowed are ${this.maxPoints} in all`,
      );
    }
    // each end is told, so they wait for a frame: all points may be replaced before it, once
    const ended = this.#ended.id.length;
    if (this.live + xy.length + ended > 2 * this.maxPoints) {
      throw new ProtocolError(
        "limit",
        `Cannot add ${xy.length} points to ${this.live} and ${ended} that ended since the last ` +
          `tracks: allowed are ${2 * this.maxPoints} in all`,
      );
    }
    if (xy.length > this.#idsLeft) {
      throw new ProtocolError(
        "limit",
        `Cannot add ${xy.length} points: allowed are ${this.#idsLeft}, for so many ids are left`,
      );
    }
    const firstId = this.#claimIds(xy.length);
    this.#points = append(this.#points, Float32Array.from(xy.flat()), firstId);
    return xy.map((_, i) => firstId + i);
  }

  /** Ends points with reason `removed`. Ids that do not live are passed over: they may just have been lost. */
  remove(ids: readonly number[]): void {
    const gone = new Set(ids);
    this.#keep(this.#points, (i) => gone.has(this.#points.id[i]) ? "removed" : null);
  }

  /** Ends all points with reason `reset`; the next frame detects, if detection is enabled. */
  clear(): void {
    this.#keep(this.#points, () => "reset");
    this.#cleared = true;
  }

  /**
   * Confines points to polygons, in pixels, of which none lifts it; or to where a picture of the
   * frame's size is not 0.
   *
   * @returns the share of the frame that is allowed; null where no frame has told its size yet
   */
  confine(region: Region): number | null {
    this.#region = region;
    this.#paintMask();
    if ("length" in region && region.length === 0) return 1;
    return this.#mask && maskShare(this.#mask);
  }

  /** What painting took since this was last asked, in pixels: for `confine`, or a frame of a new size. */
  takeMaskCost(): number {
    const cost = this.#maskCost;
    this.#maskCost = 0;
    return cost;
  }

  /** A frame that does not decode changes nothing; where the engine failed, nothing stands on the next one. */
  async #advance(frame: Frame, before: PointColumns): Promise<Advanced> {
    try {
      const guess = this.#guess(before);
      return await this.sequence.advance(frame, before.xy, flowOptionsOf(this.options), guess);
    } catch (error) {
      if (!(error instanceof FrameError)) this.#resumed = false;
      throw error;
    }
  }

  /** Where each point would be, had it kept its last velocity. */
  #guess(points: PointColumns): Float32Array | undefined {
    return this.options.flow.predict ? points.xy.map((at, i) => at + points.dxy[i]) : undefined;
  }

  #resize({ width, height }: Advanced): void {
    if (this.#size?.width === width && this.#size.height === height) return;
    this.#size = { width, height };
    this.#paintMask();
  }

  #paintMask(): void {
    this.#mask = null;
    if (!this.#size) return;
    const { width, height } = this.#size;
    this.#mask = maskOf(this.#region, width, height);
    this.#maskCost += maskCost(this.#region, width, height);
  }

  /** Compares those points whose turn it is with their windows. @returns milliseconds */
  async #compare(before: PointColumns, advanced: Advanced): Promise<number> {
    const { xy, status, width, height } = advanced;
    const due: number[] = [];
    for (let i = 0; i < status.length; i++) {
      const isDue = Appearance.isDue(before.id[i], before.age[i] + 1);
      const isThere = status[i] === Status.tracked &&
        isInside(xy[2 * i], xy[2 * i + 1], width, height);
      if (isDue && isThere) due.push(i);
    }
    return await this.#appearance.compare(this.sequence, { id: before.id, xy }, due);
  }

  /** Takes the windows of points that have none yet. @returns milliseconds */
  #keepWindows(): Promise<number> {
    const { winSize } = this.options.flow;
    return this.#appearance.keep(this.sequence, this.#points, winSize, this.#size!);
  }

  /** The points, with how they look beside their windows while that is asked for. */
  #told(): PointColumns {
    if (this.options.filter.appearance === null) {
      this.#appearance.clear();
      return this.#points;
    }
    return { ...this.#points, appearance: this.#appearance.residuals(this.#points.id) };
  }

  /** The points that live on from the frame before, moved and aged. */
  #carryOver(before: PointColumns, advanced: Advanced, restarted: boolean): PointColumns {
    if (restarted) return this.#keep(this.#points, () => "reset");
    const n = before.id.length;
    if (n > reasons.length) reasons = new Uint8Array(2 * n);
    const { filter, detect } = this.options;
    for (let i = 0; i < n; i++) {
      reasons[i] = lostReason(advanced, filter, this.#mask, i) ||
        this.#appearanceReason(before.id[i]);
    }
    crowd(advanced.xy, filter.crowding * detect.minDistance, reasons, CODES.crowded);
    let live = 0;
    for (let i = 0; i < n; i++) {
      if (reasons[i] === 0) live++;
      else this.#end(before.id[i], reasons[i]);
    }
    return this.#points = carryOver(before, advanced, reasons, live);
  }

  /** Of a point that has no other reason to end. */
  #appearanceReason(id: number): number {
    const { appearance } = this.options.filter;
    return appearance !== null && this.#appearance.residual(id) > appearance ? CODES.appearance : 0;
  }

  #end(id: number, reason: number): void {
    this.#appearance.forget(id);
    this.#ended.id.push(id);
    this.#ended.reason.push(reason);
  }

  /** Why a point that was brought cannot live on the frame on which it stands. */
  #cannotStand({ width, height }: Advanced, i: number): LostReason | null {
    const x = this.#points.xy[2 * i], y = this.#points.xy[2 * i + 1];
    if (!isInside(x, y, width, height)) return "out_of_frame";
    return isMasked(this.#mask, x, y, width) ? "masked" : null;
  }

  /** Drops the points that have a reason to end, and notes it. */
  #keep(points: PointColumns, reasonToEnd: (i: number) => LostReason | null): PointColumns {
    const kept: number[] = [];
    for (let i = 0; i < points.id.length; i++) {
      const reason = reasonToEnd(i);
      if (reason) this.#end(points.id[i], CODES[reason]);
      else kept.push(i);
    }
    return this.#points = kept.length === points.id.length ? points : pick(points, kept);
  }

  /** Asked once a frame. */
  #isDetectionDue(restarted: boolean): boolean {
    this.#framesSinceDetection++;
    const { maxCorners, refill, interval } = this.options.detect;
    return restarted || this.#cleared ||
      this.live < refill * maxCorners &&
        (this.live === 0 || this.#framesSinceDetection >= interval);
  }

  /** Detects new points, if detection is enabled and there is room for them. Null where it did not run. */
  async #refill(): Promise<{ detectMs: number } | null> {
    const { enabled, maxCorners, refill: _, interval: __, ...options } = this.options.detect;
    const room = Math.min(Math.min(maxCorners, this.maxPoints) - this.live, this.#idsLeft);
    if (!enabled || room <= 0) return null;
    const { xy, detectMs } = await this.sequence.detect(
      { ...options, maxCorners: room },
      this.#points.xy,
      this.#mask ?? undefined,
    );
    this.#points = append(this.#points, xy, this.#claimIds(xy.length / 2));
    this.#framesSinceDetection = 0;
    return { detectMs };
  }

  get #idsLeft(): number {
    return MAX_NEXT_ID - this.#nextId;
  }

  #claimIds(count: number): number {
    const first = this.#nextId;
    this.#nextId += count;
    return first;
  }

  #takeEnded(): Tracks["lost"] {
    const ended = this.#ended;
    this.#ended = { id: [], reason: [] };
    return { id: new Uint32Array(ended.id), reason: new Uint8Array(ended.reason) };
  }
}

/** The code of why a point is lost on a frame; 0 where it is not. */
function lostReason(
  { xy, status, error, fb, width, height }: Advanced,
  { maxError, forwardBackward }: Options["filter"],
  mask: Uint8Array | null,
  i: number,
): number {
  const x = xy[2 * i], y = xy[2 * i + 1];
  if (status[i] === Status.flat) return CODES.flat;
  if (status[i] !== Status.tracked || !isInside(x, y, width, height)) return CODES.out_of_frame;
  if (maxError !== null && error[i] > maxError) return CODES.high_error;
  if (forwardBackward !== null && !(fb[i] <= forwardBackward)) return CODES.forward_backward;
  return isMasked(mask, x, y, width) ? CODES.masked : 0;
}

/** Of a place on a frame of this width. */
function isMasked(mask: Uint8Array | null, x: number, y: number, width: number): boolean {
  return mask !== null && !mask[Math.round(y) * width + Math.round(x)];
}

/** True where a position lies on the frame: pixel centres and half a pixel around them. */
function isInside(x: number, y: number, width: number, height: number): boolean {
  return x >= -0.5 && y >= -0.5 && x < width - 0.5 && y < height - 0.5;
}

function medianFlow({ dxy }: PointColumns): [number, number] | null {
  const x = median(dxy, 0, 2), y = median(dxy, 1, 2);
  return x === null || y === null ? null : [x, y];
}
