import type { Explanation } from "./source_error.ts";

/** True where there is a page; workers, Deno and Node have none. */
export const isPage = typeof document === "object";

/** Why `what` cannot be opened where there is no page. */
export function noPage(what: string): Explanation {
  return {
    message: `Cannot open ${what} here: sources open in pages only`,
    remedy: "In a worker, capture an OffscreenCanvas or a track that the page sends. In Deno and " +
      "Node, connection.send(jpeg) sends JPEGs from anywhere.",
  };
}
