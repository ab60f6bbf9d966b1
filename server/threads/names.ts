import { MAX_STREAM_NAME } from "../../protocol/mod.ts";
import { Refusal } from "../http/access.ts";

/** A slot: the name's length, 0 where it is free; whether another client asked for it; the name. */
const LENGTH = 0, ASKED = 1, NAME = 2;
const SLOT_BYTES = NAME + MAX_STREAM_NAME;
/** Before the slots: one lock for all of them, and the latest epoch, as 64 bits. */
const EPOCH_AT = 8, SLOTS_AT = 16;
const RETRY_AFTER_S = 1;

/** A name that is held. */
export interface Claim {
  /** Milliseconds since 1970; more than that of any claim before, however clocks are set. */
  readonly epoch: number;
  /** Whether another client asked for the name since this was last looked at. */
  takeAsked(): boolean;
  /** Lets go of it. Idempotent. */
  release(): void;
}

/**
 * The names of the streams that are open: no two have the same one. They may be
 * shared between threads.
 */
export class Names {
  readonly #lock: Int32Array;
  readonly #epoch: BigInt64Array;
  readonly #slots: Uint8Array[];

  /** @param buffer of {@linkcode Names.share} */
  constructor(buffer: SharedArrayBuffer) {
    this.#lock = new Int32Array(buffer, 0, 1);
    this.#epoch = new BigInt64Array(buffer, EPOCH_AT, 1);
    const n = (buffer.byteLength - SLOTS_AT) / SLOT_BYTES;
    this.#slots = Array.from(
      { length: n },
      (_, i) => new Uint8Array(buffer, SLOTS_AT + i * SLOT_BYTES, SLOT_BYTES),
    );
  }

  /** Room for the names of so many sessions. */
  static share(sessions: number): SharedArrayBuffer {
    return new SharedArrayBuffer(SLOTS_AT + sessions * SLOT_BYTES);
  }

  /** @throws {Refusal} 409 where another session holds the name; that one is then looked after. */
  claim(name: string): Claim {
    const bytes = new TextEncoder().encode(name);
    const claim = this.#locked(() => {
      const held = this.#slots.find((slot) => isHeld(slot, bytes));
      if (held) {
        Atomics.store(held, ASKED, 1);
        return null;
      }
      const free = this.#slots.find((slot) => Atomics.load(slot, LENGTH) === 0)!;
      free.set(bytes, NAME);
      Atomics.store(free, ASKED, 0);
      Atomics.store(free, LENGTH, bytes.length);
      return claimOf(free, this.#nextEpoch());
    });
    if (claim) return claim;
    throw new Refusal(
      409,
      "stream_in_use",
      `Cannot open the stream ${name}: another session holds this name`,
      { "Retry-After": `${RETRY_AFTER_S}` },
    );
  }

  has(name: string): boolean {
    const bytes = new TextEncoder().encode(name);
    return this.#locked(() => this.#slots.some((slot) => isHeld(slot, bytes)));
  }

  #nextEpoch(): number {
    const now = BigInt(Date.now()), last = this.#epoch[0];
    return Number(this.#epoch[0] = now > last ? now : last + 1n);
  }

  /** Other threads wait the microseconds that it takes. */
  #locked<T>(body: () => T): T {
    while (Atomics.compareExchange(this.#lock, 0, 0, 1) !== 0);
    try {
      return body();
    } finally {
      Atomics.store(this.#lock, 0, 0);
    }
  }
}

function isHeld(slot: Uint8Array, name: Uint8Array): boolean {
  return Atomics.load(slot, LENGTH) === name.length &&
    name.every((byte, i) => slot[NAME + i] === byte);
}

function claimOf(slot: Uint8Array, epoch: number): Claim {
  let isHeld = true;
  return {
    epoch,
    takeAsked: () => isHeld && Atomics.exchange(slot, ASKED, 0) === 1,
    release() {
      if (isHeld) Atomics.store(slot, LENGTH, 0);
      isHeld = false;
    },
  };
}
