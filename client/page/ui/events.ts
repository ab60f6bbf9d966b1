import type { Tracks } from "../../sdk/mod.ts";

/** The point that is looked at, in frame pixels. */
export interface Hovered {
  id: number;
  x: number;
  y: number;
}

/** What the page tells on the document, to its own panels and to whoever scripts it. */
export interface PageEvents {
  /** A result of the source in use. */
  "lkstream:tracks": Tracks;
  /** The result `seq` is on the canvas, `ms` after it arrived. */
  "lkstream:painted": { seq: number; ms: number };
  /** The point under the pointer, again on each frame that it lives on; null when there is none any more. */
  "lkstream:hover": Hovered | null;
}

declare global {
  interface DocumentEventMap extends CustomEvents {}
}
type CustomEvents = { [Name in keyof PageEvents]: CustomEvent<PageEvents[Name]> };

/** Tells one of {@linkcode PageEvents}. */
export function tell<Name extends keyof PageEvents>(name: Name, detail: PageEvents[Name]): void {
  document.dispatchEvent(new CustomEvent(name, { detail }));
}
