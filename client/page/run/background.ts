import { mention } from "../ui/banner.ts";

/** A page that was away for less is not worth a word. */
const UNNOTICED_MS = 3000;

/** Says, to who comes back to the page, for how long it has seen nothing. */
export function tellOfBackground(isLive: () => boolean): void {
  let hiddenAt: number | undefined;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      hiddenAt = isLive() ? Date.now() : undefined; // a locked phone may stop the other clock
      return;
    }
    const away = Date.now() - (hiddenAt ?? Infinity);
    if (away < UNNOTICED_MS || !isLive()) return;
    const seconds = Math.round(away / 1000);
    mention(`The page was in the background for ${seconds} s and saw nothing: tracking goes on`);
  });
}
