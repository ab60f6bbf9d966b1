import { TracksCsv, tracksToJson } from "../../protocol/mod.ts";
import type { Form, FormOptions, Write } from "./form.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** NDJSON, in the JSON form of the wire, whole lines only. */
export function ndjson(write: Write): Form {
  return {
    add: (tracks) => write(bytes(`${JSON.stringify(tracksToJson(tracks))}\n`)),
    end: () => Promise.resolve(),
  };
}

/** CSV, whole rows only. */
export async function csv(write: Write, { withAppearance }: FormOptions): Promise<Form> {
  const csv = new TracksCsv(["seq"], withAppearance);
  await write(bytes(csv.head));
  return {
    add: (tracks) => write(bytes(csv.rows(tracksToJson(tracks)))),
    end: () => Promise.resolve(),
  };
}
