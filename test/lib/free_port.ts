/** Ports below those that Linux gives to who asks for any (32768 to 60999 by default). */
const FIRST = 20_000, LAST = 32_000;

/**
 * A port of this machine at which nobody listens now, for a server that comes
 * later or again. Nobody gets it by asking for any port, neither another test's
 * server nor the near end of a connection, not even of one to this port, which
 * would then be connected to itself. Where the number need not be known before,
 * ask for port 0.
 */
export function freePort(): number {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
