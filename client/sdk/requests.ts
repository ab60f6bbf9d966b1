import type { ClientMessage, Options, PartialOptions, Stats } from "../../protocol/mod.ts";
import { LkstreamError } from "./errors.ts";

/** What each request is answered with. */
interface Answers {
  configure: Options;
  add: number[];
  mask: number | null;
  stats: Stats;
}
type Name = keyof Answers;
export type RequestMessage = Extract<ClientMessage, { type: Name }>;

interface Request {
  message: RequestMessage;
  resolve(value: unknown): void;
  reject(error: LkstreamError): void;
}

/**
 * Requests that wait for their answers, which come in the order of the requests
 * of a kind. Options and mask belong to the user rather than to a session: they
 * are asked for again in each new one.
 */
export class Requests {
  #waiting: Request[] = [];
  #options: PartialOptions = {};
  #mask: RequestMessage | undefined;

  /** A promise of the answer. It may be ignored: errors are also events. */
  wait<N extends Name>(message: Extract<RequestMessage, { type: N }>): Promise<Answers[N]> {
    const { promise, resolve, reject } = Promise.withResolvers<Answers[N]>();
    promise.catch(() => {});
    this.#waiting.push({ message, resolve: resolve as (value: unknown) => void, reject });
    return promise;
  }

  answer<N extends Name>(type: N, value: Answers[N]): void {
    const request = this.#take((message) => message.type === type);
    if (!request) return;
    if (request.message.type === "configure") {
      this.#options = merge(this.#options, request.message);
    } else if (request.message.type === "mask") this.#mask = request.message;
    request.resolve(value);
  }

  /** The error belongs to the oldest request that can be answered by its code. */
  fail(error: LkstreamError): void {
    const isConfigure = error.code === "bad_option";
    this.#take((message) => (message.type === "configure") === isConfigure)?.reject(error);
  }

  /** What a new session is to be told, oldest first. */
  messages(): RequestMessage[] {
    return this.#waiting.map((request) => request.message);
  }

  /** The session ended: what was about its frames fails, what is to last waits for the next. */
  interrupt(error: LkstreamError): void {
    const [lasting, lost] = split(this.#waiting);
    for (const request of lost) request.reject(error);
    const again: RequestMessage[] = [];
    if (Object.keys(this.#options).length > 0) again.push({ type: "configure", ...this.#options });
    if (this.#mask) again.push(this.#mask);
    this.#waiting = [...again.map(unasked), ...lasting];
  }

  /** The connection ended: everything fails. */
  close(error: LkstreamError): void {
    for (const request of this.#waiting) request.reject(error);
    this.#waiting = [];
  }

  #take(matches: (message: RequestMessage) => boolean): Request | undefined {
    const at = this.#waiting.findIndex((request) => matches(request.message));
    return at < 0 ? undefined : this.#waiting.splice(at, 1)[0];
  }
}

/** A request that nobody awaits. */
function unasked(message: RequestMessage): Request {
  return { message, resolve: () => {}, reject: () => {} };
}

function split(requests: Request[]): [lasting: Request[], lost: Request[]] {
  const lasts = ({ message }: Request) => message.type === "configure" || message.type === "mask";
  return [requests.filter(lasts), requests.filter((request) => !lasts(request))];
}

function merge(options: PartialOptions, { detect, flow, filter }: PartialOptions): PartialOptions {
  return {
    detect: { ...options.detect, ...detect },
    flow: { ...options.flow, ...flow },
    filter: { ...options.filter, ...filter },
  };
}
