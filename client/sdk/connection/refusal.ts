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
  /** Whether another session holds the name that was asked for. */
  stream?: "free" | "taken";
}

/** Where the page is that connects, where there is one; `origin` is `null` for one from a file. */
interface Place {
  origin?: string;
  protocol?: string;
}

/**
 * Why a stream did not open. A browser's WebSocket says nothing about a refusal,
 * so the server is asked what it asks of its clients, and the rest is concluded.
 *
 * @param asking ends what is asked, where nobody wants to know any more
 */
export async function explainRefusal(
  streamUrl: string,
  hasToken: boolean,
  asking: AbortController,
  place: Place = here(),
): Promise<Refusal> {
  const info = infoAddress(streamUrl);
  const { signal } = asking;
  const late = setTimeout(() => asking.abort(), TIMEOUT_MS);
  try {
    return conclude(await ask(info, signal), info.host, hasToken, place.origin);
  } catch { // no answer, or none of an lkstream server
    const other = otherScheme(info);
    const isOther = await ask(other, signal).then(() => true, () => false);
    if (isOther || isMixed(info, place)) return wrongScheme(info, other, isOther);
    return {
      error: new LkstreamError("unreachable", `Cannot reach the server at ${info.host}`),
      isFinal: "no",
    };
  } finally {
    clearTimeout(late);
  }
}

/** In a file's page, `location.origin` is `file://` in some browsers, and the Origin they send `null`. */
function here(): Place {
  return { origin: globalThis.origin, protocol: globalThis.location?.protocol };
}

async function ask(info: URL, signal: AbortSignal): Promise<Info> {
  const response = await fetch(info, { signal, cache: "no-store" });
  const answer = await response.json();
  if (answer?.sessions) return answer;
  throw new TypeError("This is no lkstream server");
}

function otherScheme(info: URL): URL {
  const other = new URL(info);
  other.protocol = info.protocol === "http:" ? "https:" : "http:";
  return other;
}

/** Browsers let a page that came by https ask nobody by http but this very machine. */
function isMixed({ protocol, hostname }: URL, place: Place): boolean {
  const isLocal = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
  return place.protocol === "https:" && protocol === "http:" && !isLocal;
}

/** @param isOther whether the server answers by the other scheme, or only the page forbids this one */
function wrongScheme(info: URL, other: URL, isOther: boolean): Refusal {
  const [scheme, right] = [info, other].map(({ protocol }) => protocol.slice(0, -1));
  const why = isOther ? `it speaks ${right}` : "a page that came by https may use nothing else";
  const advice = `connect to ${other.origin}` +
    (isOther ? "" : ", for which the server is started with --tls self-signed or behind a proxy");
  const message = `Cannot reach the server at ${info.host} by ${scheme}: ${why}; ${advice}`;
  return { error: new LkstreamError("unreachable", message), isFinal: "yes" };
}

function conclude(
  { sessions, token, stream }: Info,
  host: string,
  hasToken: boolean,
  origin: string | undefined,
): Refusal {
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
  if (stream === "taken") {
    return {
      error: new LkstreamError("busy", "Another session of the server holds the stream's name"),
      isFinal: "no", // perhaps this client's own, of a link that broke
    };
  }
  if (origin && URL.parse(origin)?.host !== host) {
    const check = token === "required" ? "; if it is, the token is another one" : "";
    return {
      error: new LkstreamError(
        "forbidden",
        `Cannot connect from ${origin}: the server must be started with ` +
          `--allow-origin ${origin}${check}`,
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
