import type { PlayerState } from "../run/player.ts";
import type { Problem } from "../run/problems.ts";
import { hideBanner, keepSaying } from "./banner.ts";
import { byId, setText } from "./elements.ts";

/** What the style sheet knows of a state, as `data-state` of `#state`. */
type Look = "idle" | "connecting" | "live" | "reconnecting" | "error";

/** The state in words, and the card on the stage that belongs to it. */
export class Status {
  readonly #state = byId("state", HTMLElement);
  readonly #welcome = byId("welcome", HTMLElement);
  readonly #waiting = byId("waiting", HTMLElement);
  readonly #waitingText = byId("waiting-text", HTMLElement);
  readonly #notice = byId("notice", HTMLElement);
  readonly #title = byId("notice-title", HTMLElement);
  readonly #text = byId("notice-text", HTMLElement);
  readonly #useSample = byId("use-sample", HTMLButtonElement);
  #countdown: ReturnType<typeof setInterval> | undefined;

  show(state: PlayerState): void {
    switch (state.name) {
      case "idle":
        return this.#enter("idle", "Ready", this.#welcome);
      case "opening":
        setText(this.#waitingText, state.what);
        return this.#enter("connecting", "Connecting", this.#waiting);
      case "running":
        return this.#enter("live", state.what);
      case "reconnecting":
        return this.#countDown(state.why, state.inMs);
      case "failed":
        return this.#explain(state.problem);
    }
  }

  /** A banner says why nothing moves. */
  #countDown(why: string, inMs: number): void {
    const until = performance.now() + inMs;
    const tick = () => {
      const seconds = Math.ceil((until - performance.now()) / 1000);
      const text = seconds > 0 ? `Reconnecting in ${seconds} s` : "Reconnecting";
      keepSaying(`${why}. ${text}…`);
    };
    this.#enter("reconnecting", "Reconnecting");
    tick();
    this.#countdown = setInterval(tick, 250);
  }

  #explain({ title, text, sampleHelps = true }: Problem): void {
    this.#useSample.hidden = !sampleHelps;
    setText(this.#title, title);
    setText(this.#text, text);
    this.#enter("error", "Stopped", this.#notice);
  }

  #enter(look: Look, text: string, card?: HTMLElement): void {
    clearInterval(this.#countdown);
    hideBanner();
    for (const each of [this.#welcome, this.#waiting, this.#notice]) each.hidden = each !== card;
    this.#state.dataset.state = look;
    setText(this.#state, text);
  }
}
