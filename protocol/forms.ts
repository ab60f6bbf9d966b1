import { encodeTracks, type Tracks } from "./tracks.ts";
import { tracksToJson } from "./tracks_json.ts";

/** How tracks arrive, binary columns or JSON text: the subprotocol that a client offers for each. */
export const SUBPROTOCOLS = { bin: "lkstream.v1.bin", json: "lkstream.v1.json" } as const;
export type ResultForm = keyof typeof SUBPROTOCOLS;

/** How a server writes each. */
export const ENCODE: Record<ResultForm, (tracks: Tracks) => Uint8Array | string> = {
  bin: encodeTracks,
  json: (tracks) => JSON.stringify(tracksToJson(tracks)),
};

/** The form of this subprotocol; undefined where there is none. */
export function formOf(subprotocol: string): ResultForm | undefined {
  const forms = Object.keys(SUBPROTOCOLS) as ResultForm[];
  return forms.find((form) => SUBPROTOCOLS[form] === subprotocol);
}
