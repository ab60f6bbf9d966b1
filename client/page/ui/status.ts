import { announce } from "./announce.ts";
import { hideBanner, keepSaying } from "./banner.ts";
import { byId, setText } from "./elements.ts";

/** A gap that is over sooner is not worth a word. */
const UNNOTICED_MS = 500;

/** What the page is at; `data-state` of `#state`. */
export type PageState = "idle" | "connecting" | "live" | "troubled" | "reconnecting" | "error";

/** What can be done about a problem, and where it is explained. */
export interface Problem {
  title: string;
  text: string;
  /** Whether the sample could be seen nonetheless; it could, if not given. */
  sampleHelps?: boolean;
}

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
  #reconnecting = { why: "", until: 0 };
  #unnoticed: ReturnType<typeof setTimeout> | undefined;

  get isLive(): boolean {
    return this.#state.dataset.state === "live";
  }

  get isTroubled(): boolean {
    return this.#state.dataset.state === "troubled";
  }

  get isReconnecting(): boolean {
    return this.#state.dataset.state === "reconnecting";
  }

  idle(): void {
    this.#enter("idle", "Ready", this.#welcome);
  }

  /** Something is awaited; `text` says what. */
  connecting(text: string): void {
    setText(this.#waitingText, text);
    this.#enter("connecting", "Connecting", this.#waiting);
  }

  /** Results come; `text` says where from. */
  live(text: "Live" | "Replay"): void {
    this.#enter("live", text);
  }

  /**
   * All is open, but the source shows nothing new: this says why, over the picture where there is
   * one already.
   */
  troubled({ title, text }: Problem, hasPicture: boolean): void {
    const told = `${title}. ${text}`;
    setText(this.#waitingText, told);
    this.#enter("troubled", "Waiting", hasPicture ? undefined : this.#waiting);
    if (hasPicture) keepSaying(told);
    announce(told);
  }

  /** The picture stays; where it takes longer, a banner says why nothing moves and counts down. */
  reconnecting(why: string, inMs: number): void {
    const until = performance.now() + inMs;
    this.#reconnecting = { why, until };
    if (this.isLive) this.#unnoticed ??= setTimeout(() => this.#sayReconnecting(), UNNOTICED_MS);
    else this.#sayReconnecting();
  }

  /** The server is there again. @returns whether the gap had been noticed */
  reconnected(): boolean {
    this.#endUnnoticed();
    const wasNoticed = this.isReconnecting;
    if (wasNoticed) this.live("Live");
    return wasNoticed;
  }

  #sayReconnecting(): void {
    const tick = () => {
      const { why, until } = this.#reconnecting;
      const seconds = Math.ceil((until - performance.now()) / 1000);
      const text = seconds > 0 ? `Reconnecting in ${seconds} s` : "Reconnecting";
      keepSaying(`${why}. ${text}…`);
    };
    this.#enter("reconnecting", "Reconnecting");
    tick();
    this.#countdown = setInterval(tick, 250);
  }

  problem({ title, text, sampleHelps = true }: Problem): void {
    this.#useSample.hidden = !sampleHelps;
    setText(this.#title, title);
    setText(this.#text, text);
    this.#enter("error", "Stopped", this.#notice);
  }

  /** Whether it shows a problem, and offers to try again. */
  get hasProblem(): boolean {
    return !this.#notice.hidden;
  }

  #endUnnoticed(): void {
    clearTimeout(this.#unnoticed);
    this.#unnoticed = undefined;
  }

  #enter(state: PageState, text: string, card?: HTMLElement): void {
    clearInterval(this.#countdown);
    this.#endUnnoticed();
    hideBanner();
    for (const each of [this.#welcome, this.#waiting, this.#notice]) each.hidden = each !== card;
    this.#state.dataset.state = state;
    setText(this.#state, text);
  }
}
