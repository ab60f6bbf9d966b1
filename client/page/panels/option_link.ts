import {
  type About,
  defaultOptions,
  mergeOptions,
  OPTIONS,
  type Options,
  type PartialOptions,
} from "../../sdk/mod.ts";
import { changeOf, valueOf } from "./tracking_options.ts";

const OFF = "off";

/** What differs from the defaults, for a session to begin with. */
export function changesOf(options: Options): PartialOptions {
  const changes: Record<string, Record<string, unknown>> = {};
  for (const [path] of changed(options)) {
    const [group, name] = path.split(".");
    (changes[group] ??= {})[name] = valueOf(options, path);
  }
  return changes;
}

/**
 * What differs from the defaults as the fragment of an address, without `#`:
 * `flow.winSize=15x15&filter.maxError=off`. Empty for the defaults.
 */
export function writeFragment(options: Options): string {
  return changed(options)
    .map(([path]) => `${path}=${write(valueOf(options, path))}`)
    .join("&");
}

/** The options that a fragment asks for, and what in it cannot be had, in words. */
export function readFragment(fragment: string): { options: Options; problems: string[] } {
  let options = defaultOptions();
  const problems: string[] = [];
  for (const [path, text] of new URLSearchParams(fragment.replace(/^#/, ""))) {
    const about = OPTIONS.get(path);
    try {
      options = mergeOptions(
        options,
        about ? changeOf(path, read(text, about)) : foreign(path, text),
      );
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  return { options, problems };
}

function changed(options: Options): [path: string, about: About][] {
  return [...OPTIONS].filter(([path, about]) =>
    write(valueOf(options, path)) !== write(about.default)
  );
}

function write(value: unknown): string {
  if (value === null) return OFF;
  return Array.isArray(value) ? value.join("x") : String(value);
}

/** What cannot be read stays text, for the check to name it. */
function read(text: string, { kind, nullable }: About): unknown {
  if (nullable && text === OFF) return null;
  if (kind === "boolean") return text === "true" || (text === "false" ? false : text);
  if (kind === "size") return text.replace(/^\[|\]$/g, "").split(/[x,]/).map(number);
  return number(text);
}

function number(text: string): number | string {
  return text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text);
}

/** A change that the check refuses by the name of what it wants to set. */
function foreign(path: string, text: string): Record<string, unknown> {
  return path.includes(".") ? changeOf(path, text) : { [path]: text };
}
