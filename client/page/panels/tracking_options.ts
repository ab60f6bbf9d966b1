import { defaultOptions, mergeOptions, type Options, type PartialOptions } from "../../sdk/mod.ts";

/** Sends a change to the server; undefined where there is none to send it to. */
type Configure = (change: PartialOptions) => Promise<Options> | undefined;

/** The tracking options in force, for all who show or change them. */
export class TrackingOptions {
  readonly #watchers = new Set<(options: Options) => void>();
  #inForce = defaultOptions();

  constructor(readonly configure: Configure) {}

  get inForce(): Options {
    return this.#inForce;
  }

  /** Calls `watcher` now and whenever the options change. */
  watch(watcher: (options: Options) => void): void {
    this.#watchers.add(watcher);
    watcher(this.#inForce);
  }

  /** Takes over the options that are in force. */
  show(options: Options): void {
    this.#inForce = options;
    for (const watcher of this.#watchers) watcher(options);
  }

  /**
   * Changes options, from the next frame on or from Start.
   *
   * @throws {ProtocolError} here already, by the server's own rules, so that it also does before Start.
   */
  async change(change: PartialOptions): Promise<void> {
    const merged = mergeOptions(this.#inForce, change);
    const configured = this.configure(change);
    this.show(configured ? await configured : merged);
  }
}

/** One option's value by its path, as `flow.maxLevel`. */
export function valueOf(options: Options, path: string): unknown {
  const [group, name] = path.split(".");
  return (options as unknown as Record<string, Record<string, unknown>>)[group][name];
}

/** The change that sets one option. */
export function changeOf(path: string, value: unknown): PartialOptions {
  const [group, name] = path.split(".");
  return { [group]: { [name]: value } };
}
