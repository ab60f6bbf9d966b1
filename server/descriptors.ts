import { ConfigError } from "./flags.ts";
import { connectionsOf } from "./http/listener.ts";
import type { Config } from "./config.ts";

/** What the process has open beside connections: files, libraries, a GPU's devices, and each event loop's own. */
const RESERVED = 100;
const PER_THREAD = 20;

/**
 * Fits the number of connections to the file descriptors that there are: a
 * listener that finds none left accepts nothing any more.
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
