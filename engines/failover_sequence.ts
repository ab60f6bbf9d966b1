import {
  type Advanced,
  type Compared,
  type Detected,
  type DetectOptions,
  EngineError,
  type FlowEngine,
  type FlowOptions,
  type FlowSequence,
  type Frame,
  FrameError,
  type KeptSize,
  type KeptWindows,
  type Mask,
  type Taken,
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

/**
 * One camera's frames, on whichever engine is in use. A sequence that does not have the last good
 * frame, of another engine or after a failure, is given it first: so points live on.
 */
export class FailoverSequence<S extends Serving> implements FlowSequence {
  readonly #owner: Owner<S>;
  #on: { serving: S; sequence: FlowSequence } | null = null;
  /** The last good frame, and how points were followed into it. */
  #current: { frame: Frame; options: FlowOptions } | null = null;
  /** Whose current frame that is. */
  #holder: FlowSequence | null = null;
  #isClosed = false;

  constructor(owner: Owner<S>) {
    this.#owner = owner;
  }

  /** Begins anew only where the frame before cannot be given to the engine in use. */
  async advance(...args: Parameters<FlowSequence["advance"]>): Promise<Advanced> {
    const [frame, , options] = args;
    return await this.#call(async (sequence) => {
      await this.#give(sequence).catch((error) => {
        if (!(error instanceof FrameError)) throw error;
      });
      const advanced = await sequence.advance(...args);
      this.#current = { frame, options };
      this.#holder = sequence;
      return advanced;
    });
  }

  async detect(options: DetectOptions, avoid: Float32Array, mask?: Mask): Promise<Detected> {
    return await this.#callOnFrame("detect", (on) => on.detect(options, avoid, mask));
  }

  async take(points: Float32Array, size: KeptSize): Promise<Taken> {
    return await this.#callOnFrame("take windows", (on) => on.take(points, size));
  }

  async compare(points: Float32Array, kept: KeptWindows): Promise<Compared> {
    return await this.#callOnFrame("compare windows", (on) => on.compare(points, kept));
  }

  /** What a sequence does on the last good frame. */
  async #callOnFrame<T>(
    action: string,
    call: (sequence: FlowSequence) => Promise<T>,
  ): Promise<T> {
    if (!this.#current) throw new EngineError(`Cannot ${action}: there is no frame yet`);
    return await this.#call(async (sequence) => {
      await this.#give(sequence);
      return await call(sequence);
    });
  }

  /** Makes the last good frame the current one of a sequence, unless it is. */
  async #give(sequence: FlowSequence): Promise<void> {
    if (!this.#current || this.#holder === sequence) return;
    const { frame, options } = this.#current;
    await sequence.advance(frame, new Float32Array(), options);
    this.#holder = sequence;
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
        if (!(error instanceof FrameError)) this.#holder = null;
        if (this.#isClosed || this.#owner.stands(serving, error)) throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#on?.sequence[Symbol.asyncDispose]();
  }
}
