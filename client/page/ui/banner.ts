import { announce } from "./announce.ts";
import { byId, setText } from "./elements.ts";

/** How long something is mentioned. */
const MENTIONED_MS = 6000;

const banner = byId("banner", HTMLElement);
let lasting = "", passing = "";
let passes: ReturnType<typeof setTimeout> | undefined;

/** Says something for a while, over what the banner says otherwise; what runs goes on. */
export function mention(text: string): void {
  announce(text);
  clearTimeout(passes);
  passes = setTimeout(() => show(lasting, ""), MENTIONED_MS);
  show(lasting, text);
}

/** Takes back what was mentioned, if it is still there. */
export function unmention(text: string): void {
  if (passing === text) show(lasting, "");
}

/** Has the banner say this until it is told otherwise. */
export function keepSaying(text: string): void {
  show(text, passing);
}

/** Says nothing any more. */
export function hideBanner(): void {
  clearTimeout(passes);
  show("", "");
}

function show(newLasting: string, newPassing: string): void {
  [lasting, passing] = [newLasting, newPassing];
  const text = passing || lasting;
  if (text) setText(banner, text);
  banner.hidden = !text;
}
