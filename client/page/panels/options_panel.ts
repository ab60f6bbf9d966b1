import { defaultOptions, mergeOptions, OPTIONS, type Options } from "../../sdk/mod.ts";
import type { Live } from "../run/live.ts";
import { byId, make, setText } from "../ui/elements.ts";
import { OptionControl } from "./option_control.ts";
import { readFragment, writeFragment } from "./option_link.ts";
import type { Panel } from "./panel.ts";
import { PRESETS } from "./presets.ts";
import { changeOf, type TrackingOptions, valueOf } from "./tracking_options.ts";

const GROUPS: Record<string, string> = {
  detect: "Finding points",
  flow: "Following them",
  filter: "Letting them go",
};

/** All options with their controls, made from the protocol's own list; presets; a link to share. */
export class OptionsPanel implements Panel {
  readonly #controls = new Map<string, OptionControl>();
  readonly #panel = byId("options", HTMLDetailsElement);
  readonly #presetText = byId("preset-text", HTMLElement);
  readonly #problems = byId("link-problems", HTMLElement);
  readonly #copied = byId("link-copied", HTMLElement);
  readonly #link = byId("link", HTMLInputElement);

  /** @param problems of the address, to be told with those of its options */
  constructor(readonly options: TrackingOptions, problems: string[]) {
    const groups = byId("option-groups", HTMLDivElement);
    for (const [group, title] of Object.entries(GROUPS)) {
      groups.append(make("fieldset", {}, make("legend", {}, title), ...this.#makeGroup(group)));
    }
    this.#makePresets();
    byId("copy-link", HTMLButtonElement).addEventListener("click", () => void this.#copyLink());
    addEventListener("hashchange", () => this.#openLink());
    this.#openLink(problems);
    options.watch((inForce) => this.#show(inForce));
  }

  follow({ connection }: Live): void {
    connection.on("configured", (options) => this.options.show(options));
  }

  /** Applies what the address asks for, and tells what of it cannot be had. */
  #openLink(others: string[] = []): void {
    const { options, problems: wrong } = readFragment(location.hash);
    const problems = [...others, ...wrong];
    this.#problems.hidden = problems.length === 0;
    this.#problems.replaceChildren(...problems.map((problem) => make("p", {}, problem)));
    if (problems.length > 0) this.#panel.open = true;
    void this.options.change(options);
  }

  /** Shows the options in force; the address follows, so that a reload keeps them. */
  #show(options: Options): void {
    for (const [path, control] of this.#controls) control.show(valueOf(options, path));
    writeAddress(writeFragment(options));
    this.#link.hidden = true;
    setText(this.#copied, "");
  }

  #makeGroup(group: string): HTMLElement[] {
    const inGroup = [...OPTIONS].filter(([path]) => path.startsWith(`${group}.`));
    return inGroup.map(([path, about]) => {
      const control = new OptionControl(path, about, (value) => void this.#change(path, value));
      this.#controls.set(path, control);
      return control.element;
    });
  }

  async #change(path: string, value: unknown): Promise<void> {
    try {
      await this.options.change(changeOf(path, value));
    } catch (error) {
      this.#controls.get(path)!.showError(error instanceof Error ? error.message : String(error));
    }
  }

  #makePresets(): void {
    const box = byId("presets", HTMLElement);
    for (const { name, text, changes } of PRESETS) {
      const options = mergeOptions(defaultOptions(), changes);
      const button = make("button", { type: "button", title: text }, name);
      button.addEventListener("click", () => void this.options.change(options));
      box.append(button);
      const told = `${text} Points that live go on: press Clear points to begin anew.`;
      this.options.watch((inForce) => {
        const isInForce = writeFragment(inForce) === writeFragment(options);
        button.setAttribute("aria-pressed", `${isInForce}`);
        if (isInForce) setText(this.#presetText, told);
        else if (this.#presetText.textContent === told) setText(this.#presetText, "");
      });
    }
  }

  /** Without the query: a token must not be shared. Where nothing may be copied, it is shown. */
  async #copyLink(): Promise<void> {
    const fragment = writeFragment(this.options.inForce);
    this.#link.value = `${location.origin}${location.pathname}${fragment && "#"}${fragment}`;
    try {
      await navigator.clipboard.writeText(this.#link.value);
      setText(this.#copied, "Link copied.");
    } catch { // not allowed, or an insecure page
      this.#link.hidden = false;
      this.#link.select();
      setText(this.#copied, "Copy this link:");
    }
  }
}

function writeAddress(fragment: string): void {
  const hash = fragment && `#${fragment}`;
  if (location.hash === hash) return;
  try {
    history.replaceState(null, "", `${location.pathname}${location.search}${hash}`);
  } catch {
    // Safari allows a hundred in half a minute, a threshold that is dragged asks for more; the
    // next change that it allows is written whole.
  }
}
