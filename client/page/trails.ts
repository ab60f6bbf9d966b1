import type { Tracks } from "../sdk/mod.ts";

/** How far back trails go. */
const REACH_MS = 450;
/** Positions a trail remembers: enough for that at 30 frames a second. */
const LENGTH = 14;
/** How long a lost point fades. */
export const FADE_MS = 320;

/** The way of one point, newest position first. */
export class Trail {
  readonly #xy = new Float32Array(2 * LENGTH);
  #head = 0;
  count = 0;
  age = 0;
  constructor(readonly bornAt: number) {}

  push(x: number, y: number): void {
    this.#head = (this.#head + LENGTH - 1) % LENGTH;
    this.#xy[2 * this.#head] = x;
    this.#xy[2 * this.#head + 1] = y;
    this.count = Math.min(this.count + 1, LENGTH);
  }

  x(back: number): number {
    return this.#xy[2 * ((this.#head + back) % LENGTH)];
  }

  y(back: number): number {
    return this.#xy[2 * ((this.#head + back) % LENGTH) + 1];
  }
}

/** A point that is no more, where it was last. */
export interface Faded {
  x: number;
  y: number;
  lostAt: number;
}

/** Every live point's trail, and the points that just went. */
export class Trails {
  readonly live = new Map<number, Trail>();
  faded: Faded[] = [];
  #times: number[] = [];

  /** How many of the latest positions to draw: fewer where frames are slow, or trails grow long. */
  get reach(): number {
    return Math.max(4, this.#times.length);
  }

  update({ points, lost, reset }: Tracks, now: number): void {
    this.faded = this.faded.filter((point) => now - point.lostAt < FADE_MS);
    this.#times = this.#times.filter((time) => now - time < REACH_MS).slice(1 - LENGTH);
    this.#times.push(now);
    if (reset) this.live.clear();
    for (const id of lost.id) this.#lose(id, now);
    for (let i = 0; i < points.id.length; i++) {
      const id = points.id[i];
      let trail = this.live.get(id);
      if (!trail) this.live.set(id, trail = new Trail(now));
      trail.push(points.xy[2 * i], points.xy[2 * i + 1]);
      trail.age = points.age[i];
    }
  }

  clear(): void {
    this.live.clear();
    this.faded = [];
    this.#times = [];
  }

  #lose(id: number, now: number): void {
    const trail = this.live.get(id);
    if (!trail) return;
    this.faded.push({ x: trail.x(0), y: trail.y(0), lostAt: now });
    this.live.delete(id);
  }
}
