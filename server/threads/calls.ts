/** Questions over a channel of messages, and the promises of their answers. */
export class Calls<Answer> {
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #next = 0;

  /** @param ask sends the question with its number */
  make(ask: (call: number) => void): Promise<Answer> {
    const call = this.#next++;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#waiting.set(call, resolve);
    ask(call);
    return promise;
  }

  settle(call: number, answer: Answer): void {
    this.#waiting.get(call)?.(answer);
    this.#waiting.delete(call);
  }
}
