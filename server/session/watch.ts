import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { CloseCode } from "../../protocol/mod.ts";
import type { ServerLimits } from "../limits.ts";

/** A client that does not answer the close frame within this is cut off. */
const CLOSE_MS = 2000;

/** Of a client's ping or pong: two bytes and the mask. */
const CONTROL_HEADER_BYTES = 6;

interface Watched {
  ws: WebSocket;
  /** Last message, or the opening. */
  heardAt: number;
  /** Bytes of a message that is not complete, as far as they are known. */
  partial: number;
  /** When the first of them came. */
  partialSince: number;
  pingedAt: number;
  ponged: boolean;
  closedAt: number | null;
}

/**
 * Looks after open WebSockets: cuts off a client that answers no ping, whose
 * message trickles in, or that is silent for too long.
 */
export class Watch implements Disposable {
  readonly #watched = new Map<WebSocket, Watched>();
  readonly #limits: Pick<ServerLimits, "messageMs" | "idleMs">;
  readonly #pingMs: number;
  readonly #timer: ReturnType<typeof setInterval>;

  /** @param pingMs a client that does not answer a ping before the next one is gone */
  constructor(limits: Pick<ServerLimits, "messageMs" | "idleMs">, pingMs: number) {
    this.#limits = limits;
    this.#pingMs = pingMs;
    const shortest = Math.min(pingMs, limits.messageMs, limits.idleMs);
    this.#timer = setInterval(() => this.#look(), Math.min(1000, Math.max(5, shortest / 4)));
  }

  /** @param socket what `ws` reads from */
  add(ws: WebSocket, socket: Duplex): void {
    const now = performance.now();
    const watched: Watched = {
      ws,
      heardAt: now,
      partial: 0,
      partialSince: now,
      pingedAt: now,
      ponged: true,
      closedAt: null,
    };
    this.#watched.set(ws, watched);
    // before ws sees the bytes: where they complete a message, it says so next
    socket.prependListener("data", ({ length }: Uint8Array) => {
      if (watched.partial === 0) watched.partialSince = performance.now();
      watched.partial += length;
    });
    ws.on("message", () => {
      watched.partial = 0;
      watched.heardAt = performance.now();
    });
    // they may come between the parts of a message, and do not complete it
    const passOver = ({ length }: Uint8Array) => {
      watched.partial = Math.max(0, watched.partial - CONTROL_HEADER_BYTES - length);
    };
    ws.on("ping", passOver);
    ws.on("pong", (data) => {
      passOver(data);
      watched.ponged = true;
    });
    ws.on("close", () => this.#watched.delete(ws));
  }

  /** A message whose rest the server itself did not read is not slow. */
  resumed(ws: WebSocket): void {
    const watched = this.#watched.get(ws);
    if (watched) watched.partial = 0;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    for (const watched of this.#watched.values()) {
      if (watched.closedAt !== null) {
        if (now - watched.closedAt > CLOSE_MS) watched.ws.terminate();
      } else {
        this.#judge(watched, now);
      }
    }
  }

  #judge(watched: Watched, now: number): void {
    const { messageMs, idleMs } = this.#limits;
    if (watched.partial > 0 && now - watched.partialSince > messageMs) {
      const late = `a message took longer than ${messageMs / 1000} s to arrive`;
      this.#close(watched, CloseCode.tooManyErrors, late);
    } else if (now - watched.heardAt > idleMs) {
      this.#close(watched, CloseCode.done, `idle for ${idleMs / 1000} s`);
    } else if (now - watched.pingedAt > this.#pingMs) {
      if (!watched.ponged) return watched.ws.terminate();
      watched.ponged = false;
      watched.pingedAt = now;
      watched.ws.ping();
    }
  }

  #close(watched: Watched, code: number, reason: string): void {
    watched.closedAt = performance.now();
    watched.ws.close(code, reason);
  }
}
