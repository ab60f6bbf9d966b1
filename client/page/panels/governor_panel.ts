import { type Capture, type Connection, govern, type Governor } from "../../sdk/mod.ts";
import { byId, setText } from "../ui/elements.ts";
import type { Panel } from "./panel.ts";

/** "Latency governor": its target, whether it is on, what it does now and why. */
export class GovernorPanel implements Panel {
  readonly #enabled = byId("governor-enabled", HTMLInputElement);
  readonly #target = byId("governor-target", HTMLInputElement);
  readonly #error = byId("governor-error", HTMLElement);
  readonly #reason = byId("governor-reason", HTMLElement);
  readonly #quality = byId("governor-quality", HTMLElement);
  readonly #side = byId("governor-side", HTMLElement);
  readonly #rate = byId("governor-rate", HTMLElement);
  #governor: Governor | undefined;

  /** @param enabled whether it is on to begin with */
  constructor(enabled: boolean) {
    this.#enabled.checked = enabled;
    this.#enabled.addEventListener("change", () => this.#apply());
    this.#target.addEventListener("change", () => this.#apply());
  }

  govern(capture: Capture, connection: Connection): void {
    this.release();
    this.#governor = govern(capture, connection);
    this.#governor.on("change", () => this.#show());
    this.#apply();
  }

  leave(): void {
    this.release();
  }

  release(): void {
    this.#governor?.close();
    this.#governor = undefined;
    for (const level of [this.#quality, this.#side, this.#rate]) setText(level, "–");
    setText(this.#reason, "It governs once the page is live.");
  }

  #apply(): void {
    const isAllowed = this.#target.validity.valid && this.#target.value !== "";
    this.#target.setAttribute("aria-invalid", `${!isAllowed}`);
    const { min, max, value } = this.#target;
    const problem = `Cannot set the target to “${value}”: allowed are ${min} to ${max} ms.`;
    setText(this.#error, isAllowed ? "" : problem);
    if (!this.#governor) return;
    this.#governor.enabled = this.#enabled.checked;
    if (isAllowed) this.#governor.targetMs = this.#target.valueAsNumber;
    this.#show();
  }

  #show(): void {
    const { quality, maxSide, maxRate, reason } = this.#governor!.state;
    setText(this.#quality, `${Math.round(100 * quality)} %`);
    setText(this.#side, `${maxSide} px`);
    setText(this.#rate, `${Math.round(maxRate)} / s`);
    setText(this.#reason, `${reason}.`);
  }
}
