import type { StreamToken } from "./http/access.ts";
import { type KeyPair } from "./http/tls.ts";
import type { Log } from "./log.ts";

/** What may change while the server runs: what it shows to clients, and what they show to it. */
export interface Credentials {
  /** Null lets everybody in. */
  token: string | null;
  /** Further ones, bound to names of streams. */
  streamTokens?: readonly StreamToken[];
  /** None: plain HTTP. */
  tls?: KeyPair;
}

/** A certificate is renewed weeks before it ends. */
const LOOK_MS = 10_000;

/**
 * Takes new credentials into use: all of them when it is asked to, and a
 * certificate that was renewed on disk by itself. What cannot be read or used
 * leaves in force what was, and is tried again.
 */
export class Renewal implements Disposable {
  readonly #read: () => Credentials;
  readonly #apply: (credentials: Credentials) => void;
  readonly #log: Log;
  readonly #timer: ReturnType<typeof setInterval>;
  #inForce: Credentials;
  /** The last reason that was logged: the next look, seconds later, finds it again. */
  #problem = "";

  /**
   * @param read reads flags, variables and files anew; throws where they cannot be used
   * @param apply is called where something is new
   */
  constructor(
    inForce: Credentials,
    { read, apply, log, lookMs = LOOK_MS }: {
      read: () => Credentials;
      apply: (credentials: Credentials) => void;
      log: Log;
      lookMs?: number;
    },
  ) {
    this.#inForce = inForce;
    this.#read = read;
    this.#apply = apply;
    this.#log = log;
    this.#timer = setInterval(() => this.#look(), lookMs);
  }

  /** Takes what there is now, and says so even where nothing is new. */
  reload(): void {
    this.#problem = "";
    const read = this.#tryRead();
    if (read) this.#use(read);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { token, streamTokens } = this.#inForce; // they change for all clients: that is for their owner to say
    const read = this.#tryRead();
    if (read && read.tls?.cert !== this.#inForce.tls?.cert) {
      this.#use({ ...read, token, streamTokens });
    }
  }

  #tryRead(): Credentials | null {
    try {
      const read = this.#read();
      this.#problem = "";
      return read;
    } catch (error) {
      const problem = error instanceof Error ? error.message : `${error}`;
      if (problem !== this.#problem) this.#log("reload_failed", { error: problem });
      this.#problem = problem;
      return null;
    }
  }

  #use(credentials: Credentials): void {
    const was = this.#inForce;
    this.#inForce = credentials;
    this.#apply(credentials);
    this.#log("reloaded", {
      certificate: nameChange(was.tls?.cert, credentials.tls?.cert),
      token: nameChange(tokensOf(was), tokensOf(credentials)),
    });
  }
}

function tokensOf({ token, streamTokens }: Credentials): string {
  return JSON.stringify([token, streamTokens]);
}

function nameChange(was: unknown, is: unknown): "same" | "new" {
  return was === is ? "same" : "new";
}
