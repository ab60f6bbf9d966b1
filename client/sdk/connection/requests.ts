import type { ClientMessage, Options, PartialOptions, Stats } from "../../../protocol/mod.ts";
import { LkstreamError } from "./errors.ts";

/** What each request is answered with. */
export interface Answers {
  configure: Options;
  add: number[];
  mask: number | null;
  stats: Stats;
}
type Name = keyof Answers;
/** A message that the server answers; `remove` and `clear` it does not. */
export type RequestMessage<N extends Name = Name> = Extract<ClientMessage, { type: N }>;

interface Request {
  message: RequestMessage;
  resolve(value: unknown): void;
  reject(error: LkstreamError): void;
  /** Said again for a new session; nobody awaits it. */
  isReplay?: boolean;
}

/**
 * Requests that wait for their answers, which come in the order of the requests.
 * Options and mask belong to the user rather than to a session: they are asked
 * for again in each new one.
 */
export class Requests {
  #waiting: Request[] = [];
  #options: PartialOptions = {};
  #mask: RequestMessage<"mask"> | undefined;

  /** A promise of the answer. It may be ignored: errors are also events. */
  wait<N extends Name>(message: RequestMessage<N>): Promise<Answers[N]> {
    const answered = new Promise<Answers[N]>((resolve, reject) => {
      this.#waiting.push({ message, resolve: resolve as (value: unknown) => void, reject });
    });
    answered.catch(() => {});
    return answered;
  }

  answer<N extends Name>(type: N, value: Answers[N]): void {
    const at = this.#waiting.findIndex(({ message }) => message.type === type);
    if (at < 0) return;
    const [{ message, resolve }] = this.#waiting.splice(at, 1);
    if (message.type === "configure") this.#options = merge(this.#options, message);
    else if (message.type === "mask") {
      this.#mask = message.polygons.length > 0 ? message : undefined;
    }
    resolve(value);
  }

  /** An error that names no frame answers the oldest request. */
  fail(error: LkstreamError): void {
    this.#waiting.shift()?.reject(error);
  }

  /** A session begins; it is to be told these messages, in this order. */
  begin(): RequestMessage[] {
    const replays: RequestMessage[] = [];
    if (Object.keys(this.#options).length > 0) {
      replays.push({ type: "configure", ...this.#options });
    }
    if (this.#mask) replays.push(this.#mask);
    this.#waiting.unshift(...replays.map(asReplay));
    return this.#waiting.map(({ message }) => message);
  }

  /** The session ended: what was about its frames fails, what is to last waits for the next. */
  interrupt(error: LkstreamError): void {
    const ended = this.#waiting;
    this.#waiting = ended.filter(({ message, isReplay }) => !isReplay && outlasts(message));
    for (const { message, reject } of ended) if (!outlasts(message)) reject(error);
  }

  /** The connection ended: everything fails. */
  close(error: LkstreamError): void {
    for (const request of this.#waiting) request.reject(error);
    this.#waiting = [];
  }
}

/** True for what is about all sessions, not about the frames of this one. */
export function outlasts({ type }: RequestMessage): boolean {
  return type === "configure" || type === "mask";
}

function asReplay(message: RequestMessage): Request {
  return { message, resolve: () => {}, reject: () => {}, isReplay: true };
}

function merge(options: PartialOptions, { detect, flow, filter }: PartialOptions): PartialOptions {
  return {
    detect: { ...options.detect, ...detect },
    flow: { ...options.flow, ...flow },
    filter: { ...options.filter, ...filter },
  };
}
