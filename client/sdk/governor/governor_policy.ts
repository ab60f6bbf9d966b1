/** How much of its best a capture uses, each from 0 to 1. */
export interface Level {
  quality: number;
  size: number;
  rate: number;
}

/**
 * From the best to the least. Quality goes first, as tracking hardly feels it;
 * then size, which ends all points; then the rate, which makes the motion from
 * frame to frame larger.
 */
export const LEVELS: readonly Level[] = [
  { quality: 1, size: 1, rate: 1 },
  { quality: 0.75, size: 1, rate: 1 },
  { quality: 0.5, size: 1, rate: 1 },
  { quality: 0.5, size: 0.75, rate: 1 },
  { quality: 0.5, size: 0.5, rate: 1 },
  { quality: 0.5, size: 0.25, rate: 1 },
  { quality: 0.5, size: 0.25, rate: 0.5 },
  { quality: 0.5, size: 0.25, rate: 0.25 },
];
const LEAST = LEVELS.length - 1;

/** What the policy decided, and the round trip in milliseconds that made it. */
export interface Decision {
  /** `gaveUp`: back to the best, because lowering did not help. */
  change: "lowered" | "raised" | "gaveUp";
  roundTrip: number;
}

/** After a change, frames that were under way or being encoded say nothing about it. */
const FRAMES_UNDER_WAY = 3;
/** The frames of this time make a decision, and never fewer than so many. */
const WINDOW_MS = 1000;
const FEWEST_FRAMES = 6;
/** The round trip has room for more when it is under this share of the target… */
const ROOM = 0.75;
/** …and for a larger picture, of about twice the bytes, under this one. */
const ROOM_FOR_SIZE = 0.5;
/** How long there must be room: longer each time that a raise had to be taken back. */
const FIRST_PATIENCE_MS = 3000;
const LONGEST_PATIENCE_MS = 60_000;
/** A new size ends all points, so a larger one waits so many times longer. */
const SIZE_PATIENCE = 3;
/** A raise that had to be taken back within this time was one too many. */
const TRIAL_MS = 10_000;
/** Under this share of the round trip from which a trial failed, the link is another one. */
const CHANGED = 0.6;
/** Lowering everything has helped if the round trip is now under this share of what it was. */
const HELPED = 0.8;
/** How long to leave a link alone on which lowering does not help. */
const REST_MS = 60_000;

/**
 * Decides how much to send so that the round trip stays under a target: one or
 * two levels down as soon as a quarter of the latest frames is above it, one up
 * after a time with room. How much a level changes is different for each link, so
 * none is predicted; a raise is a trial, and patience grows where trials fail.
 */
export class GovernorPolicy {
  #level = 0;
  #targetMs: number;
  #recent: { at: number; roundTrip: number }[] = [];
  #ignore = 0;
  #patienceMs = FIRST_PATIENCE_MS;
  #changedAt = -Infinity;
  /** The latest change, if it was a raise, and the round trip before it. */
  #raised: { at: number; from: number } | undefined;
  /** The round trip before the latest raise that had to be taken back. */
  #failedFrom = 0;
  /** The round trip at the best level, when it was left. */
  #atBest = Infinity;
  #restUntil = -Infinity;
  /** The round trip at the least level, when it gave up. */
  #atLeast = 0;

  constructor(targetMs: number) {
    this.#targetMs = targetMs;
  }

  get targetMs(): number {
    return this.#targetMs;
  }

  /** A new target is a new chance for a link that was given up. */
  set targetMs(targetMs: number) {
    this.#targetMs = targetMs;
    this.#restUntil = -Infinity;
    this.#patienceMs = FIRST_PATIENCE_MS;
  }

  get level(): Level {
    return LEVELS[this.#level];
  }

  /** Takes the round trip of an answered frame, at time `now`; null where nothing changes. */
  observe(roundTrip: number, now: number): Decision | null {
    if (this.#ignore > 0) {
      this.#ignore--;
      return null;
    }
    if (this.#changedAt === -Infinity) this.#changedAt = now;
    const recent = this.#recent;
    recent.push({ at: now, roundTrip });
    while (recent.length > FEWEST_FRAMES && now - recent[0].at > WINDOW_MS) recent.shift();
    if (recent.length < FEWEST_FRAMES) return null;
    const mostly = upperQuartile(recent.map(({ roundTrip }) => roundTrip));
    // The link may have changed since its best level was left: lowering did help, then.
    if (now < this.#restUntil && HELPED * mostly <= this.#atLeast) return null;
    this.#restUntil = -Infinity;
    if (mostly > this.targetMs) return this.#tooSlow(mostly, now);
    return this.#hasRoom(mostly, now) ? this.#raise(mostly, now) : null;
  }

  #tooSlow(roundTrip: number, now: number): Decision | null {
    if (this.#level === LEAST) {
      return roundTrip > HELPED * this.#atBest ? this.#giveUp(roundTrip, now) : null;
    }
    if (this.#level === 0) this.#atBest = roundTrip;
    if (this.#raised && now - this.#raised.at < TRIAL_MS) {
      this.#patienceMs = Math.min(2 * this.#patienceMs, LONGEST_PATIENCE_MS);
      this.#failedFrom = this.#raised.from;
    } else this.#patienceMs = FIRST_PATIENCE_MS;
    this.#raised = undefined;
    const down = roundTrip > 2 * this.targetMs ? 2 : 1;
    return this.#change("lowered", Math.min(this.#level + down, LEAST), roundTrip, now);
  }

  #hasRoom(roundTrip: number, now: number): boolean {
    if (this.#level === 0) return false;
    const isLarger = LEVELS[this.#level - 1].size > this.level.size;
    const patience = (isLarger ? SIZE_PATIENCE : 1) *
      (roundTrip < CHANGED * this.#failedFrom ? FIRST_PATIENCE_MS : this.#patienceMs);
    const room = isLarger ? ROOM_FOR_SIZE : ROOM;
    return now - this.#changedAt >= patience && roundTrip < room * this.targetMs;
  }

  #raise(roundTrip: number, now: number): Decision {
    if (this.#raised) this.#patienceMs = FIRST_PATIENCE_MS; // that one held
    this.#raised = { at: now, from: roundTrip };
    return this.#change("raised", this.#level - 1, roundTrip, now);
  }

  #giveUp(roundTrip: number, now: number): Decision {
    this.#restUntil = now + REST_MS;
    this.#atLeast = roundTrip;
    this.#raised = undefined;
    return this.#change("gaveUp", 0, roundTrip, now);
  }

  #change(change: Decision["change"], level: number, roundTrip: number, now: number): Decision {
    this.#level = level;
    this.#changedAt = now;
    this.#recent = [];
    this.#ignore = FRAMES_UNDER_WAY;
    return { change, roundTrip };
  }
}

/** Three of four values are at most this. */
function upperQuartile(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(0.75 * sorted.length) - 1];
}
