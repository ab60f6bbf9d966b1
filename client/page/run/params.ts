import { isStreamName, refuseStreamName } from "../../../protocol/mod.ts";

/** What the address asks for: `?source=sample&autostart=1&governor=off#token=T`. */
export interface Params {
  source: typeof SOURCES[number];
  autostart: boolean;
  /** Whether the latency governor is on to begin with. */
  governor: boolean;
  token: string | undefined;
  /** What the stream is to be called. */
  stream: string | undefined;
  /** What the address asks for and cannot have. */
  problems: string[];
}

const SOURCES = ["camera", "sample"] as const;

const ENTRY = "token=";
const TOKEN_KEY = "lkstream-token";

/** Reads the address, and takes the token out of it. The tab keeps the token, for a reload. */
export function takeParams(): Params {
  const token = takeToken();
  const { searchParams } = new URL(location.href);
  const asked = searchParams.get("source");
  const source = SOURCES.find((source) => source === asked);
  const isWrong = asked !== null && !source;
  const stream = searchParams.get("stream") ?? undefined;
  const isBadName = stream !== undefined && !isStreamName(stream);
  return {
    source: source ?? "camera",
    autostart: searchParams.get("autostart") === "1" && !isWrong,
    problems: [
      ...isWrong ? [`Cannot set source to “${asked}”: allowed are ${SOURCES.join(", ")}`] : [],
      ...isBadName ? [refuseStreamName(stream)] : [],
    ],
    governor: searchParams.get("governor") !== "off",
    token: token ?? kept(),
    stream: isBadName ? undefined : stream,
  };
}

/**
 * Takes the token out of the address, so that it is not shown, shared or kept in
 * the history. It belongs in the fragment, which no browser sends and so no log
 * has, in `#token=T` or beside options. Old links have it in the query.
 */
export function takeToken(): string | undefined {
  const url = new URL(location.href);
  const entries = url.hash.slice(1).split("&");
  const entry = entries.find((entry) => entry.startsWith(ENTRY));
  const token = entry ? decode(entry.slice(ENTRY.length)) : url.searchParams.get("token");
  if (!token) return undefined;
  keep(token);
  url.searchParams.delete("token");
  url.hash = entries.filter((entry) => !entry.startsWith(ENTRY)).join("&");
  history.replaceState(null, "", url);
  return token;
}

/** Somebody may have typed it as it is. */
function decode(token: string): string {
  try {
    return decodeURIComponent(token);
  } catch {
    return token;
  }
}

/** Where the page may store nothing, a reload asks for the token again. */
function keep(token: string): void {
  try {
    sessionStorage.setItem(TOKEN_KEY, token);
  } catch {
    console.warn("The token is not kept for a reload: this page may not store anything");
  }
}

function kept(): string | undefined {
  try {
    return sessionStorage.getItem(TOKEN_KEY) ?? undefined;
  } catch {
    return undefined;
  }
}
