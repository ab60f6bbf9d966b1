import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { ServerLimits } from "../limits.ts";
import { lookMs, Looks } from "../looks.ts";
import { type Pace, PacedSocket } from "./paced_socket.ts";

const LF = 10, CR = 13;

type Times = Pick<ServerLimits, "handshakeMs" | "messageMs">;

/**
 * Lets the server read one request of a connection at a time, however many were
 * sent in one piece, and gives each its time: `handshakeMs` from connecting, or
 * from a later request's first byte, to the end of its header, which ends in
 * `clientError` with ERR_HTTP_REQUEST_TIMEOUT; `messageMs` for its answer to be
 * taken. Between requests the server's own `keepAliveTimeout` counts. To be
 * called before the server listens.
 *
 * @param opened the event with which the server takes a connection
 */
export function paceRequests(
  server: Server,
  opened: "connection" | "secureConnection",
  times: Times,
): void {
  const looks = new Looks(lookMs(Math.min(times.handshakeMs, times.messageMs)));
  const paces = new WeakMap<object, RequestPace>();
  const [take] = server.listeners(opened);
  server.off(opened, take as () => void);
  server.on(opened, (socket: Socket) => {
    const pace = new RequestPace(looks, times, () => {
      const late = Object.assign(new Error("late"), { code: "ERR_HTTP_REQUEST_TIMEOUT" });
      server.emit("clientError", late, paced);
    });
    const paced = new PacedSocket(socket, pace);
    paces.set(paced, pace);
    paced.once("close", () => pace.end());
    take.call(server, paced); // it takes any Duplex, as `server.emit("connection", …)` does in Node
  });
  server.prependListener("request", ({ socket }: IncomingMessage, response: ServerResponse) => {
    const pace = paces.get(socket)!;
    pace.asked(() => socket.destroy());
    response.once("close", () => {
      pace.answered();
      (socket as unknown as PacedSocket).goOn();
    });
  });
  // its parser may serve another connection by now: not a byte more must come to it from this one
  server.prependListener("clientError", (_error, socket) => paces.get(socket)?.shut());
  server.prependListener("upgrade", ({ socket }: IncomingMessage) => paces.get(socket)!.end());
}

/** Gives on one request, and the next one when that is answered: nothing reads bodies here. */
class RequestPace implements Pace {
  readonly #looks: Looks;
  readonly #times: Times;
  readonly #late: () => void;
  #isAnswering = false;
  #isShut = false;
  /** Ends the wait for a header, or for an answer to be taken. */
  #endWait: (() => void) | null;

  constructor(looks: Looks, times: Times, late: () => void) {
    this.#looks = looks;
    this.#times = times;
    this.#late = late;
    this.#endWait = looks.wait(times.handshakeMs, late);
  }

  next(received: Uint8Array): { bytes: number } | { waitMs: number } {
    if (this.#isAnswering || this.#isShut) return { waitMs: Infinity };
    this.#endWait ??= this.#looks.wait(this.#times.handshakeMs, this.#late);
    return { bytes: endOfHeader(received) };
  }

  /** A request came; until {@linkcode answered}, no other one does. */
  asked(late: () => void): void {
    this.end();
    this.#isAnswering = true;
    this.#endWait = this.#looks.wait(this.#times.messageMs, late);
  }

  answered(): void {
    this.end();
    this.#isAnswering = false;
  }

  /** Gives on nothing any more. */
  shut(): void {
    this.end();
    this.#isShut = true;
  }

  /** Waits no longer. Idempotent. */
  end(): void {
    this.#endWait?.();
    this.#endWait = null;
  }
}

/** Where the first empty line ends; all bytes where there is none. */
function endOfHeader(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === LF) return at + 2;
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
  }
  return bytes.length;
}
