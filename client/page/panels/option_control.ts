import type { About } from "../../sdk/mod.ts";
import { make, setText } from "../ui/elements.ts";

/** Inputs of one option, in the order in which they make its value. */
interface Field {
  inputs: (HTMLInputElement | HTMLSelectElement)[];
  read(): unknown;
  write(value: unknown): void;
}

/** One option: name, control, meaning, default, and what is wrong with what was entered. */
export class OptionControl {
  readonly element: HTMLElement;
  readonly #field: Field;
  readonly #error: HTMLElement;
  readonly #reset: HTMLButtonElement;
  #value: unknown;

  constructor(readonly path: string, readonly about: About, changed: (value: unknown) => void) {
    const id = `option-${path.replace(".", "-")}`;
    const name = path.split(".")[1];
    this.#value = about.default;
    this.#field = makeField(about);
    this.#error = make("p", { className: "option-error", id: `${id}-error`, hidden: true });
    this.#error.setAttribute("role", "alert");
    this.#reset = make("button", {
      type: "button",
      className: "reset",
      title: `Back to ${format(about.default)}`,
      textContent: "↺",
      hidden: true,
    });
    this.#reset.setAttribute("aria-label", `Reset ${name} to ${format(about.default)}`);
    this.#reset.addEventListener("click", () => changed(about.default));
    for (const [i, input] of this.#field.inputs.entries()) {
      input.id = i === 0 ? id : `${id}-${i}`;
      input.setAttribute("aria-describedby", `${id}-text ${id}-error`);
      if (i > 0) input.setAttribute("aria-label", `${name}, ${i + 1}`);
      input.addEventListener("change", () => changed(this.#field.read()));
    }
    this.element = make(
      "div",
      { className: "option" },
      make("label", { htmlFor: id }, name),
      make("span", { className: "control" }, this.#reset, ...this.#field.inputs),
      make("p", { id: `${id}-text` }, about.text, " ", make("small", {}, describe(about))),
      this.#error,
    );
    this.#field.write(about.default);
  }

  get isChanged(): boolean {
    return format(this.#value) !== format(this.about.default);
  }

  show(value: unknown): void {
    this.#value = value;
    this.#field.write(value);
    this.#reset.hidden = !this.isChanged;
    this.showError("");
  }

  /** What was entered stays, to be put right. */
  showError(message: string): void {
    setText(this.#error, message);
    this.#error.hidden = message === "";
    for (const input of this.#field.inputs) input.setAttribute("aria-invalid", `${message !== ""}`);
  }
}

/** Range and default, as `1 – 10000 px · default 500`. */
function describe({ default: fallback, ...about }: About): string {
  const empty = about.nullable ? " · empty switches it off" : "";
  return `${range(about)}${empty} · default ${format(fallback)}`;
}

function range({ kind, min, max, unit, choices }: Omit<About, "default">): string {
  if (kind === "boolean") return "on or off";
  if (choices) return choices.join(", ");
  return `${min} – ${max}${unit ? ` ${unit}` : ""}`;
}

function format(value: unknown): string {
  if (value === null) return "off";
  if (typeof value === "boolean") return value ? "on" : "off";
  return Array.isArray(value) ? value.join(" × ") : String(value);
}

function makeField(about: About): Field {
  switch (about.kind) {
    case "boolean":
      return checkbox();
    case "choice":
      return choice(about);
    case "size":
      return size(about);
    default:
      return number(about);
  }
}

function checkbox(): Field {
  const input = make("input", { type: "checkbox" });
  input.setAttribute("role", "switch");
  return {
    inputs: [input],
    read: () => input.checked,
    write: (value) => input.checked = value as boolean,
  };
}

function choice({ choices = [] }: About): Field {
  const select = make("select", {}, ...choices.map((each) => new Option(String(each))));
  return {
    inputs: [select],
    read: () => Number(select.value),
    write: (value) => select.value = String(value),
  };
}

function size(about: About): Field {
  const fields = [number({ ...about, kind: "integer" }), number({ ...about, kind: "integer" })];
  return {
    inputs: fields.flatMap((field) => field.inputs),
    read: () => fields.map((field) => field.read()),
    write: (value) => fields.forEach((field, i) => field.write((value as number[])[i])),
  };
}

/** Nothing entered is null: off where the option can be, an error where it cannot. */
function number({ kind, min, max, nullable }: About): Field {
  const input = make("input", {
    type: "number",
    inputMode: "decimal",
    min: String(min),
    max: String(max),
    step: kind === "integer" ? "1" : "any",
    placeholder: nullable ? "off" : "",
  });
  return {
    inputs: [input],
    read: () => input.value === "" ? null : input.valueAsNumber,
    write: (value) => input.value = value === null ? "" : String(value),
  };
}
