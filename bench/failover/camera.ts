import { WebSocket } from "ws";
import { connect, type Connection, type SocketClass } from "../../client/sdk/mod.ts";
import type { Tracks } from "../../protocol/mod.ts";
import type { Clip } from "../clip.ts";

const FRAME_MS = 1000 / 30;
/** A point that is farther than this from where it was first seen, moved with the picture, is on something else. */
const RIGHT_PX = 2;
/** A point whose window leaves the picture may end. */
const MARGIN_PX = 24;

/** Where a point was first seen: on which frame of the clip, and where. */
interface Birth {
  frame: number;
  x: number;
  y: number;
}

/** What became of the points that lived when something happened. */
export interface Outcome {
  /** Longest time without tracks, ms. */
  gapMs: number;
  /** Points that never left the picture meanwhile. */
  stayed: number;
  kept: number;
  keptAndRight: number;
}

/** A camera that sends a clip of known motion through the SDK, 30 frames a second, and judges what comes back. */
export class Camera implements Disposable {
  readonly #connection: Connection;
  readonly #clip: Clip;
  readonly #timer: ReturnType<typeof setInterval>;
  /** By seq, the frame of the clip. */
  readonly #sent = new Map<number, number>();
  readonly #births = new Map<number, Birth>();
  readonly #meantTwo = new Set<number>();
  #next: number;
  #latest: { tracks: Tracks; frame: number } | null = null;
  #heardAt = NaN;
  #longestMs = 0;
  #marked: { ids: Uint32Array; frame: number } | null = null;
  /** The most frames of the clip from one that was answered to the next one: what is far is hard to follow. */
  widest = 0;
  resumed = 0;
  anew = 0;
  /** Frames that were taken and never answered. */
  lost = 0;
  /** Frames that were not taken. */
  skipped = 0;

  constructor(url: string, ca: string, clip: Clip, phase: number) {
    this.#clip = clip;
    this.#next = phase;
    class Trusting extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols, { ca, origin: new URL(url.replace("ws", "http")).origin });
      }
    }
    this.#connection = connect(url, { WebSocket: Trusting as unknown as SocketClass });
    this.#connection.on("tracks", (tracks) => this.#hear(tracks));
    this.#connection.on("resumed", () => this.resumed++);
    this.#connection.on("anew", () => this.anew++);
    this.#timer = setInterval(() => this.#film(), FRAME_MS);
  }

  /** Whether points are tracked now. */
  get isLive(): boolean {
    return this.#connection.state.name === "open" && performance.now() - this.#heardAt < 500;
  }

  get idsThatMeantTwo(): number {
    return this.#meantTwo.size;
  }

  /** Remembers what lives now. */
  mark(): void {
    const { tracks, frame } = this.#latest!;
    this.#marked = { ids: tracks.points.id.slice(), frame };
    this.#longestMs = 0;
    this.widest =
      this.lost =
      this.skipped =
      this.resumed =
      this.anew =
        0;
  }

  /** What became of it. */
  outcome(): Outcome {
    const { ids, frame } = this.#marked!;
    const { tracks, frame: now } = this.#latest!;
    const at = new Map(Array.from(tracks.points.id, (id, i) => [id, i]));
    const stayed = [...ids].filter((id) => this.#staysIn(id, frame, now));
    const kept = stayed.filter((id) => at.has(id));
    const right = kept.filter((id) => {
      const i = at.get(id)!, [x, y] = this.#truth(id, now);
      return Math.hypot(tracks.points.xy[2 * i] - x, tracks.points.xy[2 * i + 1] - y) <= RIGHT_PX;
    });
    return {
      gapMs: Math.max(this.#longestMs, performance.now() - this.#heardAt),
      stayed: stayed.length,
      kept: kept.length,
      keptAndRight: right.length,
    };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#connection.close();
  }

  #film(): void {
    const frame = this.#next++;
    const { jpegs } = this.#clip;
    const seq = this.#connection.send(jpegs[frame % jpegs.length]);
    if (seq === null) this.skipped++;
    else this.#sent.set(seq, frame);
  }

  #hear(tracks: Tracks): void {
    const now = performance.now();
    if (this.#heardAt) this.#longestMs = Math.max(this.#longestMs, now - this.#heardAt);
    this.#heardAt = now;
    const frame = this.#sent.get(tracks.seq)!;
    for (const seq of this.#sent.keys()) {
      if (seq > tracks.seq) break;
      if (seq < tracks.seq) this.lost++;
      this.#sent.delete(seq);
    }
    if (this.#latest) this.widest = Math.max(this.widest, frame - this.#latest.frame);
    const { id, xy, age } = tracks.points;
    for (let i = 0; i < id.length; i++) {
      if (!this.#births.has(id[i])) {
        this.#births.set(id[i], { frame, x: xy[2 * i], y: xy[2 * i + 1] });
      } else if (age[i] === 0) this.#meantTwo.add(id[i]);
    }
    this.#latest = { tracks, frame };
  }

  /** Where the point is on a frame, had it moved with the picture since it was first seen. */
  #truth(id: number, frame: number): [number, number] {
    const birth = this.#births.get(id)!;
    const [fromX, fromY] = this.#clip.offset(birth.frame), [x, y] = this.#clip.offset(frame);
    return [birth.x + x - fromX, birth.y + y - fromY];
  }

  #staysIn(id: number, from: number, to: number): boolean {
    const { width, height } = this.#clip;
    for (let frame = from; frame <= to; frame++) {
      const [x, y] = this.#truth(id, frame);
      if (x < MARGIN_PX || y < MARGIN_PX || x > width - MARGIN_PX || y > height - MARGIN_PX) {
        return false;
      }
    }
    return true;
  }
}
