import { byId } from "./elements.ts";

const region = byId("announcer", HTMLElement);

/** Says to screen readers what happened, where others see it. */
export function announce(text: string): void {
  // The same words twice would not be said twice.
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
}
