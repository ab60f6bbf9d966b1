import { infoAddress } from "./address.ts";
import { LkstreamError } from "./errors.ts";

const TIMEOUT_MS = 3000;

/** What is read of the server's `/v1/info`. */
interface Info {
  sessions?: { open: number; max: number };
  token?: "required" | "none";
}

/**
 * Why a stream did not open. A browser's WebSocket says nothing about a refusal,
 * so the server is asked what it asks of its clients, and the rest is concluded.
 */
export async function explainRefusal(streamUrl: string): Promise<LkstreamError> {
  const { host } = new URL(streamUrl);
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(infoAddress(streamUrl), { signal, cache: "no-store" });
    return conclude(await response.json(), host);
  } catch {
    return new LkstreamError("unreachable", `Cannot reach the server at ${host}`);
  }
}

function conclude({ sessions, token }: Info, host: string): LkstreamError {
  if (sessions && sessions.open >= sessions.max) {
    return new LkstreamError("busy", `All ${sessions.max} sessions of the server are taken`);
  }
  const origin = globalThis.location?.origin;
  if (origin && new URL(origin).host !== host) {
    return new LkstreamError(
      "forbidden",
      `Cannot connect from ${origin}: the server must allow this origin, and the token be right`,
    );
  }
  if (token === "required") {
    return new LkstreamError("unauthorized", "The server's token is missing or wrong");
  }
  return new LkstreamError("unreachable", "The connection was cut before it was open");
}
