import {
  type Answer,
  type ControlMessage,
  mergeOptions,
  parseControl,
  ProtocolError,
  requestOf,
} from "../../protocol/mod.ts";
import type { Tracker } from "../../tracking/tracker.ts";
import type { ServerLimits } from "../limits.ts";
import { Allowance } from "./allowance.ts";
import type { NamedStream } from "./named_stream.ts";
import type { Tally } from "./tally.ts";

/** What takes as long as a small control message: reading so many characters, parsing so many values, painting so many pixels of a mask. */
const CHARS_AS_A_CONTROL = 10_000;
const VALUES_AS_A_CONTROL = 1000;
export const PIXELS_AS_A_CONTROL = 100_000;

/** Who is spoken with, and what about. */
export interface Topic {
  /** The session's id. */
  id: string;
  tracker: Tracker;
  tally: Tally;
  limits: ServerLimits;
  /** Frames a second: `resume` counts as one. */
  frameRate: Allowance;
  stream?: NamedStream;
}

/** Control messages and their answers. What a message costs is charged before, or where it is known. */
export class Conversation {
  readonly #topic: Topic;
  readonly #rate: Allowance;

  constructor(topic: Topic) {
    this.#topic = topic;
    this.#rate = new Allowance(topic.limits.maxControlRate);
  }

  /**
   * Obeys a text message.
   *
   * @returns its answer; null for one that has none of its own and asks for none
   * @throws {ProtocolError} where it is refused, with its mark; then nothing has changed.
   */
  answer(text: string): Answer | null {
    this.#checkRate(text);
    // beyond those that every message may have: or fewer than the allowed would fit into a second
    const measured = (values: number) =>
      this.#rate.charge(Math.floor(values / VALUES_AS_A_CONTROL));
    const message = parseControl(text, measured);
    const { request } = message;
    try {
      const answer = this.#obey(message);
      return answer.type === "done" && request === undefined ? null : { ...answer, request };
    } catch (error) {
      if (error instanceof ProtocolError) error.request = request;
      throw error;
    }
  }

  #obey(message: ControlMessage): Answer {
    const { id, tracker, tally, frameRate, stream } = this.#topic;
    switch (message.type) {
      case "configure":
        tracker.options = mergeOptions(tracker.options, message.options);
        stream?.change({ options: tracker.options });
        return { type: "configured", options: tracker.options };
      case "add":
        return { type: "added", ids: tracker.add(message.points) };
      case "remove":
        tracker.remove(message.ids);
        return { type: "done" };
      case "clear":
        tracker.clear();
        return { type: "done" };
      case "mask": {
        this.#checkMask(message.polygons);
        const share = tracker.confine(message.polygons);
        this.#rate.charge(tracker.takeMaskCost() / PIXELS_AS_A_CONTROL);
        return { type: "masked", share };
      }
      case "resume": {
        const live = tracker.resume(message.state);
        frameRate.charge(1);
        stream?.resume(message.state.epoch);
        return { type: "resumed", live };
      }
      case "stats":
        return tally.toMessage(id, tracker);
    }
  }

  /** A long message counts as several. */
  #checkRate(text: string): void {
    const { maxControlRate } = this.#topic.limits;
    const cost = 1 + Math.floor(text.length / CHARS_AS_A_CONTROL);
    if (this.#rate.take(performance.now(), cost)) return;
    const error = new ProtocolError(
      "limit",
      `Cannot obey so many control messages: allowed are ${maxControlRate} a second`,
    );
    error.request = requestOf(text);
    throw error;
  }

  #checkMask(polygons: readonly (readonly unknown[])[]): void {
    const { maxMaskPolygons, maxMaskCorners } = this.#topic.limits;
    const check = (n: number, what: string, most: number) => {
      if (n <= most) return;
      throw new ProtocolError("limit", `Cannot mask by ${n} ${what}: allowed are ${most} in all`);
    };
    check(polygons.length, "polygons", maxMaskPolygons);
    check(polygons.reduce((sum, { length }) => sum + length, 0), "corners", maxMaskCorners);
  }
}
