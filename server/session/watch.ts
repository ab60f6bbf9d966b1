import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { CloseCode } from "../../protocol/mod.ts";
import type { ServerLimits } from "../limits.ts";
import { lookMs } from "../looks.ts";

/** From the close frame on, of either side, a client has so long: then its place is free. */
const CLOSE_MS = 2000;
/** Whose name another client asks for has so long to answer a ping: a link may be dead without a word. */
const ASKED_MS = 3000;

/** Of a client's ping or pong: two bytes and the mask. */
const CONTROL_HEADER_BYTES = 6;

/** Times are numbers of looks. */
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
  closingSince: number | null;
  /** Whether another client asked for the stream's name since the last look. */
  takeAsked: () => boolean;
  /** Since when it owes an answer for that; null where it does not. */
  askedSince: number | null;
}

/**
 * Looks after open WebSockets: cuts off a client that answers no ping, whose
 * message trickles in, that is silent for too long, or that does not close. Time
 * is counted in looks of the event loop: what came while the machine slept is read
 * before the next one.
 */
export class Watch implements Disposable {
  readonly #watched = new Map<WebSocket, Watched>();
  readonly #limits: Pick<ServerLimits, "messageMs" | "idleMs">;
  readonly #pingMs: number;
  readonly #everyMs: number;
  readonly #timer: ReturnType<typeof setInterval>;
  #looks = 0;

  /** @param pingMs a client that does not answer a ping before the next one is gone */
  constructor(limits: Pick<ServerLimits, "messageMs" | "idleMs">, pingMs: number) {
    this.#limits = limits;
    this.#pingMs = pingMs;
    this.#everyMs = lookMs(Math.min(pingMs, limits.messageMs, limits.idleMs, CLOSE_MS));
    this.#timer = setInterval(() => this.#look(), this.#everyMs);
  }

  /**
   * @param socket what `ws` reads from
   * @param takeAsked whether another client asked for its name since the last look
   */
  add(ws: WebSocket, socket: Duplex, takeAsked: () => boolean = () => false): void {
    const now = this.#looks;
    const watched: Watched = {
      ws,
      heardAt: now,
      partial: 0,
      partialSince: now,
      pingedAt: now,
      ponged: true,
      closingSince: null,
      takeAsked,
      askedSince: null,
    };
    this.#watched.set(ws, watched);
    // before ws sees the bytes: where they complete a message, it says so next
    socket.prependListener("data", ({ length }: Uint8Array) => {
      if (watched.partial === 0) watched.partialSince = this.#looks;
      watched.partial += length;
    });
    ws.on("message", () => {
      watched.partial = 0;
      watched.heardAt = this.#looks;
    });
    // they may come between the parts of a message, and do not complete it
    const passOver = ({ length }: Uint8Array) => {
      watched.partial = Math.max(0, watched.partial - CONTROL_HEADER_BYTES - length);
    };
    ws.on("ping", passOver);
    ws.on("pong", (data) => {
      passOver(data);
      watched.ponged = true;
      watched.askedSince = null;
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
    this.#looks++;
    for (const watched of this.#watched.values()) {
      if (watched.ws.readyState === watched.ws.OPEN) {
        this.#askFor(watched);
        this.#judge(watched);
      } else {
        watched.closingSince ??= this.#looks;
        const closing = this.#looks - watched.closingSince;
        if (closing * this.#everyMs >= CLOSE_MS) watched.ws.terminate();
      }
    }
  }

  #askFor(watched: Watched): void {
    if (!watched.takeAsked() || watched.askedSince !== null) return;
    watched.askedSince = this.#looks;
    watched.ws.ping();
  }

  #judge(watched: Watched): void {
    const { messageMs, idleMs } = this.#limits;
    const { ws } = watched;
    if (watched.partial > 0 && this.#isOver(watched.partialSince, messageMs)) {
      const late = `a message took longer than ${messageMs / 1000} s to arrive`;
      ws.close(CloseCode.tooManyErrors, late);
    } else if (this.#isOver(watched.heardAt, idleMs)) {
      ws.close(CloseCode.done, `idle for ${idleMs / 1000} s`);
    } else if (watched.askedSince !== null && this.#isOver(watched.askedSince, ASKED_MS)) {
      ws.terminate();
    } else if (this.#isOver(watched.pingedAt, this.#pingMs)) {
      if (!watched.ponged) return ws.terminate();
      watched.ponged = false;
      watched.pingedAt = this.#looks;
      ws.ping();
    }
  }

  /** One look more than the time has: it is the one after a sleep, before sockets were read. */
  #isOver(since: number, ms: number): boolean {
    return this.#looks - since > Math.ceil(ms / this.#everyMs);
  }
}
