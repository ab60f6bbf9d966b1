import { type ReadReason, reasonOf, type Tracks } from "../../sdk/mod.ts";
import { MAX_TRAIL } from "./drawing.ts";

/** How long a new point grows. */
export const POP_MS = 220;
/** How long a lost point flashes. */
export const FLASH_MS = 600;
/** Positions a trail remembers: the point's place and as many before it as are ever drawn. */
const LENGTH = MAX_TRAIL + 1;

/** The way of one point, newest position first. */
export class Trail {
  readonly #xy = new Float32Array(2 * LENGTH);
  #head = 0;
  count = 0;
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

/** A point that is no more, where it was last, and why. */
export interface Lost {
  x: number;
  y: number;
  reason: ReadReason;
  at: number;
}

/** Every live point's trail, and the points that just went. */
export class Trails {
  readonly live = new Map<number, Trail>();
  lost: Lost[] = [];
  /** When the last of them has grown, or flashed; −Infinity where none has begun to. */
  restsAt = -Infinity;

  /** Takes in the next result, which came at `now` milliseconds. */
  update({ points, lost, reset }: Tracks, now: number): void {
    this.lost = this.lost.filter(({ at }) => now - at < FLASH_MS);
    for (let i = 0; i < lost.id.length; i++) {
      this.#lose(lost.id[i], reasonOf(lost.reason[i]), now);
    }
    if (reset) this.live.clear();
    for (let i = 0; i < points.id.length; i++) {
      const id = points.id[i];
      let trail = this.live.get(id);
      if (!trail) {
        this.live.set(id, trail = new Trail(now));
        this.restsAt = Math.max(this.restsAt, now + POP_MS);
      }
      trail.push(points.xy[2 * i], points.xy[2 * i + 1]);
    }
  }

  clear(): void {
    this.live.clear();
    this.lost = [];
    this.restsAt = -Infinity;
  }

  #lose(id: number, reason: ReadReason, at: number): void {
    const trail = this.live.get(id);
    if (!trail) return;
    this.lost.push({ x: trail.x(0), y: trail.y(0), reason, at });
    this.live.delete(id);
    this.restsAt = Math.max(this.restsAt, at + FLASH_MS);
  }
}
