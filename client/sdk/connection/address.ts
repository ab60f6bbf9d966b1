import {
  isStreamName,
  refuseStreamName,
  type ResultForm,
  SUBPROTOCOLS,
} from "../../../protocol/mod.ts";

/** What a WebSocket subprotocol may consist of (a token of RFC 9110). */
const SUBPROTOCOL = /^[!#$%&'*+\-.^_`|~\w]+$/;

const NAME_PARAM = "stream";

/** Where to open the stream, and with which subprotocols. */
export interface Address {
  url: string;
  protocols: string[];
}

/**
 * The stream behind `url`: a server's address (http, https, ws or wss), with or
 * without the path of its stream. The token travels as a subprotocol, which no
 * log shows; only one that cannot be a subprotocol goes into the query.
 *
 * @param name what the stream is to be called, for who else reads its tracks
 * @throws {TypeError} for what is no such address, or may be no name.
 */
export function streamAddress(
  url: string | URL,
  results: ResultForm,
  token?: string,
  name?: string,
): Address {
  const stream = parsed(url);
  if (name !== undefined && !isStreamName(name)) throw new TypeError(refuseStreamName(name));
  if (name !== undefined) stream.searchParams.set(NAME_PARAM, name);
  stream.protocol = stream.protocol.replace("http", "ws");
  stream.hash = "";
  if (stream.pathname === "/") stream.pathname = "/v1/stream";
  const protocols: string[] = [SUBPROTOCOLS[results]];
  if (token && SUBPROTOCOL.test(token)) protocols.push(`bearer.${token}`);
  else if (token) stream.searchParams.set("token", token);
  return { url: stream.href, protocols };
}

function parsed(url: string | URL): URL {
  try {
    const stream = new URL(url, globalThis.location?.href);
    if (/^(https?|wss?):$/.test(stream.protocol)) return stream;
  } catch { // nor has it a scheme; `URL.canParse` is younger than browsers that are supported
  }
  throw new TypeError(
    `Cannot connect to ${url}: allowed are addresses that begin with http, https, ws or wss, ` +
      "as http://localhost:8000",
  );
}

/** Where the server of this stream tells what it is, and whether its name is taken. */
export function infoAddress(streamUrl: string): URL {
  const info = new URL("/v1/info", streamUrl.replace(/^ws/, "http"));
  const name = new URL(streamUrl).searchParams.get(NAME_PARAM);
  if (name !== null) info.searchParams.set(NAME_PARAM, name);
  return info;
}
