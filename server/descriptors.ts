import { ConfigError } from "./flags.ts";
import { connectionsOf } from "./http/listener.ts";
import type { Config } from "./config.ts";

/** Where the C library may be. */
const LIBRARIES = ["libc.so.6", "libSystem.dylib"];
const RLIMIT_NOFILE = Deno.build.os === "darwin" ? 8 : 7;
const SYMBOLS = {
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  dup: { parameters: ["i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

/** What the process has open beside connections: files, libraries, a GPU's devices, and each event loop's own. */
const RESERVED = 100;
const PER_THREAD = 20;
/** With fewer left, accepting a connection may fail at any moment. */
const FEW = 8;
const LOOK_MS = 1000;

/** The file descriptors of this process, of which each connection takes one. */
export class Descriptors implements Disposable {
  /** How many there may be. */
  readonly limit: number;
  readonly #library: Deno.DynamicLibrary<typeof SYMBOLS>;

  private constructor(library: Deno.DynamicLibrary<typeof SYMBOLS>) {
    this.#library = library;
    const limits = new BigUint64Array(2); // the one in force, and how far it may be raised
    library.symbols.getrlimit(RLIMIT_NOFILE, limits);
    this.limit = Number(limits[0]);
  }

  /** Null where the C library is none of those that are known. */
  static open(): Descriptors | null {
    for (const name of LIBRARIES) {
      try {
        return new Descriptors(Deno.dlopen(name, SYMBOLS));
      } catch {
        // another system's
      }
    }
    return null;
  }

  /** Whether few are left, or none. */
  get areFew(): boolean {
    const { dup, close } = this.#library.symbols;
    const lowest = dup(2);
    if (lowest >= 0) close(lowest);
    return lowest < 0 || lowest >= this.limit - FEW;
  }

  [Symbol.dispose](): void {
    this.#library.close();
  }
}

/**
 * Fits the number of connections to the descriptors that there are: a listener
 * that finds none left accepts nothing any more.
 *
 * @param limit of descriptors
 * @returns the configuration, and a sentence if fewer connections are allowed than it would have
 * @throws {ConfigError} where `--max-connections` asks for more than there can be.
 */
export function fitConnections(
  config: Config,
  limit: number,
): { config: Config; lowered: string | null } {
  const { limits, threads } = config;
  const most = limit - RESERVED - PER_THREAD * threads;
  const wanted = connectionsOf(limits);
  if (wanted <= most) return { config, lowered: null };
  const why = `the system allows this process ${limit} file descriptors (ulimit -n, LimitNOFILE)`;
  if (limits.maxConnections !== null || most < 1) {
    throw new ConfigError(
      `Cannot allow ${wanted} connections, for ${why}: allowed are ${Math.max(0, most)}`,
    );
  }
  return {
    config: { ...config, limits: { ...limits, maxConnections: most } },
    lowered: `Allows ${most} connections instead of ${wanted}, for ${why}`,
  };
}

/**
 * Deno's listener stops in silence if it finds no descriptor for a connection:
 * once there are some again, it has to listen anew.
 */
export class DescriptorWatch implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;
  #wereFew = false;

  /** @param listenAgain is tried until it succeeds */
  constructor(
    descriptors: Pick<Descriptors, "areFew">,
    listenAgain: () => Promise<void>,
    lookMs = LOOK_MS,
  ) {
    this.#timer = setInterval(async () => {
      if (descriptors.areFew) {
        this.#wereFew = true;
      } else if (this.#wereFew) {
        this.#wereFew = false;
        await listenAgain().catch(() => this.#wereFew = true);
      }
    }, lookMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
