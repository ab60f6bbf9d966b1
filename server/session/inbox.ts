const MAX_CONTROLS = 64;
const MAX_CONTROL_CHARS = 1 << 20;

/**
 * What a client has sent and the session has not yet come to, in the order in
 * which it was sent. Only the newest frame waits: a newer one takes an older
 * one's place, behind the control messages sent before it. But the first frame of
 * all gives way to none, for it is the one on which resumed points stand.
 */
export class Inbox<Frame extends object> {
  #waiting: (Frame | string)[] = [];
  /** Undefined before it came, null once it was taken. */
  #first: Frame | null | undefined;
  #controls = 0;
  #controlChars = 0;

  /** True where so many control messages wait that the client should not be read from. */
  get isFull(): boolean {
    return this.#controls >= MAX_CONTROLS || this.#controlChars >= MAX_CONTROL_CHARS;
  }

  get isFrameNext(): boolean {
    return this.#waiting.length > 0 && typeof this.#waiting[0] !== "string";
  }

  get isControlNext(): boolean {
    return typeof this.#waiting[0] === "string";
  }

  /** How many frames wait. */
  get frames(): number {
    return this.#waiting.length - this.#controls;
  }

  /** @returns the older frame that had to go */
  putFrame(frame: Frame): Frame | undefined {
    if (this.#first === undefined) this.#first = frame;
    const older = this.#waiting.find((item) => typeof item !== "string" && item !== this.#first);
    if (older) this.#waiting.splice(this.#waiting.indexOf(older), 1);
    this.#waiting.push(frame);
    return older as Frame | undefined;
  }

  putControl(text: string): void {
    this.#waiting.push(text);
    this.#controls++;
    this.#controlChars += text.length;
  }

  take(): Frame | string | undefined {
    const item = this.#waiting.shift();
    if (item !== undefined && item === this.#first) this.#first = null;
    if (typeof item === "string") {
      this.#controls--;
      this.#controlChars -= item.length;
    }
    return item;
  }
}
