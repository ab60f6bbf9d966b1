import { infoAddress } from "./address.ts";
import { LkstreamError } from "./errors.ts";

const TIMEOUT_MS = 3000;

/** Why a stream did not open. */
export interface Refusal {
  error: LkstreamError;
  /**
   * Whether another try would end the same way. `probably`: it looks so, but the
   * server may only have been restarting or full at that moment.
   */
  isFinal: "yes" | "probably" | "no";
}

/** What is read of the server's `/v1/info`. */
interface Info {
  /** `full`: a further one of this client's address would be refused. */
  sessions: { open: number; max: number; full?: boolean };
  token: "required" | "none";
}

/**
 * Why a stream did not open. A browser's WebSocket says nothing about a refusal,
 * so the server is asked what it asks of its clients, and the rest is concluded.
 */
export async function explainRefusal(streamUrl: string, hasToken: boolean): Promise<Refusal> {
  const { host } = new URL(streamUrl);
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(infoAddress(streamUrl), { signal, cache: "no-store" });
    return conclude(await response.json(), host, hasToken);
  } catch { // no answer, or none of an lkstream server
    return {
      error: new LkstreamError("unreachable", `Cannot reach the server at ${host}`),
      isFinal: "no",
    };
  }
}

function conclude({ sessions, token }: Info, host: string, hasToken: boolean): Refusal {
  if (token === "required" && !hasToken) {
    return {
      error: new LkstreamError("unauthorized", "The server asks for a token"),
      isFinal: "yes",
    };
  }
  const { open, max, full } = sessions;
  if (open >= max || full) {
    const taken = open >= max
      ? `All ${max} sessions of the server are taken`
      : "All sessions that the server grants one address are taken";
    return { error: new LkstreamError("busy", taken), isFinal: "no" };
  }
  const origin = globalThis.location?.origin;
  if (origin && new URL(origin).host !== host) {
    return {
      error: new LkstreamError(
        "forbidden",
        `Cannot connect from ${origin}: the server must allow this origin, and the token be right`,
      ),
      isFinal: "probably",
    };
  }
  if (token === "required") {
    return {
      error: new LkstreamError("unauthorized", "The server's token is another one"),
      isFinal: "probably",
    };
  }
  return {
    error: new LkstreamError("unreachable", "The connection was cut before it was open"),
    isFinal: "no",
  };
}
