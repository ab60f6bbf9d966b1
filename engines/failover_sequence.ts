import {
  type Advanced,
  type Detected,
  type DetectOptions,
  EngineError,
  type FlowEngine,
  type FlowOptions,
  type FlowSequence,
  type Frame,
  type Mask,
} from "../tracking/engine.ts";

/** An engine in use. */
export interface Serving {
  readonly engine: FlowEngine;
}

/** Who says which engine that is. */
interface Owner<S extends Serving> {
  /** @throws {EngineError} where there is none. */
  serving(): Promise<S>;
  /** To be told how each call ended. @returns whether it is left at that */
  stands(serving: S, error?: unknown): boolean;
}

/** For frames of which nobody asks where a point is. */
export const TRIAL_OPTIONS = {
  winSize: [21, 21],
  maxLevel: 1,
  maxCount: 10,
  epsilon: 0.01,
  minEigThreshold: 0,
  back: true,
} satisfies FlowOptions;

/** One camera's frames, on whichever engine is in use. */
export class FailoverSequence<S extends Serving> implements FlowSequence {
  readonly #owner: Owner<S>;
  #on: { serving: S; sequence: FlowSequence } | null = null;
  /** The current one, for the next engine. */
  #frame: Frame | null = null;
  #isClosed = false;

  constructor(owner: Owner<S>) {
    this.#owner = owner;
  }

  async advance(...args: Parameters<FlowSequence["advance"]>): Promise<Advanced> {
    const advanced = await this.#call((sequence) => sequence.advance(...args));
    this.#frame = args[0];
    return advanced;
  }

  /** Where the engine was changed since the frame, the frame is given to the new one first. */
  async detect(options: DetectOptions, avoid: Float32Array, mask?: Mask): Promise<Detected> {
    const frame = this.#frame;
    if (!frame) throw new EngineError("Cannot detect: there is no frame yet");
    let on = this.#on?.sequence;
    return await this.#call(async (sequence) => {
      if (sequence !== on) await sequence.advance(frame, new Float32Array(), TRIAL_OPTIONS);
      on = sequence;
      return await sequence.detect(options, avoid, mask);
    });
  }

  /** Calls the engine in use, and the next one where it is taken out for that. */
  async #call<T>(call: (sequence: FlowSequence) => Promise<T>): Promise<T> {
    for (;;) {
      if (this.#isClosed) throw new EngineError("Cannot use a sequence: it is closed");
      const serving = await this.#owner.serving();
      if (this.#on?.serving !== serving) this.#on = { serving, sequence: serving.engine.open() };
      try {
        const result = await call(this.#on.sequence);
        this.#owner.stands(serving);
        return result;
      } catch (error) {
        if (this.#isClosed || this.#owner.stands(serving, error)) throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#on?.sequence[Symbol.asyncDispose]();
  }
}
