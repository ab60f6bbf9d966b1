import { deferred } from "../deferred.ts";
import {
  type Answer,
  ANSWER_TO,
  type ClientMessage,
  type PartialOptions,
  type RequestId,
} from "../../../protocol/mod.ts";
import type { LkstreamError } from "./errors.ts";

type Name = ClientMessage["type"];
export type RequestMessage<N extends Name = Name> = Extract<ClientMessage, { type: N }>;
export type AnswerTo<N extends Name> = Extract<Answer, { type: typeof ANSWER_TO[N] }>;

interface Request {
  id: number;
  message: RequestMessage;
  resolve(answer: Answer): void;
  reject(error: LkstreamError): void;
  /** Said again for a new session; nobody awaits it. */
  isReplay?: boolean;
}

/**
 * Requests that wait for their answers. A server with the feature `request` says which one it
 * answers; another one answers in the order of the requests. Options and mask belong to the user
 * rather than to a session: they are asked for again in each new one.
 */
export class Requests {
  #waiting: Request[] = [];
  #latest = 0;
  /** Whether this session's answers say what they answer. */
  #isMarked = false;
  #options: PartialOptions = {};
  #mask: RequestMessage<"mask"> | undefined;

  /**
   * @param obeyed told at once of each request that the server did, or was sent where it does not
   * say so: promises tell it later, and a stream may have ended by then
   */
  constructor(readonly obeyed: (message: RequestMessage, answer?: Answer) => void = () => {}) {}

  /** What is to be sent, and a promise of the answer. That may be ignored: errors are also events. */
  ask<N extends Name>(message: RequestMessage<N>): {
    sent: ClientMessage;
    answer: Promise<AnswerTo<N>>;
  } {
    const { promise, resolve, reject } = deferred<AnswerTo<N>>();
    promise.catch(() => {});
    const request = { id: ++this.#latest, message, resolve: resolve as Request["resolve"], reject };
    if (this.#isMarked || !isUnanswered(message)) this.#waiting.push(request);
    else {
      this.obeyed(message);
      request.resolve({ type: "done" });
    }
    return { sent: this.#marked(request), answer: promise };
  }

  /** Whether the server still has to answer something. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  answered(answer: Answer): void {
    const at = this.#isMarked
      ? this.#indexOf(answer.request)
      : this.#waiting.findIndex(({ message }) => ANSWER_TO[message.type] === answer.type);
    if (at < 0) return;
    const [{ message, resolve }] = this.#waiting.splice(at, 1);
    if (message.type === "configure") this.#options = merge(this.#options, message);
    else if (message.type === "mask") {
      this.#mask = message.polygons.length > 0 ? message : undefined;
    }
    this.obeyed(message, answer);
    resolve(answer);
  }

  /** An error that names no frame: it refuses the request that it names, or else the oldest one. */
  failed(error: LkstreamError, request: RequestId | undefined): void {
    const at = this.#isMarked ? this.#indexOf(request) : 0;
    if (at >= 0) this.#waiting.splice(at, 1)[0]?.reject(error);
  }

  /**
   * A session begins; it is to be told these messages, in this order.
   *
   * @param isMarked whether its server says which request it answers
   */
  begin(isMarked: boolean): ClientMessage[] {
    this.#isMarked = isMarked;
    const replays: RequestMessage[] = [];
    if (Object.keys(this.#options).length > 0) {
      replays.push({ type: "configure", ...this.#options });
    }
    if (this.#mask) replays.push(this.#mask);
    this.#waiting.unshift(...replays.map((message) => this.#replay(message)));
    return this.#waiting.map((request) => this.#marked(request));
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

  #indexOf(request: RequestId | undefined): number {
    return this.#waiting.findIndex(({ id }) => id === request);
  }

  #marked({ id, message }: Request): ClientMessage {
    return this.#isMarked ? { ...message, request: id } : message;
  }

  #replay(message: RequestMessage): Request {
    return { id: ++this.#latest, message, resolve: () => {}, reject: () => {}, isReplay: true };
  }
}

/** True for what is about all sessions, not about the frames of this one. */
export function outlasts({ type }: RequestMessage): boolean {
  return type === "configure" || type === "mask";
}

/** True for what a server answers only where it says what it answers. */
function isUnanswered({ type }: RequestMessage): boolean {
  return ANSWER_TO[type] === "done";
}

function merge(options: PartialOptions, { detect, flow, filter }: PartialOptions): PartialOptions {
  return {
    detect: { ...options.detect, ...detect },
    flow: { ...options.flow, ...flow },
    filter: { ...options.filter, ...filter },
  };
}
