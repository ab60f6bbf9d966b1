import {
  defaultOptions,
  mergeOptions,
  OPTIONS,
  type Options,
  type PartialOptions,
} from "../sdk/mod.ts";
import { byId, make } from "./elements.ts";
import { OptionControl } from "./option_control.ts";

const GROUPS: Record<string, string> = {
  detect: "Finding points",
  flow: "Following them",
  filter: "Letting them go",
};

/** Sends a change to the server; undefined where there is none to send it to. */
type Configure = (change: PartialOptions) => Promise<Options> | undefined;

/** All options with their controls, made from the protocol's own list. */
export class OptionsPanel {
  readonly #controls = new Map<string, OptionControl>();
  readonly #resetAll = byId("reset-options", HTMLButtonElement);
  #options = defaultOptions();

  constructor(readonly configure: Configure) {
    const groups = byId("option-groups", HTMLDivElement);
    for (const [group, title] of Object.entries(GROUPS)) {
      groups.append(make("fieldset", {}, make("legend", {}, title), ...this.#makeGroup(group)));
    }
    this.#resetAll.addEventListener("click", () => {
      for (const [path, { about }] of this.#controls) void this.#change(path, about.default);
    });
  }

  /** What differs from the defaults, for a session to begin with. */
  changes(): PartialOptions {
    const changes: Record<string, Record<string, unknown>> = {};
    for (const [path, control] of this.#controls) {
      if (!control.isChanged) continue;
      const [group, name] = path.split(".");
      (changes[group] ??= {})[name] = this.#value(path);
    }
    return changes;
  }

  /** Shows the options in force. */
  show(options: Options): void {
    this.#options = options;
    for (const [path, control] of this.#controls) control.show(this.#value(path));
    this.#resetAll.disabled = Object.keys(this.changes()).length === 0;
  }

  #makeGroup(group: string): HTMLElement[] {
    const inGroup = [...OPTIONS].filter(([path]) => path.startsWith(`${group}.`));
    return inGroup.map(([path, about]) => {
      const control = new OptionControl(path, about, (value) => void this.#change(path, value));
      this.#controls.set(path, control);
      return control.element;
    });
  }

  /** Checks here first, by the server's own rules, so that it also works before Start. */
  async #change(path: string, value: unknown): Promise<void> {
    const [group, name] = path.split(".");
    const change = { [group]: { [name]: value } };
    try {
      const options = mergeOptions(this.#options, change);
      this.show(await this.configure(change) ?? options);
    } catch (error) {
      this.#controls.get(path)!.showError(error instanceof Error ? error.message : String(error));
    }
  }

  #value(path: string): unknown {
    const [group, name] = path.split(".");
    return (this.#options as unknown as Record<string, Record<string, unknown>>)[group][name];
  }
}
