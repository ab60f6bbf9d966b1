import { byId, setPressed } from "../ui/elements.ts";

/** The button that shows the stage alone, on all of the screen. iPhones let no page do that. */
export function offerFullScreen(stage: HTMLElement): void {
  const button = byId("full-screen", HTMLButtonElement);
  button.hidden = !document.fullscreenEnabled;
  button.addEventListener("click", () => {
    const done = document.fullscreenElement ? document.exitFullscreen() : stage.requestFullscreen();
    done.catch(() => {}); // as the browser's policy is
  });
  document.addEventListener("fullscreenchange", () => {
    setPressed(button, document.fullscreenElement !== null);
  });
}
