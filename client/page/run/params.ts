/** What the address asks for: `?source=sample&autostart=1&governor=off&token=T`. */
export interface Params {
  source: typeof SOURCES[number];
  autostart: boolean;
  /** Whether the latency governor is on to begin with. */
  governor: boolean;
  token: string | undefined;
  /** What the address asks for and cannot have. */
  problems: string[];
}

const SOURCES = ["camera", "sample"] as const;

const TOKEN_KEY = "lkstream-token";

/**
 * Reads the address and takes the token out of it, so that it is not shown,
 * shared or kept in the history. The tab keeps it, for a reload.
 */
export function takeParams(): Params {
  const url = new URL(location.href);
  const token = url.searchParams.get("token");
  if (token) {
    keep(token);
    url.searchParams.delete("token");
    history.replaceState(null, "", url);
  }
  const asked = url.searchParams.get("source");
  const source = SOURCES.find((source) => source === asked);
  const isWrong = asked !== null && !source;
  return {
    source: source ?? "camera",
    autostart: url.searchParams.get("autostart") === "1" && !isWrong,
    problems: isWrong ? [`Cannot set source to “${asked}”: allowed are ${SOURCES.join(", ")}`] : [],
    governor: url.searchParams.get("governor") !== "off",
    token: token || kept(),
  };
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
