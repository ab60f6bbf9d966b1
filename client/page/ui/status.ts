import type { PlayerState } from "../run/player.ts";
import type { Problem } from "../run/problems.ts";
import { announce } from "./announce.ts";
import { hideBanner, keepSaying } from "./banner.ts";
import { byId, setText } from "./elements.ts";

/** A gap that is over sooner is not worth a word. */
const UNNOTICED_MS = 500;

/** What the style sheet knows of a state, as `data-state` of `#state`. */
type Look = "idle" | "connecting" | "live" | "troubled" | "reconnecting" | "error";

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
  #look: Look = "idle";
  #reconnecting = { why: "", until: 0 };
  #unnoticed: ReturnType<typeof setTimeout> | undefined;

  /** @param hasPicture whether there is one on the stage already */
  show(state: PlayerState, hasPicture: boolean): void {
    switch (state.name) {
      case "idle":
        return this.#enter("idle", "Ready", this.#welcome);
      case "opening":
        setText(this.#waitingText, state.what);
        return this.#enter("connecting", "Connecting", this.#waiting);
      case "running":
        if (this.#unnoticed) return this.#endUnnoticed();
        return this.#enter("live", state.what);
      case "troubled":
        return this.#warn(state.problem, hasPicture);
      case "reconnecting":
        return this.#countDown(state.why, state.inMs);
      case "failed":
        return this.#explain(state.problem);
    }
  }

  /** Says why nothing new is seen, over the picture where there is one. */
  #warn({ title, text }: Problem, hasPicture: boolean): void {
    const told = `${title}. ${text}`;
    setText(this.#waitingText, told);
    this.#enter("troubled", "Waiting", hasPicture ? undefined : this.#waiting);
    if (hasPicture) keepSaying(told);
    announce(told);
  }

  /** The picture stays; where it takes longer, a banner says why nothing moves and counts down. */
  #countDown(why: string, inMs: number): void {
    this.#reconnecting = { why, until: performance.now() + inMs };
    if (this.#look !== "live") this.#sayReconnecting();
    else this.#unnoticed ??= setTimeout(() => this.#sayReconnecting(), UNNOTICED_MS);
  }

  #sayReconnecting(): void {
    const tick = () => {
      const { why, until } = this.#reconnecting;
      const seconds = Math.round((until - performance.now()) / 1000);
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

  #endUnnoticed(): void {
    clearTimeout(this.#unnoticed);
    this.#unnoticed = undefined;
  }

  #enter(look: Look, text: string, card?: HTMLElement): void {
    clearInterval(this.#countdown);
    this.#endUnnoticed();
    hideBanner();
    for (const each of [this.#welcome, this.#waiting, this.#notice]) each.hidden = each !== card;
    this.#look = look;
    this.#state.dataset.state = look;
    setText(this.#state, text);
  }
}
