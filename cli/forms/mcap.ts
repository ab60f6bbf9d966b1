import { TracksMcap } from "../../formats/mcap.ts";
import type { Form, FormOptions, Write } from "./form.ts";

/** MCAP, for Foxglove and Lichtblick: frames, points on them, tracks messages. */
export async function mcap(write: Write, options: FormOptions): Promise<Form> {
  const file = await TracksMcap.open(write, { name: "lkstream", ...options });
  return {
    add: async (tracks, jpeg) => await file.add(tracks, await jpeg()),
    end: () => file.end(),
  };
}
