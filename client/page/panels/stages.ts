import type { FrameTimes } from "../../sdk/mod.ts";

/** Where a frame's time goes, in the order of its way; the last is the page's own drawing. */
export const STAGES = [
  { name: "capture", colour: "#f2b134", text: "taking the picture from the source" },
  { name: "encode", colour: "#e07a3f", text: "making it a JPEG" },
  { name: "uplink", colour: "#9aa7b2", text: "the frame’s way to the server, estimated" },
  { name: "queue", colour: "#5a6b9e", text: "waiting there for the frame before" },
  { name: "decode", colour: "#4c8dd6", text: "JPEG to grey levels" },
  { name: "track", colour: "#2bb3a3", text: "following the points" },
  { name: "detect", colour: "#7cc46a", text: "finding new ones, on some frames" },
  { name: "other", colour: "#3f7f8c", text: "the server’s time beside its stages" },
  { name: "downlink", colour: "#c3ccd4", text: "the results’ way back, estimated" },
  { name: "draw", colour: "#d45f9c", text: "from the results to the painted picture" },
] as const;

/** The stages of one frame in milliseconds, in the order of {@linkcode STAGES}. */
interface Sample {
  seq: number;
  at: number;
  stages: number[];
}

/** The stages of the latest frames. */
export class StageHistory {
  #samples: Sample[] = [];

  constructor(readonly spanMs: number) {}

  /** A frame that was answered at `now`; its drawing is yet to come. */
  add(times: FrameTimes, now: number): void {
    const stages = STAGES.map(({ name }) => name === "draw" ? 0 : times[name] ?? 0);
    this.#samples.push({ seq: times.seq, at: now, stages });
    const from = this.#samples.findIndex(({ at }) => now - at <= this.spanMs);
    this.#samples.splice(0, from);
  }

  /** A frame was painted, `ms` after it was answered. One that a later frame overtook never is. */
  painted(seq: number, ms: number): void {
    const sample = this.#samples.findLast((sample) => sample.seq === seq);
    if (sample) sample.stages[STAGES.length - 1] = ms;
  }

  clear(): void {
    this.#samples = [];
  }

  /** Seconds before `now`, and the time a frame had taken up to and with each stage. */
  stacked(now: number): { seconds: number[]; upTo: number[][] } {
    const upTo: number[][] = STAGES.map(() => []);
    for (const { stages } of this.#samples) {
      let sum = 0;
      for (const [i, ms] of stages.entries()) upTo[i].push(sum += ms);
    }
    return { seconds: this.#samples.map(({ at }) => (at - now) / 1000), upTo };
  }

  /** Means of the stages, in milliseconds, which add up to the frames' mean; null without a frame. */
  means(): number[] | null {
    const { length } = this.#samples;
    if (length === 0) return null;
    return STAGES.map((_, i) => this.#samples.reduce((sum, s) => sum + s.stages[i], 0) / length);
  }
}
