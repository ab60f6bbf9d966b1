import {
  defaultOptions,
  type LkstreamError,
  mergeOptions,
  type Options,
  type PartialOptions,
} from "../../sdk/mod.ts";

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
   * Changes options, from the next frame on or from Start. What a session did not
   * answer because it ended is for the next one.
   *
   * @throws {ProtocolError} by the server's own rules, here already, so that it also does before Start.
   * @throws {LkstreamError} `bad_option` where the server refuses; then all is as before.
   */
  async change(change: PartialOptions): Promise<void> {
    const before = this.#inForce;
    this.show(mergeOptions(before, change));
    try {
      const answer = await this.configure(change);
      if (answer) this.show(answer);
    } catch (error) {
      if ((error as LkstreamError).code !== "bad_option") return;
      this.show(before);
      throw error;
    }
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
