import { addressKey, isLoopback } from "../address.ts";
import type { ServerLimits } from "../limits.ts";
import { Refusal } from "../http/access.ts";

/** What an address may have open, other than this machine's own, where no flag says it. */
const PER_ADDRESS = 16;
/** Addresses that fall into one counter are counted together; with so many, few do. */
const COUNTERS = 1 << 16;
/** All sessions; then a seed, so that nobody can choose addresses that are counted as another's. */
const FIRST = 2;
const RETRY_AFTER_S = 5;

/**
 * Counts the open sessions, in all and by address. The counters may be shared
 * between threads.
 */
export class Census {
  readonly #counts: Int32Array;

  /** @param buffer of {@linkcode Census.share}; without it the counters are this one's own */
  constructor(
    readonly limits: Pick<ServerLimits, "maxSessions" | "maxSessionsPerAddress">,
    buffer: SharedArrayBuffer = Census.share(),
  ) {
    this.#counts = new Int32Array(buffer);
  }

  /** Counters for the threads of one server. */
  static share(): SharedArrayBuffer {
    const buffer = new SharedArrayBuffer(4 * (FIRST + COUNTERS));
    new Uint32Array(buffer)[1] = crypto.getRandomValues(new Uint32Array(1))[0];
    return buffer;
  }

  get open(): number {
    return Atomics.load(this.#counts, 0);
  }

  /**
   * Counts a session in.
   *
   * @returns what counts it out again
   * @throws {Refusal} 503 past `maxSessions` or past those of its address.
   */
  enter(address: string): () => void {
    const { maxSessions } = this.limits;
    const { own, most } = this.#of(address);
    this.#count(0, maxSessions, "session_limit", `allowed are ${maxSessions} at once`);
    try {
      this.#count(own, most, "address_limit", `allowed are ${most} at once from one address`);
    } catch (error) {
      Atomics.sub(this.#counts, 0, 1);
      throw error;
    }
    let left = false;
    return () => {
      if (left) return;
      left = true;
      Atomics.sub(this.#counts, 0, 1);
      Atomics.sub(this.#counts, own, 1);
    };
  }

  /** Whether a further session of this address would be refused. */
  isFull(address: string): boolean {
    const { own, most } = this.#of(address);
    return this.open >= this.limits.maxSessions || Atomics.load(this.#counts, own) >= most;
  }

  /** The address's own counter, and how much it may count. */
  #of(address: string): { own: number; most: number } {
    const most = this.limits.maxSessionsPerAddress ??
      (isLoopback(address) ? Infinity : PER_ADDRESS);
    return { own: FIRST + hash(addressKey(address), this.#counts[1]) % COUNTERS, most };
  }

  #count(at: number, most: number, code: string, allowed: string): void {
    if (Atomics.add(this.#counts, at, 1) < most) return;
    Atomics.sub(this.#counts, at, 1);
    throw new Refusal(503, code, `Cannot open a further session: ${allowed}`, {
      "Retry-After": `${RETRY_AFTER_S}`,
    });
  }
}

/** FNV-1a, and a last mix of all bits (as MurmurHash3 ends), for the seed stays in the low ones. */
function hash(text: string, seed: number): number {
  let value = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value = Math.imul(value ^ value >>> 16, 0x85ebca6b);
  value = Math.imul(value ^ value >>> 13, 0xc2b2ae35);
  return (value ^ value >>> 16) >>> 0;
}
