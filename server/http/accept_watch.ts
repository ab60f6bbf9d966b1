import type { Server } from "node:net";
import { LibC } from "../libc.ts";

const LOOK_MS = 1000;

/** What Deno has of a listener. */
interface Handle {
  /** A further descriptor of its socket, to be closed; negative or thrown where none is left. */
  fdForIpc?(): number;
}

/**
 * Deno's listener stops in silence if it finds no file descriptor for a
 * connection. Where connections wait from one look to the next, and none was
 * accepted in between, the server has to listen anew.
 */
export class AcceptWatch implements Disposable {
  readonly #server: Server;
  readonly #library = LibC.open();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #count = () => void this.#accepted++;
  #accepted = 0;
  /** How many had been accepted when connections were seen to wait; null: none waited. */
  #waitedAt: number | null = null;

  /** @param listenAgain is tried until it succeeds */
  constructor(server: Server, listenAgain: () => Promise<void>, lookMs = LOOK_MS) {
    this.#server = server;
    for (const event of ["connection", "drop"]) server.on(event, this.#count);
    this.#timer = setInterval(() => {
      // what cannot be done now is tried at the next look: it does not listen then
      if (this.#hasStopped()) listenAgain().catch(() => {});
    }, lookMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const event of ["connection", "drop"]) this.#server.off(event, this.#count);
    this.#library?.[Symbol.dispose]();
  }

  #hasStopped(): boolean {
    if (!this.#server.listening) return true; // it could not listen when it was to
    const waits = this.#waiting() > 0;
    const hasStopped = waits && this.#waitedAt === this.#accepted;
    this.#waitedAt = waits && !hasStopped ? this.#accepted : null;
    return hasStopped;
  }

  /** How many connections wait, as far as it can be known. */
  #waiting(): number {
    const { _handle: handle } = this.#server as unknown as { _handle: Handle | null };
    if (!handle?.fdForIpc || !this.#library) return 0;
    let descriptor = -1;
    try {
      descriptor = handle.fdForIpc();
      return this.#library.waiting(descriptor);
    } catch {
      return 0;
    } finally {
      if (descriptor >= 0) this.#library.close(descriptor);
    }
  }
}
