const MAX_CONTROLS = 64;
const MAX_CONTROL_CHARS = 1 << 20;

/**
 * What a client has sent and the session has not yet come to, in the order in
 * which it was sent. Only the newest frame waits: a newer one takes an older
 * one's place, behind the control messages sent before it.
 */
export class Inbox<Frame extends object> {
  #waiting: (Frame | string)[] = [];
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

  get hasFrame(): boolean {
    return this.#waiting.some((item) => typeof item !== "string");
  }

  /** @returns the older frame that had to go */
  putFrame(frame: Frame): Frame | undefined {
    const older = this.#waiting.find((item) => typeof item !== "string");
    if (older) this.#waiting.splice(this.#waiting.indexOf(older), 1);
    this.#waiting.push(frame);
    return older;
  }

  putControl(text: string): void {
    this.#waiting.push(text);
    this.#controls++;
    this.#controlChars += text.length;
  }

  take(): Frame | string | undefined {
    const item = this.#waiting.shift();
    if (typeof item === "string") {
      this.#controls--;
      this.#controlChars -= item.length;
    }
    return item;
  }
}
