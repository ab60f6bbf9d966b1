import type { Connection } from "../connection/connection.ts";
import { Emitter } from "../emitter.ts";
import { type Decision, GovernorPolicy, type Level } from "./governor_policy.ts";

/** How {@linkcode govern} governs; it can be changed while it runs. */
export interface GovernorOptions {
  /** The round trip to stay under, from 1 to 10000 ms; 80 by default. */
  targetMs?: number;
}

/** What a governor allows, and why. */
export interface GovernorState {
  /** As set on the capture. */
  quality: number;
  maxSide: number;
  maxRate: number;
  /** What was done last and why, in a sentence without its full stop. */
  reason: string;
}

/** Events of a {@linkcode Governor}. */
export interface GovernorEvents {
  change: GovernorState;
}

/** What is governed: a {@linkcode Capture}, or anything that sends frames of its own. */
export interface Governed {
  quality: number;
  maxSide: number;
  maxRate: number;
  /** True for the frames that it has sent. */
  hasSent(seq: number): boolean;
  /** `size` is that of the latest frame sent, in pixels. */
  measured(): { size: { width: number; height: number } | null };
}

/** A smaller picture has too little left to track. */
const LEAST_SIDE = 160;
/** Between fewer frames points move too far to be followed. */
const LEAST_RATE = 5;

/**
 * Keeps the round trip of the frames under a target: lowers the capture's JPEG
 * quality, then its size, then its rate, and raises them again when there is room.
 * What the capture is set to now is the best it will be given. A quarter of the
 * frames may be slower than the target.
 *
 * ```ts
 * using governor = govern(capturing, connection, { targetMs: 50 });
 * governor.on("change", ({ reason }) => console.log(reason));
 * ```
 *
 * @throws {RangeError} where the target is not allowed.
 */
export function govern(
  capture: Governed,
  connection: Connection,
  options: GovernorOptions = {},
): Governor {
  return new Governor(capture, connection, options);
}

/** A policy at work on a capture; see {@linkcode govern}. */
export class Governor extends Emitter<GovernorEvents> implements Disposable {
  readonly #capture: Governed;
  readonly #connection: Connection;
  readonly #best: { quality: number; maxSide: number; maxRate: number };
  readonly #off: () => void;
  #policy: GovernorPolicy;
  #enabled = true;
  #closed = false;
  #reason = "Nothing is lowered";
  /** What was sent before size and rate were lowered: the limits alone may be far above it. */
  #fullSide: number | undefined;
  #fullRate: number | undefined;

  constructor(capture: Governed, connection: Connection, { targetMs = 80 }: GovernorOptions = {}) {
    super();
    this.#capture = capture;
    this.#connection = connection;
    const { quality, maxSide, maxRate } = capture;
    this.#best = { quality, maxSide, maxRate };
    this.#policy = new GovernorPolicy(allowedTarget(targetMs));
    this.#off = connection.on("frame", ({ seq, roundTrip }) => {
      if (this.#enabled && capture.hasSent(seq)) this.#observe(roundTrip);
    });
  }

  get state(): GovernorState {
    const { quality, maxSide, maxRate } = this.#capture;
    return { quality, maxSide, maxRate, reason: this.#reason };
  }

  /** The round trip to stay under, in milliseconds. Setting it throws as {@linkcode govern} does. */
  get targetMs(): number {
    return this.#policy.targetMs;
  }

  set targetMs(targetMs: number) {
    this.#policy.targetMs = allowedTarget(targetMs);
  }

  /** Switched off, it gives the capture its best back. */
  get enabled(): boolean {
    return this.#enabled;
  }

  set enabled(enabled: boolean) {
    if (this.#closed || enabled === this.#enabled) return;
    this.#enabled = enabled;
    this.#policy = new GovernorPolicy(this.#policy.targetMs);
    this.#apply(enabled ? "Nothing is lowered" : "The governor is switched off");
  }

  /** Ends it; the capture has its best again. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.enabled = false;
    this.#closed = true;
    this.#off();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #observe(roundTrip: number): void {
    const before = this.#policy.level;
    const decision = this.#policy.observe(roundTrip, performance.now());
    if (decision) this.#apply(explain(decision, before, this.#policy.level, this.targetMs));
  }

  #apply(reason: string): void {
    const { quality, size, rate } = this.#policy.level;
    const best = this.#best, capture = this.#capture;
    this.#fullSide = size === 1 ? undefined : this.#fullSide ?? this.#sentSide();
    this.#fullRate = rate === 1 ? undefined : this.#fullRate ?? this.#sentRate();
    capture.quality = best.quality * quality;
    capture.maxSide = this.#fullSide === undefined
      ? best.maxSide
      : Math.min(this.#fullSide, Math.max(LEAST_SIDE, Math.round(this.#fullSide * size)));
    capture.maxRate = this.#fullRate === undefined
      ? best.maxRate
      : Math.min(this.#fullRate, Math.max(LEAST_RATE, this.#fullRate * rate));
    this.#reason = reason;
    this.emit("change", this.state);
  }

  #sentSide(): number {
    const { size } = this.#capture.measured();
    return size ? Math.max(size.width, size.height) : this.#best.maxSide;
  }

  #sentRate(): number {
    const { sentPerSecond } = this.#connection.measured();
    return sentPerSecond > 0 ? Math.min(this.#best.maxRate, sentPerSecond) : this.#best.maxRate;
  }
}

function allowedTarget(targetMs: number): number {
  if (targetMs >= 1 && targetMs <= 10_000) return targetMs;
  throw new RangeError(`Cannot set targetMs to ${targetMs}: allowed are numbers from 1 to 10000`);
}

function explain(
  { change, roundTrip }: Decision,
  before: Level,
  after: Level,
  targetMs: number,
): string {
  const took = `${Math.round(roundTrip)} ms`;
  if (change === "gaveUp") {
    return `Nothing is lowered: it did not shorten the round trip of ${took}`;
  }
  const names = { quality: "JPEG quality", size: "size", rate: "frame rate" };
  const changed = (["quality", "size", "rate"] as const).filter((key) => before[key] !== after[key])
    .map((key) => names[key]).join(" and ");
  return change === "lowered"
    ? `Lowered the ${changed}: the round trip was ${took}, above ${targetMs} ms`
    : `Raised the ${changed}: the round trip was ${took}, well under ${targetMs} ms`;
}
