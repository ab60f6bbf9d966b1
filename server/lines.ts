/** Where bytes go, such as `Deno.stderr`. A write may take for ever. */
export interface Sink {
  /** @returns how many of the bytes were written */
  write(bytes: Uint8Array): Promise<number>;
}

/** So many characters wait at most for a reader; more are dropped. */
const MAX_WAITING = 1 << 16;
/** POSIX writes as much into a pipe in one piece (PIPE_BUF): lines of several threads do not mix. */
const PIECE = 4096;

/**
 * Writes lines, and never waits for who reads them: a pipe that is full, because
 * nobody reads it, costs lines, and not the event loop.
 */
export class Lines {
  readonly #sink: Sink;
  readonly #describeDropped: (lines: number) => string;
  #waiting: string[] = [];
  #characters = 0;
  #dropped = 0;
  #writing: Promise<void> | null = null;

  /** @param describeDropped the line that tells how many are missing before it */
  constructor(sink: Sink, describeDropped = (lines: number) => `… ${lines} lines dropped`) {
    this.#sink = sink;
    this.#describeDropped = describeDropped;
  }

  put(line: string): void {
    if (this.#characters + line.length > MAX_WAITING) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(line);
    this.#characters += line.length;
    this.#writing ??= this.#write().finally(() => this.#writing = null);
  }

  /** Resolves when all is written, or after `ms`. */
  async flush(ms: number): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, ms);
    await Promise.race([this.#writing, late.promise]);
    clearTimeout(timer);
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#take();
      try {
        await writeAll(this.#sink, new TextEncoder().encode(lines.join("")));
      } catch {
        this.#dropped += lines.length; // the reader is gone; another one may come
        return;
      }
      if (this.#waiting.length === 0 && this.#dropped > 0) {
        this.#waiting.push(this.#describeDropped(this.#dropped));
        this.#dropped = 0;
      }
    }
  }

  /** One line or more, as many as fit into a piece. */
  #take(): string[] {
    let count = 0;
    let characters = 0;
    while (
      count < this.#waiting.length &&
      (count === 0 || characters + this.#waiting[count].length < PIECE)
    ) {
      characters += this.#waiting[count++].length + 1;
    }
    const lines = this.#waiting.splice(0, count).map((line) => `${line}\n`);
    this.#characters = this.#waiting.reduce((sum, { length }) => sum + length, 0);
    return lines;
  }
}

async function writeAll(sink: Sink, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await sink.write(bytes.subarray(at));
}
